/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/attempt_one.h"

#include "selector/pair.h"

const struct choose_candidate attempt_one_nobody = { .slot = STATE_NONE, .tier = CHOOSE_NORMAL };

static bool is_good(const struct state *s, int slot)
{
	return s->slot[slot].st == STATE_GOOD;
}

/* What must not happen again and again uncounted. */
bool attempt_one_is_risky(const struct state *s, const struct choose_candidate *c)
{
	return !is_good(s, c->slot) || c->tier == CHOOSE_ONESHOT || c->tier == CHOOSE_RETRY;
}

/* Makes *s durable, if that would change anything. On a device record_save() asks the same once
 * more; the models have no record. */
static enum kb_err save_changes(struct attempt_walk *r, struct state *s)
{
	bool is_new = !state_same(s, &r->a->disk);

	if (!r->disk_unknown && !is_new)
		return KB_OK;
	r->disk_unknown = true;
	TRY(r->ops->save(r->ctx, s));
	r->disk_unknown = false;
	r->wrote = r->wrote || is_new;
	r->a->disk = *s;
	return KB_OK;
}

/* A good slot stays what the device may fall back to, whatever happens to it in one boot. */
static void note_failure(struct attempt_walk *r, const struct choose_candidate *c,
			 const char *reason, enum kb_err err)
{
	choose_failed(r->s, c, reason);
	r->failed |= (choose_mask)(1u << c->slot);
	if (err != KB_ECHECK && !is_good(r->s, c->slot))
		r->a->no_fallback |= (choose_mask)(1u << c->slot);
}

static bool is_elsewhere(const struct attempt_walk *r, const struct choose_candidate *c)
{
	return pair_is_elsewhere(r->a->paired, r->a->running, c);
}

static bool has_paid(const struct attempt_walk *r, const struct choose_candidate *c)
{
	return r->paid >> c->slot & 1;
}

/* It was not booted, but costs what a boot of it would have cost. */
static void failed_preflight(struct attempt_walk *r, const struct choose_candidate *c,
			     const char *reason, enum kb_err err)
{
	struct state_slot *t = &r->s->slot[c->slot];

	if (c->tier == CHOOSE_ONESHOT)
		r->s->oneshot = STATE_NONE;
	if (state_has_tries(t) && !has_paid(r, c))
		t->tries--;
	note_failure(r, c, reason, err);
}

bool attempt_one_goes_before(const struct attempt_walk *r, const struct choose_candidate *o,
			     const struct choose_candidate *c)
{
	if (attempt_one_is_risky(r->s, o) != attempt_one_is_risky(r->s, c))
		return attempt_one_is_risky(r->s, c);
	return is_elsewhere(r, c) && !is_elsewhere(r, o);
}

/* A good one failed, and the next run would boot it: that is better than to boot this one
 * uncounted, again and again. */
bool attempt_one_good_comes_back(const struct attempt_walk *r, const struct choose_candidate *c)
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
static bool sit_out_delay(struct attempt_walk *r, const struct choose_candidate *c)
{
	if (c->tier != CHOOSE_LAST_RESORT || r->ops->last_resort_delay == NULL)
		return true;
	r->ops->last_resort_delay(r->ctx, c->slot);
	r->disk_unknown = true; /* a medium that came may have changed the state */
	return state_is_whole(&r->s->slot[c->slot]);
}

static bool has_no_pair(const struct attempt_walk *r, const struct choose_candidate *c)
{
	return r->no_pair >> c->slot & 1;
}

/* Its own pair does not run, and the loader, or the base, is to start it. */
static bool is_for_loader(const struct attempt_walk *r, const struct choose_candidate *c)
{
	return is_elsewhere(r, c) && !has_no_pair(r, c);
}

/* A loader that does not obey would be asked forever, for a good slot as well. The base obeys
 * itself, and its next start notices what it notices of a slot that it boots. */
static bool is_charged(const struct attempt_walk *r, const struct choose_candidate *c)
{
	return r->a->charge_good || (is_for_loader(r, c) && (r->a->role == ATTEMPT_LOADER ||
							     attempt_one_is_risky(r->s, c)));
}

/* Where the slot is handed over, its own pair does this. */
static enum kb_err prepare(struct attempt_walk *r, const struct choose_candidate *c, char *reason)
{
	if (r->ops->prepare == NULL || is_for_loader(r, c))
		return KB_OK;
	r->disk_unknown = true; /* it may have saved the state */
	return r->ops->prepare(r->ctx, c, reason);
}

static enum kb_err look_and_prepare(struct attempt_walk *r, const struct choose_candidate *c,
				    char *reason)
{
	enum kb_err err = r->ops->preflight(r->ctx, c->slot, reason);

	if (err == KB_OK && !sit_out_delay(r, c))
		return KB_ENODEV;
	if (err == KB_OK)
		err = prepare(r, c, reason);
	return err;
}

