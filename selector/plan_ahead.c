/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/plan.h"

/* Where nothing is known: half of all numbers stay free. */
#define FIRST_MAX (INT64_MAX / 2)

/* The highest sequence that ever proved itself here. A trial has not: else each could push the
 * bound up for the next one, without any of them being committed. */
static uint64_t highest_proven(const struct state *s)
{
	uint64_t highest = s->floor;

	for (unsigned i = 0; i < s->nslots; i++) {
		const struct state_slot *t = &s->slot[i];

		if (t->has_release && (t->st == STATE_GOOD || t->ever_good) &&
		    t->sequence > highest)
			highest = t->sequence;
	}
	return highest;
}

enum kb_err plan_ahead(const struct state *s, const struct plan_release *r, uint64_t max)
{
	uint64_t base = highest_proven(s), limit;

	if (max == 0)
		return KB_OK;
	if (base == 0)
		limit = FIRST_MAX;
	else if (__builtin_add_overflow(base, max, &limit))
		return KB_OK;
	return r->sequence > limit ? KB_EAHEAD : KB_OK;
}
