/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/choose.h"

/* Slots in the order in which they are asked, each once. */
struct order {
	unsigned n;
	int8_t slot[STATE_SLOTS_MAX];
};

static void order_add(struct order *o, int slot)
{
	if (slot == STATE_NONE)
		return;
	for (unsigned i = 0; i < o->n; i++)
		if (o->slot[i] == slot)
			return;
	o->slot[o->n++] = (int8_t)slot;
}

static struct order order_of(const struct state *s, int first, int second)
{
	struct order o = { 0 };

	order_add(&o, first);
	order_add(&o, second);
	for (int i = 0; i < s->nslots; i++)
		order_add(&o, i);
	return o;
}

static void add_candidate(struct choose_list *l, int slot, enum choose_tier tier)
{
	l->c[l->n++] = (struct choose_candidate){ .slot = (int8_t)slot, .tier = tier };
}

/* The only slots left to go to are in doubt. */
static bool all_in_doubt(const struct state *s)
{
	unsigned n = 0;

	for (int i = 0; i < s->nslots; i++) {
		const struct state_slot *t = &s->slot[i];

		if (state_is_in_doubt(t))
			n++;
		else if (state_is_fit(t))
			return false;
	}
	return n > 0;
}

/* One that is preferred comes back; any other one is worth a look only where all is in doubt. */
static bool is_retry(const struct state *s, int slot)
{
	const struct state_slot *t = &s->slot[slot];

	return state_is_due(t) && ((slot == s->pref && t->st == STATE_GOOD) || all_in_doubt(s));
}

bool choose_is_last_resort(const struct state *s, int slot)
{
	const struct state_slot *t = &s->slot[slot];

	return state_is_whole(t) && !state_is_fit(t) && !is_retry(s, slot);
}

/*
 * Round and round, beginning behind the one that was tried last: with three slots, merely putting
 * that one at the end would try two of them forever.
 */
static struct order last_resorts(const struct state *s)
{
	struct order o = { 0 };

	if (s->lr == STATE_NONE)
		return order_of(s, s->pref, s->last);
	for (int i = 1; i <= s->nslots; i++)
		order_add(&o, (s->lr + i) % s->nslots);
	return o;
}

void choose_candidates(const struct state *s, struct choose_list *out)
{
	struct order o = order_of(s, s->pref, s->last);

	*out = (struct choose_list){ 0 };
	if (s->oneshot != STATE_NONE && state_is_whole(&s->slot[s->oneshot]))
		add_candidate(out, s->oneshot, CHOOSE_ONESHOT);
	for (unsigned i = 0; i < o.n; i++)
		if (is_retry(s, o.slot[i]))
			add_candidate(out, o.slot[i], CHOOSE_RETRY);
	for (unsigned i = 0; i < o.n; i++)
		if (state_is_fit(&s->slot[o.slot[i]]))
			add_candidate(out, o.slot[i], CHOOSE_NORMAL);
	o = last_resorts(s);
	for (unsigned i = 0; i < o.n; i++)
		if (choose_is_last_resort(s, o.slot[i]))
			add_candidate(out, o.slot[i], CHOOSE_LAST_RESORT);
}

const char *choose_tier_name(enum choose_tier tier)
{
	static const char *const names[] = {
		[CHOOSE_ONESHOT] = "oneshot",
		[CHOOSE_RETRY] = "retry",
		[CHOOSE_NORMAL] = "normal",
		[CHOOSE_LAST_RESORT] = "last-resort",
	};

	return (unsigned)tier <= CHOOSE_LAST_RESORT ? names[tier] : names[CHOOSE_LAST_RESORT];
}

static void note_last_resort(struct state *s, int8_t slot)
{
	s->lr = slot;
	if (s->lr_count < STATE_LR_COUNT_MAX)
		s->lr_count++;
}

/* Its attempt is opened though good slots are not charged. A retry; and a slot that boots since the
 * preferred one lost its trust: that one gets its retry once others have proved themselves. */