/* Its own pair was to be started, and cannot be had: the kernel that runs may still boot it. */
static bool lacks_pair(struct attempt_walk *r, const struct choose_candidate *c, char *reason)
{
	if (!is_for_loader(r, c) || r->ops->look_for_pair == NULL ||
	    r->ops->look_for_pair(r->ctx, c->slot, reason) == KB_OK)
		return false;
	r->no_pair |= (choose_mask)(1u << c->slot);
	return true;
}

/* Makes what booting it costs durable. */
static bool charge(struct attempt_walk *r, const struct choose_candidate *c)
{
	struct state charged = *r->s;
	uint8_t tries = charged.slot[c->slot].tries;

	choose_charge(&charged, c, is_charged(r, c));
	if (has_paid(r, c))
		charged.slot[c->slot].tries = tries;
	charged.handed = is_for_loader(r, c) && charged.open == c->slot;
	r->a->counted = save_changes(r, &charged) == KB_OK;
	if (!r->a->counted)
		return false;
	if (charged.slot[c->slot].tries != tries)
		r->paid |= (choose_mask)(1u << c->slot);
	*r->s = charged;
	return true;
}

static enum attempt_step mount(struct attempt_walk *r, const struct choose_candidate *c,
			       char *reason)
{
	enum kb_err err;

	r->a->chosen = *c;
	err = r->ops->mount(r->ctx, c->slot, reason);
	if (err == KB_OK)
		return ATTEMPT_BOOTED;
	r->a->chosen = attempt_one_nobody;
	note_failure(r, c, reason, err);
	return ATTEMPT_NEXT;
}

/* The next write has it back, as where a slot is mounted. A cut before that leaves the attempt
 * open, so the try is spent. A oneshot was an order for this boot, which is over. */
static void return_charge(struct attempt_walk *r, const struct choose_candidate *c)
{
	struct state_slot *t = &r->s->slot[c->slot];

	if (has_paid(r, c))
		t->tries++;
	r->paid &= (choose_mask) ~(1u << c->slot);
	if (c->tier == CHOOSE_RETRY)
		state_return_retry(t);
	state_close_attempt(r->s);
}

/* A loader that may start it all the same costs what a failed mount costs, and so does a pair that
 * cannot be started: else that could go on without an end. One that refused it, and as its store
 * says starts what it did before, has no part in a restart. So it is no slot's fault, as where the
 * base can start none. In each boot until then, that is two writes of the state. */
static bool is_charge_kept(const struct attempt_walk *r, enum kb_err err)
{
	return err == KB_EFORMAT || (r->a->role == ATTEMPT_LOADER && err != KB_EPERM);
}

/* It was charged, and still may be booted by the kernel that runs, if nothing else is left. */
static enum attempt_step keep_for_later(struct attempt_walk *r, const struct choose_candidate *c,
					const char *reason, enum kb_err err)
{
	r->no_pair |= err == KB_EFORMAT ? (choose_mask)(1u << c->slot) : ATTEMPT_ALL_SLOTS;
	if (is_charge_kept(r, err))
		choose_failed(r->s, c, reason);
	else
		return_charge(r, c);
	return ATTEMPT_LATER;
}

static enum attempt_step hand_over(struct attempt_walk *r, const struct choose_candidate *c,
				   char *reason)
{
	enum kb_err err;

	r->a->chosen = *c;
	err = r->ops->hand_over(r->ctx, c->slot, reason);
	if (err == KB_OK)
		return ATTEMPT_BOOTED;
	r->a->chosen = attempt_one_nobody;
	if (err != KB_EMOUNT && err != KB_EEXEC)
		return keep_for_later(r, c, reason, err);
	note_failure(r, c, reason, err);
	return ATTEMPT_NEXT;
}

/*
 * This kernel's initramfs is another slot's, so it may judge no other: the base does, after a
 * restart. That must end, whatever can be written or read from then on. So it leaves a step behind:
 * what this boot wrote that was not there before, or the base's charge, which was read here and
 * which the base counts as a kernel that did not come up. False: there is none, so the kernel that
 * runs boots any slot.
 */
static bool goes_back(struct attempt_walk *r, const struct choose_candidate *c, char *reason)
{
	bool wrote = save_changes(r, r->s) == KB_OK && r->wrote;

	r->a->chosen = *c;
	if ((wrote || r->a->arrived) && r->ops->hand_over(r->ctx, c->slot, reason) == KB_OK)
		return true;
	r->a->chosen = attempt_one_nobody;
	r->no_pair = ATTEMPT_ALL_SLOTS;
	r->any_kernel = true;
	return false;
}

/* Its own pair was to be started, and that cannot be charged: no charge is needed where the loader
 * starts it anyway. */
