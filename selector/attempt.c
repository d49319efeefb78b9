/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/attempt.h"

/* One run over the candidates. */
struct run {
	struct attempt *a;
	/* what we know; may be ahead of a->disk */
	struct state *s;
	const struct attempt_ops *ops;
	void *ctx;
	/* slots that failed in this boot */
	choose_mask failed;
	/* a save failed: the disk has a->disk, or what was being saved */
	bool unsure;
};

enum step {
	STEP_NEXT,  /* this one is out */
	STEP_LATER, /* could not be charged: only if nothing else mounts, in this run or the next */
	STEP_BOOTED, /* mounted */
};

static const struct choose_candidate nobody = { .slot = STATE_NONE, .tier = CHOOSE_NORMAL };

static bool is_good(const struct state *s, int slot)
{
	return s->slot[slot].st == STATE_GOOD;
}

/* What must not happen again and again uncounted. */
static bool is_risky(const struct state *s, const struct choose_candidate *c)
{
	return !is_good(s, c->slot) || c->tier == CHOOSE_ONESHOT || c->tier == CHOOSE_RETRY;
}

/* Makes *s durable, if that would change anything. On a device record_save() asks the same once
 * more; the models have no record. */
static enum kb_err save_changes(struct run *r, struct state *s)
{
	if (!r->unsure && state_same(s, &r->a->disk))
		return KB_OK;
	r->unsure = true;
	TRY(r->ops->save(r->ctx, s));
	r->unsure = false;
	r->a->disk = *s;
	return KB_OK;
}

/* A good slot stays what the device may fall back to, whatever happens to it in one boot. */
static void note_failure(struct run *r, const struct choose_candidate *c, const char *reason,
			 enum kb_err err)
{
	choose_failed(r->s, c, reason);
	r->failed |= (choose_mask)(1u << c->slot);
	if (err != KB_ECHECK && !is_good(r->s, c->slot))
		r->a->no_fallback |= (choose_mask)(1u << c->slot);
}

/* It was not booted, but costs what a boot of it would have cost. */
static void failed_preflight(struct run *r, const struct choose_candidate *c, const char *reason,
			     enum kb_err err)
{
	struct state_slot *t = &r->s->slot[c->slot];

	if (c->tier == CHOOSE_ONESHOT)
		r->s->oneshot = STATE_NONE;
	if (state_has_tries(t))
		t->tries--;
	note_failure(r, c, reason, err);
}

static bool good_one_follows(const struct run *r, const struct choose_list *l, unsigned at)
{
	for (unsigned i = at + 1; i < l->n; i++)
		if (!is_risky(r->s, &l->c[i]) && !(r->failed >> l->c[i].slot & 1))
			return true;
	return false;
}

/* A good one failed, and the next run would boot it: that is better than to boot this one
 * uncounted, again and again. */
static bool good_one_comes_back(const struct run *r, const struct choose_candidate *c)
{
	if (is_good(r->s, c->slot) || r->ops->next_run_accepts == NULL ||
	    !r->ops->next_run_accepts(r->ctx))
		return false;
	for (int i = 0; i < r->s->nslots; i++)
		if (is_good(r->s, i) && r->failed >> i & 1)
			return true;
	return false;
}

/* False: meanwhile an install began to overwrite the slot, and did not end. */
static bool sit_out_delay(struct run *r, const struct choose_candidate *c)
{
	if (c->tier != CHOOSE_LAST_RESORT || r->ops->last_resort_delay == NULL)
		return true;
	r->ops->last_resort_delay(r->ctx, c->slot);
	r->unsure = true; /* a medium that came may have changed the state */
	return state_is_whole(&r->s->slot[c->slot]);
}

static enum kb_err prepare(struct run *r, const struct choose_candidate *c, char *reason)
{
	if (r->ops->prepare == NULL)
		return KB_OK;
	r->unsure = true; /* it may have saved the state */
	return r->ops->prepare(r->ctx, c, reason);
}

/* Charges the candidate and mounts it. may_wait: there is something better to do when the charge
 * can not be written. */
static enum step try_one(struct run *r, const struct choose_candidate *c, bool may_wait)
{
	char reason[STATE_STR_MAX + 1] = "";
	struct state charged;
	enum kb_err err = r->ops->preflight(r->ctx, c->slot, reason);

	if (err == KB_ENODEV)
		return STEP_NEXT;
	if (err != KB_OK) {
		failed_preflight(r, c, reason, err);
		return STEP_NEXT;
	}
	if (!sit_out_delay(r, c))
		return STEP_NEXT;
	err = prepare(r, c, reason);
	if (err != KB_OK) {
		failed_preflight(r, c, reason, err);
		return STEP_NEXT;
	}
	charged = *r->s;
	choose_charge(&charged, c, r->a->charge_good);
	r->a->counted = save_changes(r, &charged) == KB_OK;
	if (r->a->counted)
		*r->s = charged;
	else if (may_wait || good_one_comes_back(r, c))
		return STEP_LATER;
	r->a->chosen = *c;
	err = r->ops->mount(r->ctx, c->slot, reason);
	if (err == KB_OK)
		return STEP_BOOTED;
	r->a->chosen = nobody;
	note_failure(r, c, reason, err);
	return STEP_NEXT;
}

/* keelboot.slot=: a person decided; nothing is counted, and the state is not written. */
static bool try_forced(struct run *r)
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
	r->a->chosen = nobody;
	return false;
}

static bool try_all(struct run *r, const struct choose_list *l)
{
	struct choose_list later = { 0 };

	for (unsigned i = 0; i < l->n; i++) {
		const struct choose_candidate *c = &l->c[i];

		if (r->failed >> c->slot & 1 || !state_is_whole(&r->s->slot[c->slot]))
			continue;
		switch (try_one(r, c, is_risky(r->s, c) && good_one_follows(r, l, i))) {
		case STEP_BOOTED:
			return true;
		case STEP_LATER:
			later.c[later.n++] = *c;
			r->a->uncountable |= (choose_mask)(1u << c->slot);
			break;
		case STEP_NEXT:
			break;
		}
	}
	for (unsigned i = 0; i < later.n; i++)
		if (!(r->failed >> later.c[i].slot & 1) && !good_one_comes_back(r, &later.c[i]) &&
		    try_one(r, &later.c[i], false) == STEP_BOOTED)
			return true;
	return false;
}

enum kb_err attempt_run(struct attempt *a, struct state *s, const struct attempt_ops *ops,
			void *ctx)
{
	struct run r = { .a = a, .s = s, .ops = ops, .ctx = ctx };
	struct choose_list l;
	enum kb_err saved;

	a->chosen = nobody;
	a->counted = false;
	a->no_fallback = 0;
	a->uncountable = 0;
	a->token = 0;
	if (try_forced(&r))
		return KB_OK;
	/* A oneshot of a slot that is not whole is an order that nobody can carry out. */
	if (s->oneshot != STATE_NONE && !state_is_whole(&s->slot[s->oneshot]))
		s->oneshot = STATE_NONE;
	choose_candidates(s, &l);
	if (try_all(&r, &l)) {
		if (a->counted && s->open != STATE_NONE)
			a->token = s->open_token;
		return KB_OK;
	}
	a->counted = false;
	/* Nothing mounts; whether what was learned could be written changes nothing about that. */
	saved = save_changes(&r, s);
	(void)saved;
	return KB_ENOCAND;
}
