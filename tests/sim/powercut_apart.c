/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images that are taken for one another, played apart. The walk goes on from one image of each
 * class; here, any raw images that cuts have left (some, by a seed) go on themselves. Each has to
 * be of a class that was looked at; so has all that comes of it; and left alone it leads to the
 * same.
 */
#include "tests/sim/powercut_walk.h"

#include <stdlib.h>

static void take(struct powercut_walk *w, const struct powercut_node *proto, unsigned k,
		 uint64_t seed)
{
	struct powercut_apart_one *one = &w->apart.one[k];

	powercut_node_free_image(one->n.im);
	one->n = *proto;
	one->n.im = cut_content_must(calloc(1, sizeof(*one->n.im)));
	one->n.key = powercut_node_key_of(&one->n, powercut_cut_sample(&w->cut, seed, one->n.im));
	one->is = powercut_walk_find(w, one->n.key);
	one->draw = (struct powercut_draw){ .is = true,
					    .from = proto->parent,
					    .program = proto->program,
					    .cut_at = proto->cut_at,
					    .seed = seed };
	if (one->is != POWERCUT_WALK_NONE)
		return;
	w->apart.now = one->draw;
	powercut_walk_fail(w, proto->parent,
			   "a cut after %u operations leaves an image that is of no class",
			   proto->cut_at);
}

static bool is_wanted(const struct powercut_draw *d, const struct powercut_node *proto)
{
	return d->from == proto->parent && d->program == proto->program &&
	       d->cut_at == proto->cut_at;
}

/* Each cut has the same chance to be among those that are kept. */
void powercut_apart_offer(struct powercut_walk *w, const struct powercut_node *proto)
{
	struct powercut_apart *a = &w->apart;
	uint64_t k = a->seen++;

	if (a->wanted.is && a->n == 0 && is_wanted(&a->wanted, proto)) {
		a->n = 1;
		take(w, proto, 0, a->wanted.seed);
	}
	if (a->most == 0 || a->playing || w->violation[0] != '\0')
		return;
	if (k >= a->most)
		k = cut_image_random(&a->seed) % a->seen;
	else
		a->n = (unsigned)k + 1;
	if (k < a->most)
		take(w, proto, (unsigned)k, cut_image_random(&a->seed));
}

static void play(struct powercut_walk *w, struct powercut_apart_one *one)
{
	uint32_t at = w->n; /* behind the last node, and none itself */

	powercut_node_grow(w);
	if (!w->node[one->is].looked) /* the walk was stopped */
		return;
	w->apart.now = one->draw;
	w->node[at] = one->n;
	w->node[at].next = POWERCUT_WALK_NONE;
	w->node[at].passes_hurt = powercut_check_hurt(w, at);
	powercut_check_image(w, at);
	powercut_check_edge(w, one->n.parent, at, one->n.program);
	powercut_walk_expand(w, at);
	if (w->violation[0] == '\0' && w->node[at].next != w->node[one->is].next)
		powercut_walk_fail(w, at, "played apart, an image leads to another end");
	w->apart.now.is = w->violation[0] != '\0';
	w->apart.played++;
}

void powercut_apart_replay(struct powercut_walk *w)
{
	struct powercut_apart_one *one = &w->apart.one[0];

	w->apart.wanted.is = false;
	if (w->violation[0] == '\0' && !w->node[one->is].looked)
		powercut_walk_expand(w, one->is);
	w->apart.playing = true;
	if (w->violation[0] == '\0')
		play(w, one);
	w->apart.playing = false;
}

void powercut_apart_play(struct powercut_walk *w)
{
	struct powercut_walk was = *w;

	w->apart.playing = true;
	for (unsigned i = 0; i < w->apart.n && w->violation[0] == '\0'; i++)
		play(w, &w->apart.one[i]);
	w->apart.playing = false;
	w->cut_points = was.cut_points;
	w->cut.raw = was.cut.raw;
	w->runs = was.runs;
	w->reruns = was.reruns;
}
