/* SPDX-License-Identifier: Apache-2.0 */
/* From everywhere, left alone: it settles, soon, and on what it should (I3, I4, I9). */
#include "tests/sim/powercut.h"

struct end {
	uint16_t boots;	  /* until it is in the circle that it stays in */
	uint8_t standing; /* there */
	uint8_t seen;	  /* 1: on the way that is being followed; 2: known */
};

/* ---------------------------------------------------------------- the circle */

/* What a device at rest still writes, in operations (a record is a write and a flush): as the table
 * in docs/STATE.md has it. */
static bool is_quiet(const struct powercut_story *s, const struct powercut_node *n)
{
	/* GRUB counts a start, and init answers. */
	if (s->counts && !n->up)
		return n->nops == 4;
	/* A good slot is charged at each boot, and called good in each. */
	if (s->blind)
		return n->nops == (n->up && n->marked ? 0 : 2);
	/* Looking at a stick that is left in costs two records, unless it took the device down too
	 * often to be looked at. */
	if (s->stick && !n->up)
		return n->nops == 4 || n->nops == 0;
	return n->nops == 0;
}

/* Of a node in the circle: as the one before it that was up. */
static void check_member(struct powercut_walk *w, uint32_t i, uint32_t *up)
{
	const struct powercut_node *n = &w->node[i];
	const struct powercut_node *was = *up != POWERCUT_WALK_NONE ? &w->node[*up] : NULL;

	if (!is_quiet(w->story, n))
		powercut_walk_fail(w, i, "it is settled, and each time does %u operations",
				   n->nops);
	if (n->touches)
		powercut_walk_fail(w, i, "it is settled, and a slot is written each time");
	/* What is counted is under way until it is called good. */
	if (!n->up || (w->story->blind && !n->marked))
		return;
	powercut_pairs_check_rest(w, i);
	if (was != NULL && was->slot != n->slot)
		powercut_walk_fail(w, i, "left alone, it goes to and fro between the slots");
	if (was != NULL && was->standing != n->standing)
		powercut_walk_fail(w, i, "left alone, the update is settled now so, now so");
	*up = i;
}

/* The circle that a way ends in: the same system, boot after boot, and nothing is written. */
static enum powercut_standing check_circle(struct powercut_walk *w, uint32_t at)
{
	uint32_t i = at, up = POWERCUT_WALK_NONE;
	bool settled = false;

	do {
		settled |= w->node[i].up && w->node[i].wants_nothing;
		check_member(w, i, &up);
		i = w->node[i].next;
	} while (i != at);
	if (!settled)
		powercut_walk_fail(w, at, "left alone, it never comes to rest");
	return up == POWERCUT_WALK_NONE ? POWERCUT_UNDECIDED : w->node[up].standing;
}

/* ---------------------------------------------------------------- the way there */

static bool is_right(const struct powercut_story *s, enum powercut_standing is)
{
	bool back = s->ends_old || s->events & POWERCUT_ROLLS_BACK;

	return is == POWERCUT_REFUSED || (is == POWERCUT_COMMITTED && !s->ends_old) ||
	       (is == POWERCUT_WENT_BACK && back);
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

/*
 * Cuts that a good update survives at least. Where the hardware tells of them none costs a try
 * before the grace is used up; but a device whose state is new has still to see that it does. With
 * a region one that was excused may be lost.
 */
static unsigned least_cuts(const struct powercut_story *s, const struct powercut_node *n)
{
	if (s->blind || s->no_state || s->events & POWERCUT_RESETS)
		return STATE_TRIES;
	return STATE_TRIES + STATE_GRACE - n->lost;
}

/* It is given up only after so many. */
static void check_given_up(struct powercut_walk *w, const struct end *end, uint32_t i)
{
	const struct powercut_node *n = &w->node[i];

	if (w->story->does != POWERCUT_WORKS || w->story->ends_old || n->lost_all ||
	    w->story->events & POWERCUT_ROLLS_BACK || end[i].standing == POWERCUT_COMMITTED)
		return;
	if (n->cuts < least_cuts(w->story, n))
		powercut_walk_fail(w, i, "a good update is given up after %u cuts", n->cuts);
}

/* From a walk that was stopped, too: what its frontier leads to is followed, without cuts. */
void powercut_end_settle(struct powercut_walk *w)
{
	w->uncut = true;
	for (uint32_t i = 0; i < w->n && w->violation[0] == '\0'; i++) {
		uint32_t at = i;

		while (w->node[at].looked && w->violation[0] == '\0') {
			at = w->node[at].next;
			if (at == POWERCUT_WALK_NONE || w->node[at].looked)
				break;
			powercut_walk_expand(w, at);
			powercut_walk_leave(w, at);
		}
	}
	w->uncut = false;
	/* Else nothing of what an install flushes while it writes was cut. */
	if (w->fixpoint && w->violation[0] == '\0' && w->ranges == 0)
		powercut_walk_fail(w, 0, "no program flushed a part of a disk");
}

static void check_end(struct powercut_walk *w, const struct end *end, uint32_t i)
{
	if (end[i].boots > w->max_boots)
		w->max_boots = end[i].boots;
	if (!is_right(w->story, end[i].standing))
		powercut_walk_fail(w, i, "left alone, it ends with the update %s",
				   end[i].standing == POWERCUT_COMMITTED
					   ? "committed, which is not to be"
					   : "neither committed nor refused");
	/* Each retry that is cut doubles the wait for the next one; left alone, it comes. */
	if (end[i].boots > w->story->boots + w->node[i].distance)
		powercut_walk_fail(w, i, "left alone, it needs %u boots", end[i].boots);
	check_given_up(w, end, i);
}

void powercut_end_check(struct powercut_walk *w)
{
	struct end *end = cut_content_must(calloc(w->n, sizeof(*end)));
	uint32_t *way = cut_content_must(calloc(w->n + 1, sizeof(*way)));

	for (uint32_t i = 0; i < w->n && w->violation[0] == '\0'; i++) {
		if (!w->node[i].looked)
			continue;
		settle(w, end, i, way);
		if (w->violation[0] == '\0')
			check_end(w, end, i);
	}
	w->endings = true;
	free(end);
	free(way);
}
