/* SPDX-License-Identifier: Apache-2.0 */
/* States that the tests of selector/ begin with. */
#pragma once

#include "selector/state.h"
#include "tests/unit/test.h"

#include <string.h>

/* A release id that is n all over, so that each n is another release. */
static inline const uint8_t *states_id(uint8_t n)
{
	static uint8_t id[STATE_ID_LEN];

	memset(id, n, sizeof(id));
	return id;
}

static inline void states_set(struct state *s, int slot, enum state_st st, uint64_t sequence)
{
	struct state_slot *t = &s->slot[slot];

	*t = (struct state_slot){ .st = st };
	if (st == STATE_EMPTY || st == STATE_WRITING)
		return;
	t->has_release = true;
	t->sequence = sequence;
	memcpy(t->release, states_id((uint8_t)sequence), STATE_ID_LEN);
	if (st == STATE_TRIAL) {
		t->tries = STATE_TRIES;
		t->grace = STATE_GRACE;
	}
	if (st == STATE_GOOD) {
		t->ever_good = true;
		t->grace = STATE_GRACE;
	}
}

/* The page that has the tables of selector/. */
static inline const char *states_page(void)
{
	static char text[128 << 10];
	FILE *f = fopen("docs/STATE.md", "r");

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

/* So many slots, all of this kind and of sequence 1. */
static inline void states_all(struct state *s, unsigned nslots, enum state_st st)
{
	state_init(s, nslots);
	for (int i = 0; i < s->nslots; i++)
		states_set(s, i, st, 1);
}

/* Slot a good and preferred with sequence 1, slot b empty. */
static inline void states_fresh(struct state *s)
{
	state_init(s, 2);
	states_set(s, 0, STATE_GOOD, 1);
	s->last = 0;
}

/* The same with a trial of sequence 2 in b, preferred. */
static inline void states_trial(struct state *s)
{
	states_fresh(s);
	states_set(s, 1, STATE_TRIAL, 2);
	s->pref = 1;
}

/* And that trial booted: one try spent, the attempt open under token 7. */
static inline void states_open(struct state *s)
{
	states_trial(s);
	s->slot[1].tries--;
	s->open = 1;
	s->open_token = 7;
}