static bool opens_attempt(const struct state *s, const struct choose_candidate *c)
{
	return c->tier == CHOOSE_RETRY ||
	       (c->tier == CHOOSE_NORMAL && state_lost_trust(&s->slot[s->pref]));
}

void choose_charge(struct state *s, const struct choose_candidate *c, bool charge_good)
{
	struct state_slot *t = &s->slot[c->slot];

	if (c->tier == CHOOSE_ONESHOT)
		s->oneshot = STATE_NONE;
	if (c->tier == CHOOSE_LAST_RESORT)
		note_last_resort(s, c->slot);
	if (c->tier == CHOOSE_LAST_RESORT || t->st == STATE_GOOD)
		s->last = c->slot;
	if (state_has_tries(t))
		t->tries--;
	if (c->tier == CHOOSE_RETRY)
		state_use_retry(t);
	s->open = t->st != STATE_GOOD || charge_good || opens_attempt(s, c) ? c->slot : STATE_NONE;
	s->open_token = 0;
	s->handed = 0;
	s->clean = false;
}

void choose_failed(struct state *s, const struct choose_candidate *c, const char *reason)
{
	struct state_slot *t = &s->slot[c->slot];

	state_set_text(t->reason, reason);
	if (t->st == STATE_GOOD)
		state_add_crash(t);
	state_close_attempt(s);
}

static bool is_in(choose_mask mask, int slot)
{
	return mask >> slot & 1;
}

/* What was good before what never was; else the first that would be booted. */
static int best_candidate(const struct state *s, choose_mask among)
{
	struct choose_list l;
	int best = STATE_NONE, best_rank = 3;

	choose_candidates(s, &l);
	for (unsigned i = 0; i < l.n; i++) {
		int slot = l.c[i].slot, rank = l.c[i].tier == CHOOSE_NORMAL ? 1 : 2;

		if (s->slot[slot].st == STATE_GOOD)
			rank = 0;
		if (l.c[i].tier == CHOOSE_ONESHOT || !is_in(among, slot) || rank >= best_rank)
			continue;
		best = slot;
		best_rank = rank;
	}
	return best;
}

int choose_fallback(const struct state *s, choose_mask mountable)
{
	struct order o = order_of(s, s->last, s->pref);
	const choose_mask asked[] = { mountable, (choose_mask)~0u };

	for (unsigned i = 0; i < o.n; i++)
		if (state_is_trusted(&s->slot[o.slot[i]]) && is_in(mountable, o.slot[i]))
			return o.slot[i];
	for (unsigned i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		int best = best_candidate(s, asked[i]);

		if (s->lr != STATE_NONE && state_is_whole(&s->slot[s->lr]) &&
		    is_in(asked[i], s->lr))
			return s->lr;
		if (best != STATE_NONE)
			return best;
	}
	return STATE_NONE;
}

/* How willingly a slot is overwritten; lower is better. */
static int target_rank(const struct state *s, int slot)
{
	const struct state_slot *t = &s->slot[slot];
	int rank = 4;

	switch (t->st) {
	case STATE_WRITING:
		rank = 0;
		break;
	case STATE_EMPTY:
		rank = 1;
		break;
	case STATE_BAD:
		rank = 2;
		break;
	case STATE_TRIAL:
		rank = state_has_tries(t) ? 3 : 2;
		break;
	case STATE_GOOD:
		break;
	}
	return rank * 4 + (state_is_trusted(t) ? 2 : 0) + (s->pref == slot ? 1 : 0);
}

int choose_target(const struct state *s, choose_mask mountable, choose_mask mounted,
		  uint64_t sequence, bool rescue)
{
	int fallback = choose_fallback(s, mountable), best = STATE_NONE;

	for (int i = 0; i < s->nslots; i++) {
		const struct state_slot *t = &s->slot[i];

		if (i == fallback || is_in(mounted, i))
			continue;
		if (!rescue && state_has_tries(t) && t->has_release && sequence <= t->sequence)
			continue;
		if (best == STATE_NONE || target_rank(s, i) < target_rank(s, best))
			best = i;
	}
	return best;
}
