/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/attempt.h"

#include "selector/pair.h"

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
	/* the loader could not be asked for a pair */
	bool in_vain;
	/* nothing else mounted: what had to wait is tried */
	bool last_pass;
};

enum step {
	STEP_NEXT,   /* this one is out */
	STEP_LATER,  /* could not be charged, or handed over: only if nothing else mounts, in this
		      * run or the next */
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

static bool is_elsewhere(const struct run *r, const struct choose_candidate *c)
{
	return pair_is_elsewhere(r->a->paired, r->a->running, c);
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

/* Uncounted, a good one is better than what is not; else one whose pair runs, than one that would
 * have to do without its own. */
static bool goes_before(const struct run *r, const struct choose_candidate *o,
			const struct choose_candidate *c)
{
	if (is_risky(r->s, o) != is_risky(r->s, c))
		return is_risky(r->s, c);
	return is_elsewhere(r, c) && !is_elsewhere(r, o);
}

static bool better_one_follows(const struct run *r, const struct choose_list *l, unsigned at)
{
	for (unsigned i = at + 1; i < l->n; i++)
		if (!(r->failed >> l->c[i].slot & 1) && goes_before(r, &l->c[i], &l->c[at]))
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

/* Its own pair does not run, and the loader is to be asked for it. */
static bool is_for_loader(const struct run *r, const struct choose_candidate *c)
{
	return is_elsewhere(r, c) && !r->in_vain;
}

/* Where the slot is handed over, its own pair does this. */
static enum kb_err prepare(struct run *r, const struct choose_candidate *c, char *reason)
{
	if (r->ops->prepare == NULL || is_for_loader(r, c))
		return KB_OK;
	r->unsure = true; /* it may have saved the state */
	return r->ops->prepare(r->ctx, c, reason);
}

static enum kb_err look_and_prepare(struct run *r, const struct choose_candidate *c, char *reason)
{
	enum kb_err err = r->ops->preflight(r->ctx, c->slot, reason);

	if (err == KB_OK && !sit_out_delay(r, c))
		return KB_ENODEV;
	if (err == KB_OK)
		err = prepare(r, c, reason);
	return err;
}

/* Makes what booting it costs durable. */
static bool charge(struct run *r, const struct choose_candidate *c)
{
	struct state charged = *r->s;

	choose_charge(&charged, c, r->a->charge_good || is_for_loader(r, c));
	charged.handed = is_for_loader(r, c);
	r->a->counted = save_changes(r, &charged) == KB_OK;
	if (r->a->counted)
		*r->s = charged;
	return r->a->counted;
}

static enum step mount(struct run *r, const struct choose_candidate *c, char *reason)
{
	enum kb_err err;

	r->a->chosen = *c;
	err = r->ops->mount(r->ctx, c->slot, reason);
	if (err == KB_OK)
		return STEP_BOOTED;
	r->a->chosen = nobody;
	note_failure(r, c, reason, err);
	return STEP_NEXT;
}

/* It was charged. A loader that cannot be asked costs what a failed mount costs, but the slot may
 * still be booted by the kernel that runs, if nothing else is left. */
static enum step hand_over(struct run *r, const struct choose_candidate *c, char *reason)
{
	r->a->chosen = *c;
	if (r->ops->hand_over(r->ctx, c->slot, reason) == KB_OK)
		return STEP_BOOTED;
	r->a->chosen = nobody;
	r->in_vain = true;
	choose_failed(r->s, c, reason);
	return STEP_LATER;
}

/* Charges the candidate and enters it. may_wait: there is something better to do when the charge
 * can not be written. */
static enum step try_one(struct run *r, const struct choose_candidate *c, bool may_wait)
{
	char reason[STATE_STR_MAX + 1] = "";
	enum kb_err err;

	if (is_elsewhere(r, c) && r->in_vain && !r->last_pass)
		return STEP_LATER;
	err = look_and_prepare(r, c, reason);
	if (err == KB_ENODEV)
		return STEP_NEXT;
	if (err != KB_OK) {
		failed_preflight(r, c, reason, err);
		return STEP_NEXT;
	}
	if (!charge(r, c) && (may_wait || good_one_comes_back(r, c))) {
		r->a->uncountable |= (choose_mask)(1u << c->slot);
		return STEP_LATER;
	}
	if (is_for_loader(r, c) && r->a->counted)
		return hand_over(r, c, reason);
	return mount(r, c, reason);
}

/* What it was charged with covers this boot, too. That it has arrived must be durable before it is
 * entered: else a loader that starts this pair again would never be noticed. False: not entered. */
static bool try_arrived(struct run *r)
{
	const struct choose_candidate c = {
		.slot = r->s->open,
		.tier = state_is_fit(&r->s->slot[r->s->open]) ||
					r->s->slot[r->s->open].st == STATE_TRIAL
				? CHOOSE_NORMAL
				: CHOOSE_RETRY,
	};
	char reason[STATE_STR_MAX + 1] = "";
	struct state arrived = *r->s;
	enum kb_err err;

	arrived.handed = 0;
	r->a->counted = save_changes(r, &arrived) == KB_OK;
	if (!r->a->counted)
		return false;
	*r->s = arrived;
	err = look_and_prepare(r, &c, reason);
	if (err != KB_OK) {
		note_failure(r, &c, reason, err);
		return false;
	}
	return mount(r, &c, reason) == STEP_BOOTED;
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

/* The second time, one that could not be handed over is booted here. */
static bool try_those(struct run *r, const struct choose_list *l, bool risky)
{
	for (unsigned i = 0; i < l->n; i++) {
		enum step step = STEP_LATER;

		if (is_risky(r->s, &l->c[i]) != risky || r->failed >> l->c[i].slot & 1 ||
		    good_one_comes_back(r, &l->c[i]))
			continue;
		for (unsigned n = 0; n < 2 && step == STEP_LATER; n++)
			step = try_one(r, &l->c[i], false);
		if (step == STEP_BOOTED)
			return true;
	}
	return false;
}

static bool try_what_waited(struct run *r, const struct choose_list *l)
{
	return try_those(r, l, false) || try_those(r, l, true);
}

static bool try_all(struct run *r, const struct choose_list *l)
{
	struct choose_list later = { 0 };

	for (unsigned i = 0; i < l->n; i++) {
		const struct choose_candidate *c = &l->c[i];

		if (r->failed >> c->slot & 1 || !state_is_whole(&r->s->slot[c->slot]))
			continue;
		switch (try_one(r, c, better_one_follows(r, l, i))) {
		case STEP_BOOTED:
			return true;
		case STEP_LATER:
			later.c[later.n++] = *c;
			break;
		case STEP_NEXT:
			break;
		}
	}
	r->last_pass = true;
	return try_what_waited(r, &later);
}

enum kb_err attempt_run(struct attempt *a, struct state *s, const struct attempt_ops *ops,
			void *ctx)
{
	struct run r = { .a = a,
			 .s = s,
			 .ops = ops,
			 .ctx = ctx,
			 .in_vain = a->paired != 0 && a->running == STATE_NONE };
	struct choose_list l;
	enum kb_err saved;

	a->chosen = nobody;
	a->counted = false;
	a->no_fallback = 0;
	a->uncountable = 0;
	a->token = 0;
	if (try_forced(&r))
		return KB_OK;
	if (a->arrived && s->open != STATE_NONE && try_arrived(&r)) {
		a->token = s->open_token;
		return KB_OK;
	}
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