static bool lets_loader_start(struct attempt_walk *r, const struct choose_candidate *c)
{
	if (!is_for_loader(r, c) || r->ops->go_back == NULL || !r->ops->go_back(r->ctx, c->slot))
		return false;
	r->a->chosen = *c;
	return true;
}

/*
 * What becomes of a candidate that is fit:
 *
 *   whose kernel runs     role     it is              and costs
 *
 *   its own, or no pairs  any      mounted            what choose_charge() says
 *   another slot's        LOADER   handed over        a try, if it is good too
 *   another slot's        BASE     handed over        what choose_charge() says
 *
 *   another slot's        BY_BASE  left to the base   nothing here
 *   no_pair               any      kept for later     nothing; mounted if nothing else mounts
 *
 * What cannot be charged waits (may_wait), is left to the loader, or is mounted uncounted.
 */
enum attempt_step attempt_one_try(struct attempt_walk *r, const struct choose_candidate *c,
				  bool may_wait)
{
	char reason[STATE_STR_MAX + 1] = "";
	enum kb_err err;

	if (is_elsewhere(r, c) && has_no_pair(r, c) && !r->any_kernel)
		return ATTEMPT_LATER;
	if (is_for_loader(r, c) && r->a->role == ATTEMPT_BY_BASE && goes_back(r, c, reason))
		return ATTEMPT_BOOTED;
	err = look_and_prepare(r, c, reason);
	if (err == KB_ENODEV)
		return ATTEMPT_NEXT;
	if (err != KB_OK) {
		failed_preflight(r, c, reason, err);
		return ATTEMPT_NEXT;
	}
	if (lacks_pair(r, c, reason))
		return ATTEMPT_LATER;
	if (!charge(r, c) && (may_wait || attempt_one_good_comes_back(r, c))) {
		r->a->uncountable |= (choose_mask)(1u << c->slot);
		return ATTEMPT_LATER;
	}
	if (is_for_loader(r, c) && r->a->counted)
		return hand_over(r, c, reason);
	if (lets_loader_start(r, c))
		return ATTEMPT_BOOTED;
	return mount(r, c, reason);
}

/* For one that goes before all candidates: else it is one of them, that failed. */
static bool is_ready(struct attempt_walk *r, const struct choose_candidate *c)
{
	char reason[STATE_STR_MAX + 1] = "";
	enum kb_err err = look_and_prepare(r, c, reason);

	if (err != KB_OK)
		note_failure(r, c, reason, err);
	return err == KB_OK;
}

/* What it was charged with covers this boot, too. That it has arrived must be durable before it is
 * entered: else a loader that starts this pair again would never be noticed. The base does not: it
 * settles the charge at its next start. False: not entered. */
static bool try_arrived(struct attempt_walk *r)
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

	arrived.handed = 0;
	r->a->counted = save_changes(r, &arrived) == KB_OK || r->a->role == ATTEMPT_BY_BASE;
	if (!r->a->counted)
		return false;
	*r->s = arrived;
	return is_ready(r, &c) && mount(r, &c, reason) == ATTEMPT_BOOTED;
}

/* The base may have read of a good slot that it has its trust. False: it is rejected, or not whole.
 */
static bool is_candidate(const struct state *s, int slot, struct choose_candidate *c)
{
	struct choose_list l;

	choose_candidates(s, &l);
	for (unsigned i = 0; i < l.n; i++) {
		*c = l.c[i];
		if (c->slot != slot)
			continue;
		if (c->tier != CHOOSE_LAST_RESORT)
			return true;
		c->tier = CHOOSE_RETRY;
		return s->slot[slot].st == STATE_GOOD;
	}
	return false;
}

/* The base chose it, and had nothing to charge since it is good; or the record that says so was
 * lost since. It goes first here, too: else this boot might choose what the base could not boot, or
 * enter a root that is not of this kernel. */
static bool try_own(struct attempt_walk *r)
{
	struct choose_candidate c;
	char reason[STATE_STR_MAX + 1] = "";
	enum kb_err err;

	if (!is_candidate(r->s, r->a->running, &c))
		return false;
	err = look_and_prepare(r, &c, reason);
	if (err != KB_OK) {
		failed_preflight(r, &c, reason, err);
		return false;
	}
	(void)charge(r, &c); /* the base has weighed it: it boots uncounted, too */
	return mount(r, &c, reason) == ATTEMPT_BOOTED;
}

/* Where a handover, charged or not, has led here. */
bool attempt_one_handed(struct attempt_walk *r)
{
	if (r->a->arrived && r->s->open != STATE_NONE)
		return try_arrived(r);
	return r->a->role == ATTEMPT_BY_BASE && try_own(r);
}

enum kb_err attempt_one_save(struct attempt_walk *r)
{
	return save_changes(r, r->s);
}
