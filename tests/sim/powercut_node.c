/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes of a walk: kept by their keys. */
#include "tests/sim/powercut.h"

/* ---------------------------------------------------------------- nodes */

static uint64_t mix(uint64_t a, uint64_t b)
{
	return cut_content_mix(a * 0x9e3779b97f4a7c15u + b + 0x632be59bd9b4e019u);
}

/* Which slot runs, and whether its token is that of the attempt under way. */
static uint64_t run_key(const struct powercut_node *n)
{
	static struct powercut_view v;

	if (!n->up)
		return 0;
	powercut_view_read(&n->im->disk[POWERCUT_STATE], &v);
	return 1u + (unsigned char)n->im->run.slot[0] * 2u +
	       (v.found && v.s.open_token != 0 &&
		strtoull(n->im->run.token + 1, NULL, 10) == v.s.open_token);
}

uint64_t powercut_node_key_of(const struct powercut_node *n, uint64_t hash)
{
	uint64_t bits = n->up | n->lost << 1 | n->marked << 2 | n->switched << 3 |
			(unsigned)n->trials << 4 | (unsigned)n->reset << 12 |
			(unsigned)n->hurt << 16 | (unsigned)n->lost_all << 20;

	return mix(mix(hash, bits), run_key(n)) | 1;
}

uint32_t powercut_walk_find(const struct powercut_walk *w, uint64_t key)
{
	return set_find(&w->known, key);
}

void powercut_node_grow(struct powercut_walk *w)
{
	w->node = cut_content_room(w->node, w->n, &w->room, sizeof(*w->node));
}

void powercut_node_free_image(struct powercut_image *im)
{
	if (im == NULL)
		return;
	for (unsigned i = 0; i < POWERCUT_DISKS; i++)
		cut_content_free(&im->disk[i]);
	free(im);
}

struct powercut_image *powercut_node_copy_image(const struct cut_disk *disk,
						const struct powercut_run *run)
{
	struct powercut_image *im = cut_content_must(calloc(1, sizeof(*im)));

	if (run != NULL)
		im->run = *run;
	for (unsigned i = 0; i < POWERCUT_DISKS; i++)
		cut_content_copy(&im->disk[i], &disk[i].durable);
	return im;
}

/* It has an image that was not looked at. */
static void begin(struct powercut_walk *w, uint32_t at)
{
	w->node[at].passes_hurt = powercut_check_hurt(w, at);
	powercut_queue_put(w, at);
	powercut_check_image(w, at);
}

/* A shorter way to a node that was not looked at yet: it is that of the way's own image. */
static void shorten(struct powercut_walk *w, uint32_t at, struct powercut_node *n)
{
	struct powercut_node *is = &w->node[at];

	if (is->im == NULL || n->cuts >= is->cuts)
		return;
	is->cuts = n->cuts;
	is->parent = n->parent;
	is->program = n->program;
	is->program_ended = n->program_ended;
	is->cut_at = n->cut_at;
	/* Else a replay of the shorter way would go on from another image than the walk. */
	powercut_walk_leave(w, at);
	is->im = n->im;
	n->im = NULL;
	begin(w, at);
}

/* The node itself, which is copied, when it is new; else the one that is there. Takes its image and
 * run over. */
uint32_t powercut_node_add(struct powercut_walk *w, struct powercut_node *n)
{
	uint32_t at = powercut_walk_find(w, n->key);

	if (at != POWERCUT_WALK_NONE) {
		if (n->parent != POWERCUT_WALK_NONE)
			powercut_check_edge(w, n->parent, at, n->program);
		shorten(w, at, n);
		powercut_node_free_image(n->im);
		return at;
	}
	if (w->apart.playing) {
		powercut_walk_fail(w, n->parent,
				   "played apart, it leads to what was not looked at");
		powercut_node_free_image(n->im);
		return POWERCUT_WALK_NONE;
	}
	powercut_node_grow(w);
	at = w->n++;
	w->node[at] = *n;
	w->node[at].next = POWERCUT_WALK_NONE;
	w->node[at].nops = 0;
	set_add(&w->known, n->key, at);
	w->images += !n->up;
	begin(w, at);
	if (n->parent != POWERCUT_WALK_NONE)
		powercut_check_edge(w, n->parent, at, n->program);
	return at;
}

/* ---------------------------------------------------------------- in which order */

/*
 * Which node is looked at next: all those that n cuts lead to, before any that takes one more. A
 * walk that is stopped has then seen every story with so many cuts, and knows how many.
 */
void powercut_queue_put(struct powercut_walk *w, uint32_t i)
{
	unsigned cuts = w->node[i].cuts < POWERCUT_LEVELS ? w->node[i].cuts : POWERCUT_LEVELS - 1;
	struct powercut_level *l = &w->level[cuts];

	l->node = cut_content_room(l->node, l->n, &l->room, sizeof(*l->node));
	l->node[l->n++] = i;
}

/* A node that was found again with fewer cuts stands in two levels: once it was looked at, it is
 * passed over. */
uint32_t powercut_queue_next(struct powercut_walk *w)
{
	for (; w->at < POWERCUT_LEVELS; w->at++) {
		struct powercut_level *l = &w->level[w->at];

		while (l->done < l->n) {
			uint32_t i = l->node[l->done++];

			if (w->node[i].im != NULL)
				return i;
		}
	}
	return POWERCUT_WALK_NONE;
}
