/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images that are taken for one another, played apart. The walk goes on from one image of each
 * class; here, any raw images that cuts have left (some, by a seed) go on themselves. Each has to
 * be of a class that was looked at; so has all that comes of it; and left alone it leads to the
 * same.
 */
#include "tests/sim/powercut.h"

static void take(struct powercut_walk *w, const struct powercut_node *proto,
		 struct powercut_node *one)
{
	uint64_t seed = cut_image_random(&w->apart.random);

	powercut_node_free_image(one->im);
	*one = *proto;
	one->im = cut_content_must(calloc(1, sizeof(*one->im)));
	one->key = powercut_node_key_of(one, powercut_cut_sample(&w->cut, seed, one->im));
	if (powercut_walk_find(w, one->key) != POWERCUT_WALK_NONE)
		return;
	w->apart.wrong = one;
	powercut_walk_fail(w, proto->parent,
			   "a cut after %u operations leaves an image that is of no class",
			   proto->cut_at);
}

/* Each cut has the same chance to be among those that are kept. */
void powercut_apart_offer(struct powercut_walk *w, const struct powercut_node *proto)
{
	struct powercut_apart *a = &w->apart;
	uint64_t k = a->seen++;

	if (a->most == 0 || a->playing || w->violation[0] != '\0')
		return;
	if (k >= a->most)
		k = cut_image_random(&a->random) % a->seen;
	else
		a->n = (unsigned)k + 1;
	if (k < a->most)
		take(w, proto, &a->one[k]);
}

static void play(struct powercut_walk *w, const struct powercut_node *one)
{
	uint32_t at = w->n; /* behind the last node, and none itself */
	uint32_t is = powercut_walk_find(w, one->key);

	powercut_node_grow(w);
	if (!w->node[is].looked) /* the walk was stopped */
		return;
	w->node[at] = *one;
	w->node[at].next = POWERCUT_WALK_NONE;
	w->node[at].passes_hurt = powercut_check_hurt(w, at);
	powercut_check_image(w, at);
	powercut_check_edge(w, one->parent, at, one->program);
	powercut_walk_expand(w, at);
	if (w->violation[0] == '\0' && w->node[at].next != w->node[is].next)
		powercut_walk_fail(w, at, "played apart, an image leads to another end");
	w->apart.wrong = w->violation[0] != '\0' ? one : NULL;
	w->apart.played++;
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
