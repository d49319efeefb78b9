/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to hold from one image to the next: of each way by which one comes of the other, since
 * most lead to a node that is there already. I7 and I8 are those of docs/PROOF.md.
 */
#include "tests/sim/powercut.h"

void powercut_check_record(struct powercut_walk *w, uint32_t i, const struct powercut_view *v)
{
	struct powercut_node *n = &w->node[i];

	n->found = v->found;
	n->floor = 0;
	n->rejected = n->tried = false;
	n->distance = 0;
	n->open = STATE_NONE;
	memset(n->tries, POWERCUT_NO_TRIAL, sizeof(n->tries));
	if (!v->found)
		return;
	n->floor = (uint8_t)v->s.floor;
	n->rejected = state_is_rejected(&v->s, powercut_release[POWERCUT_NEW].id);
	n->open = v->s.open;
	for (int slot = 0; slot < POWERCUT_SLOTS; slot++) {
		const struct state_slot *t = &v->s.slot[slot];

		n->distance += t->retries > 0 ? 1u << t->retries : 0;
		if (t->st != STATE_TRIAL)
			continue;
		n->tries[slot] = t->tries;
		n->holds[slot] = (int8_t)(t->has_release ? powercut_view_release(t->release)
							 : POWERCUT_NONE);
		n->tried |= t->has_release && t->tries > 0 &&
			    powercut_view_release(t->release) == POWERCUT_NEW;
	}
}

/* A boot settles the attempt that was under way, and charges its own: no other slot's tries,
 * unless it installs something else there. */
static void check_tries(struct powercut_walk *w, uint32_t at, const struct powercut_node *p,
			const struct powercut_node *n)
{
	for (int slot = 0; slot < POWERCUT_SLOTS; slot++) {
		if (p->tries[slot] == POWERCUT_NO_TRIAL || n->tries[slot] == POWERCUT_NO_TRIAL ||
		    p->holds[slot] != n->holds[slot] || p->open == slot || n->open == slot ||
		    p->tries[slot] == n->tries[slot])
			continue;
		powercut_walk_fail(w, at,
				   "a boot that has nothing to do with slot %c changes its "
				   "tries from %u to %u",
				   state_slot_letter(slot), p->tries[slot], n->tries[slot]);
	}
}

/* ---------------------------------------------------------------- a state that is made anew */

#define AT_FLOOR 104 /* in a manifest cell: docs/STATE.md */

/* Whether a manifest cell holds a release's bundle, whole. */
static bool is_whole(const struct cut_content *state, uint64_t off, const struct bundles_release *r)
{
	uint8_t data[CUT_SECTOR], want[CUT_SECTOR];

	for (uint64_t at = 0; at < r->blob_len; at += CUT_SECTOR) {
		uint64_t sector = (off + BDEV_ALIGN + at) / CUT_SECTOR;
		uint64_t n = r->blob_len - at < CUT_SECTOR ? r->blob_len - at : CUT_SECTOR;

		memset(want, 0, sizeof(want));
		memcpy(want, r->blob + at, n);
		cut_content_get(state, sector, data);
		if (cut_content_is_bad(state, sector) || memcmp(data, want, n) != 0)
			return false;
	}
	return true;
}

static uint64_t floor_of(const struct cut_content *state, uint64_t off)
{
	uint8_t first[CUT_SECTOR];
	int r;

	if (cut_content_bad_of(state, off / BDEV_ALIGN) != 0 ||
	    !powercut_map_is_header(cut_content_page(state, off / BDEV_ALIGN)))
		return 0;
	cut_content_get(state, off / CUT_SECTOR, first);
	r = powercut_view_release(first + CELL_HEADER);
	return r >= 0 && is_whole(state, off, &powercut_release[r]) ? bytes_get64(first + AT_FLOOR)
								    : 0;
}

/* What the manifest cells remember of the floor is not forgotten with the records. */
static void check_rebuilt(struct powercut_walk *w, uint32_t at, const struct cut_content *state,
			  unsigned floor)
{
	for (int copy = 0; copy < 2; copy++) {
		for (int slot = 0; slot < POWERCUT_SLOTS; slot++) {
			uint64_t is = floor_of(state, STORE_MANIFEST(copy, slot));

			if (floor < is)
				powercut_walk_fail(w, at,
						   "the state is made anew with the floor %u,"
						   " and a manifest cell has %llu",
						   floor, (unsigned long long)is);
		}
	}
}

void powercut_check_edge(struct powercut_walk *w, uint32_t from, uint32_t to,
			 enum powercut_program program)
{
	const struct powercut_node *p = &w->node[from], *n = &w->node[to];
	/* The way to a node that was there already is another one. */
	uint32_t at = n->parent == from ? to : from;

	if (p->lost != n->lost) /* what was lost was not kept */
		return;
	if (p->found && !n->found)
		powercut_walk_fail(w, at, "there was a record of the state, and none is left");
	if (n->floor < p->floor)
		powercut_walk_fail(w, at, "the floor has fallen from %u to %u", p->floor, n->floor);
	if (p->rejected && n->tried && !p->tried)
		powercut_walk_fail(w, at, "a rejected release is installed again");
	if (program == POWERCUT_BOOT)
		check_tries(w, at, p, n);
	if (!p->found && n->found && p->im != NULL)
		check_rebuilt(w, at, &p->im->disk[POWERCUT_STATE], n->floor);
}
