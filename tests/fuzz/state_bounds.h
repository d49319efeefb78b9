/* SPDX-License-Identifier: Apache-2.0 */
/* What holds of each state that was read, whatever its text was: for the fuzz target and the proof
 * of the codec. */
#pragma once

#include "selector/state.h"

/* Returns the condition from the function that it stands in if it does not hold. */
#define STATE_MUST(cond)              \
	do {                          \
		if (!(cond))          \
			return #cond; \
	} while (0)

static inline bool state_bounds_text(const char *text, size_t size)
{
	for (; size > 0 && *text >= ' ' && *text <= '~'; size--)
		text++;
	return size > 0 && *text == '\0';
}

static inline bool state_bounds_is_slot(const struct state *s, int slot)
{
	return slot == STATE_NONE || (slot >= 0 && slot < s->nslots);
}

static inline const char *state_bounds_slot(const struct state_slot *t)
{
	STATE_MUST(t->st <= STATE_BAD && t->tries <= STATE_TRIES_MAX && t->grace <= STATE_GRACE);
	STATE_MUST(t->streak <= STATE_STREAK_LIMIT && t->doubt <= 1);
	STATE_MUST(t->retries <= STATE_RETRIES_MAX && t->wait <= 1u << STATE_RETRIES_MAX);
	STATE_MUST(state_bounds_text(t->version, sizeof(t->version)));
	STATE_MUST(state_bounds_text(t->reason, sizeof(t->reason)));
	STATE_MUST(t->has_release || (t->sequence == 0 && t->version[0] == '\0'));
	return NULL;
}

/* The first condition that does not hold, or NULL. */
static inline const char *state_bounds_broken(const struct state *s)
{
	STATE_MUST(s->nslots >= 1 && s->nslots <= STATE_SLOTS_MAX);
	for (unsigned i = 0; i < s->nslots; i++) {
		const char *broken = state_bounds_slot(&s->slot[i]);

		if (broken != NULL)
			return broken;
	}
	STATE_MUST(s->pref >= 0 && s->pref < s->nslots);
	STATE_MUST(state_bounds_is_slot(s, s->last) && state_bounds_is_slot(s, s->open) &&
		   state_bounds_is_slot(s, s->oneshot));
	STATE_MUST(state_bounds_is_slot(s, s->lr) && s->lr_count <= STATE_LR_COUNT_MAX);
	STATE_MUST(s->open != STATE_NONE || (s->open_token == 0 && !s->clean));
	STATE_MUST(s->staged.source <= STATE_SRC_NONE && s->staged.fails <= STATE_FAILS_LIMIT);
	for (unsigned i = 0; i < STATE_SRC_COUNT; i++)
		STATE_MUST(s->apply[i].count <= STATE_APPLY_LIMIT &&
			   s->apply[i].excused <= STATE_APPLY_DIED);
	STATE_MUST(s->installs <= STATE_INSTALLS_LIMIT && s->floor < UINT64_MAX);
	STATE_MUST(s->back < UINT64_MAX);
	STATE_MUST(s->rejected_max < UINT64_MAX && s->forgotten_max < UINT64_MAX);
	STATE_MUST(s->napplied <= STATE_LEDGER_LEN && s->nrejected <= STATE_LEDGER_LEN);
	STATE_MUST(s->nunwritable <= STATE_UNWRITABLE_LEN);
	for (unsigned i = 0; i < s->nunwritable; i++)
		STATE_MUST(s->unwritable[i].count >= 1 &&
			   s->unwritable[i].count <= STATE_FAILS_LIMIT);
	STATE_MUST(state_bounds_text(s->disk, sizeof(s->disk)));
	STATE_MUST(s->extra_len <= sizeof(s->extra));
	return NULL;
}
