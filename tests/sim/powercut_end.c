/* SPDX-License-Identifier: Apache-2.0 */
/* From everywhere, left alone: it settles, soon, and on what it should (I3). */
#include "tests/sim/powercut_walk.h"

#include <stdlib.h>

struct end {
	uint16_t boots;	  /* until it is in the circle that it stays in */
	uint8_t standing; /* there */
	uint8_t seen;	  /* 1: on the way that is being followed; 2: known */
};

/* The circle that a way ends in: the same system, boot after boot, and nothing is written. */
static enum powercut_standing check_circle(struct powercut_walk *w, uint32_t at)
{
	enum powercut_standing is = POWERCUT_UNDECIDED;
	bool settled = false;
	uint32_t i = at;

	do {
		const struct powercut_node *n = &w->node[i];

		if (n->up && n->wants_nothing) {
			settled = true;
			is = n->standing;
		}
		/* A stick that is left in costs its count; what tells nothing, the charge. */
		if (!n->up && n->nops > 0 && !w->story->blind && !w->story->stick)
			powercut_walk_fail(w, i, "it is settled, and each boot does %u operations",
					   n->nops);
		i = n->next;
	} while (i != at);
	if (!settled)
		powercut_walk_fail(w, at, "left alone, it never comes to rest");
	return is;
}

static bool is_right(const struct powercut_story *s, enum powercut_standing is)
{
	switch (is) {
	case POWERCUT_COMMITTED:
		return !s->ends_old;
	case POWERCUT_REFUSED:
		return true;
	case POWERCUT_WENT_BACK:
		return s->ends_old || s->events & POWERCUT_ROLLS_BACK;
	case POWERCUT_UNDECIDED:
		break;
	}
	return false;
}

/* Follows the way from i to what is known, or to a circle; then back along it. */
static void settle(struct powercut_walk *w, struct end *end, uint32_t i, uint32_t *way)
{
	uint32_t n = 0, at = i;
	struct end last;

	while (end[at].seen == 0) {
		end[at].seen = 1;
		way[n++] = at;
		if (w->node[at].next == POWERCUT_WALK_NONE) {
			powercut_walk_fail(w, at, "nothing comes of it");
			return;
		}
		at = w->node[at].next;
	}
	if (end[at].seen == 1) {
		uint8_t is = (uint8_t)check_circle(w, at);
		uint32_t member;

		do {
			member = way[--n];
			end[member] = (struct end){ .standing = is, .seen = 2 };
		} while (member != at);
	}
	last = end[at];
	while (n > 0) {
		at = way[--n];
		last.boots += !w->node[at].up;
		end[at] = last;
	}
}

/* A good update is given up only after as many cuts as its tries. */
static void check_given_up(struct powercut_walk *w, const struct end *end, uint32_t i)
{
	const struct powercut_node *n = &w->node[i];

	if (w->story->does != POWERCUT_WORKS || w->story->ends_old || n->lost_all ||
	    w->story->events & POWERCUT_ROLLS_BACK || end[i].standing == POWERCUT_COMMITTED)
		return;
	if (w->given_up_at == 0 || n->cuts < w->given_up_at)
		w->given_up_at = n->cuts;
	if (n->cuts < STATE_TRIES)
		powercut_walk_fail(w, i, "a good update is given up after %u cuts", n->cuts);
}

void powercut_check_endings(struct powercut_walk *w)
{
	struct end *end = calloc(w->n, sizeof(*end));
	uint32_t *way = calloc(w->n + 1, sizeof(*way));

	if (end == NULL || way == NULL)
		abort();
	for (uint32_t i = 0; i < w->n && w->violation[0] == '\0'; i++) {
		settle(w, end, i, way);
		if (end[i].boots > w->max_boots)
			w->max_boots = end[i].boots;
		if (w->violation[0] != '\0')
			break;
		if (!is_right(w->story, end[i].standing))
			powercut_walk_fail(w, i, "left alone, it ends with the update %s",
					   end[i].standing == POWERCUT_COMMITTED
						   ? "committed, which is not to be"
						   : "neither committed nor refused");
		if (end[i].boots > w->story->boots)
			powercut_walk_fail(w, i, "left alone, it needs %u boots", end[i].boots);
		check_given_up(w, end, i);
	}
	free(end);
	free(way);
}
