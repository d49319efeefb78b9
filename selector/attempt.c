/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/attempt_one.h"

static bool better_one_follows(const struct attempt_walk *r, const struct choose_list *l,
			       unsigned at)
{
	for (unsigned i = at + 1; i < l->n; i++)
		if (!(r->failed >> l->c[i].slot & 1) &&
		    attempt_one_goes_before(r, &l->c[i], &l->c[at]))
			return true;
	return false;
}

/* keelboot.slot=: a person decided; nothing is counted, and the state is not written. */
static bool try_forced(struct attempt_walk *r)
{
	char reason[STATE_STR_MAX + 1] = "";
	int slot = r->a->forced;

	if (slot < 0 || slot >= r->s->nslots || !state_is_whole(&r->s->slot[slot]))
		return false;
	if (r->ops->preflight(r->ctx, slot, reason) != KB_OK)
		return false;
	r->a->chosen = (struct choose_candidate){ .slot = (int8_t)slot, .tier = CHOOSE_ONESHOT };
	if (r->ops->mount(r->ctx, slot, reason) == KB_OK)
		return true;
	r->a->chosen = attempt_one_nobody;
	return false;
}

/* The second time, one that could not be handed over is booted here. */
static bool try_those(struct attempt_walk *r, const struct choose_list *l, bool risky)
{
	for (unsigned i = 0; i < l->n; i++) {
		enum attempt_step step = ATTEMPT_LATER;

		if (attempt_one_is_risky(r->s, &l->c[i]) != risky ||
		    r->failed >> l->c[i].slot & 1 || attempt_one_good_comes_back(r, &l->c[i]))
			continue;
		for (unsigned n = 0; n < 2 && step == ATTEMPT_LATER; n++)
			step = attempt_one_try(r, &l->c[i], false);
		if (step == ATTEMPT_BOOTED)
			return true;
	}
	return false;
}

static bool try_what_waited(struct attempt_walk *r, const struct choose_list *l)
{
	return try_those(r, l, false) || try_those(r, l, true);
}

static bool try_all(struct attempt_walk *r, const struct choose_list *l)
{
	struct choose_list later = { 0 };

	for (unsigned i = 0; i < l->n; i++) {
		const struct choose_candidate *c = &l->c[i];

		if (r->failed >> c->slot & 1 || !state_is_whole(&r->s->slot[c->slot]))
			continue;
		switch (attempt_one_try(r, c, better_one_follows(r, l, i))) {
		case ATTEMPT_BOOTED:
			return true;
		case ATTEMPT_LATER:
			later.c[later.n++] = *c;
			break;
		case ATTEMPT_NEXT:
			break;
		}
	}
	r->any_kernel = true;
	return try_what_waited(r, &later);
}

static void note_token(struct attempt *a, const struct state *s)
{
	if (a->counted && s->open != STATE_NONE)
		a->token = s->open_token;
}

/* Slots whose own pair cannot be had. */
static choose_mask slots_without_pair(const struct attempt *a)
{
	bool unknown = a->running == STATE_NONE && a->role != ATTEMPT_BASE;

	return a->paired != 0 && (unknown || a->unasked) ? ATTEMPT_ALL_SLOTS : 0;
}

enum kb_err attempt_run(struct attempt *a, struct state *s, const struct attempt_ops *ops,
			void *ctx)
{
	struct attempt_walk r = {
		.a = a, .s = s, .ops = ops, .ctx = ctx, .no_pair = slots_without_pair(a)
	};
	struct choose_list l;
	enum kb_err saved;

	a->chosen = attempt_one_nobody;
	a->counted = false;
	a->no_fallback = 0;
	a->uncountable = 0;
	a->token = 0;
	if (try_forced(&r))
		return KB_OK;
	if (attempt_one_handed(&r)) {
		note_token(a, s);
		return KB_OK;
	}
	/* A oneshot of a slot that is not whole is an order that nobody can carry out. */
	if (s->oneshot != STATE_NONE && !state_is_whole(&s->slot[s->oneshot]))
		s->oneshot = STATE_NONE;
	choose_candidates(s, &l);
	if (try_all(&r, &l)) {
		note_token(a, s);
		return KB_OK;
	}
	a->counted = false;
	/* Nothing mounts; whether what was learned could be written changes nothing about that. */
	saved = attempt_one_save(&r);
	(void)saved;
	return KB_ENOCAND;
}
