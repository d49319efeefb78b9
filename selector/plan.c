/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/plan.h"

#include "selector/data.h"

#include <string.h>

/* What a rule is asked: may r be installed on these terms? */
struct plan_question {
	const struct state *s;
	const struct plan_release *r;
	const struct plan_terms *terms;
	/* the slot to fall back to */
	int fallback;
	/* the slot to overwrite; or STATE_NONE, for both */
	int target;
};

static const struct state_slot *fallback_of(const struct plan_question *q)
{
	return q->fallback != STATE_NONE ? &q->s->slot[q->fallback] : NULL;
}

/* ---- the rules, in the order of their table */

static bool is_of_newer_keelboot(const struct plan_question *q)
{
	return q->s->newer;
}

static bool has_failed_here(const struct plan_question *q)
{
	return state_is_rejected(q->s, q->r->id);
}

static bool is_in_fallback(const struct plan_question *q)
{
	return fallback_of(q) != NULL && state_holds(fallback_of(q), q->r->id);
}

static bool is_on_trial(const struct plan_question *q)
{
	return state_on_trial(q->s, q->r->id) != STATE_NONE;
}

static bool was_here(const struct plan_question *q)
{
	return state_is_applied(q->s, q->r->id);
}

static bool is_installed(const struct plan_question *q)
{
	for (unsigned i = 0; i < q->s->nslots; i++)
		if (state_is_trusted(&q->s->slot[i]) && state_holds(&q->s->slot[i], q->r->id))
			return was_here(q);
	return false;
}

/* Where nobody knows how new the fallback is, nothing is newer. */
static bool was_here_and_is_not_newer(const struct plan_question *q)
{
	const struct state_slot *t = fallback_of(q);

	return was_here(q) && (t == NULL || !t->has_release || q->r->sequence <= t->sequence);
}

/* A slot that lost its trust more than once has to wait, with whatever comes into it by itself. */
static bool was_here_and_waits(const struct plan_question *q)
{
	for (unsigned i = 0; i < q->s->nslots; i++)
		if (state_is_waiting(&q->s->slot[i]))
			return was_here(q);
	return false;
}

static bool may_have_failed_here(const struct plan_question *q)
{
	return q->s->forgotten_max != 0 && q->r->sequence <= q->s->forgotten_max;
}

static bool is_below_floor(const struct plan_question *q)
{
	return q->r->sequence < plan_floor(q->s, q->terms->mode, q->terms->floor_bound);
}

static bool is_behind_good_slots(const struct plan_question *q)
{
	return !q->r->allow_downgrade && q->r->sequence < plan_back(q->s, q->terms->mountable);
}

/* A device that never committed has a trial with tries to fall back to. */
static bool is_not_newer(const struct plan_question *q)
{
	const struct state_slot *t = fallback_of(q);

	return !q->r->allow_downgrade && t != NULL && t->has_release &&
	       (t->st == STATE_GOOD || state_has_tries(t)) && q->r->sequence <= t->sequence;
}

static bool is_over_budget(const struct plan_question *q)
{
	return plan_over_budget(q->s, q->r->id);
}

static bool is_rebuilt_and_unproven(const struct plan_question *q)
{
	for (unsigned i = 0; i < q->s->nslots; i++)
		if (state_has_tries(&q->s->slot[i]))
			return q->s->rebuilt;
	return false;
}

static bool has_no_target(const struct plan_question *q)
{
	return q->target == STATE_NONE;
}

static bool is_too_far_ahead(const struct plan_question *q)
{
	return plan_ahead(q->s, q->r, q->terms->max_jump) != KB_OK;
}

/* What the record says has proved itself proves nothing. */
static bool is_ahead_of_half_of_all(const struct plan_question *q)
{
	static const struct state nothing;

	return plan_ahead(&nothing, q->r, q->terms->max_jump) != KB_OK;
}

/* ---- the table */

#define IN(automatic, command, rescue, last_resort)                                            \
	((automatic) << PLAN_AUTOMATIC | (command) << PLAN_COMMAND | (rescue) << PLAN_RESCUE | \
	 (last_resort) << PLAN_LAST_RESORT)

const struct plan_rule plan_rules[] = {
	{ is_of_newer_keelboot, KB_ENEWER, IN(1, 1, 1, 1), "a newer Keelboot wrote the record" },
	{ has_failed_here, KB_EREJECTED, IN(1, 1, 1, 1), "it is in `rejected`" },
	{ is_in_fallback, KB_EAPPLIED, IN(1, 1, 0, 0), "the fallback holds it" },
	{ is_on_trial, KB_EAPPLIED, IN(1, 1, 0, 0), "a trial with tries left holds it" },
	{ is_installed, KB_EAPPLIED, IN(1, 0, 0, 0),
	  "it is in `applied`, and a trusted slot holds it" },
	{ was_here_and_is_not_newer, KB_EAPPLIED, IN(1, 0, 0, 0),
	  "it is in `applied`, and is not newer than the fallback" },
	{ was_here_and_waits, KB_EWAITS, IN(1, 0, 0, 0),
	  "it is in `applied`, and a slot that lost its trust twice waits for its next chance" },
	{ may_have_failed_here, KB_EREJECTED, IN(1, 0, 0, 0),
	  "its sequence is not above `forgotten.max`" },
	{ is_below_floor, KB_EDOWNGRADE, IN(1, 1, 1, 1),
	  "its sequence is below `floor`; a rescue believes only what of that is signed" },
	{ is_behind_good_slots, KB_EDOWNGRADE, IN(1, 0, 0, 1),
	  "it may not go back, and is older than every good slot that mounts (none: than `back`)" },
	{ is_not_newer, KB_EDOWNGRADE, IN(1, 0, 0, 0),
	  "it may not go back, and is not newer than the fallback, which is good or has tries" },
	{ is_over_budget, KB_EBUDGET, IN(1, 0, 0, 0),
	  "`installs` is 8, or its slot's storage failed three times" },
	{ is_rebuilt_and_unproven, KB_EREBUILT, IN(1, 0, 0, 0),
	  "`rebuilt` is 1, and a trial has tries left" },
	{ has_no_target, KB_ENOTARGET, IN(1, 1, 1, 1), "no slot may be overwritten" },
	{ is_too_far_ahead, KB_EAHEAD, IN(1, 1, 0, 1),
	  "its sequence exceeds all that proved itself here by more than `max-sequence-jump=`" },
	{ is_ahead_of_half_of_all, KB_EAHEAD, IN(0, 0, 1, 0),
	  "its sequence is in the upper half of all numbers, unless `max-sequence-jump=none`" },
	{ NULL, KB_OK, 0, NULL },
};

/* ---- what the rules ask */

uint64_t plan_floor(const struct state *s, enum plan_mode mode, uint64_t floor_bound)
{
	return mode == PLAN_RESCUE && floor_bound < s->floor ? floor_bound : s->floor;
}

/* What a device may be made to fall back to by power cuts alone is no reason to go further back
 * than its oldest good slot; nor is it that power cuts and old releases left none. */
uint64_t plan_back(const struct state *s, choose_mask mountable)
{
	bool any = false;
	uint64_t least = s->back;

	for (unsigned i = 0; i < s->nslots; i++) {
		const struct state_slot *t = &s->slot[i];

		if (t->st != STATE_GOOD || !t->has_release || !(mountable >> i & 1))
			continue;
		if (!any || t->sequence < least)
			least = t->sequence;
		any = true;
	}
	return least;
}

bool plan_over_budget(const struct state *s, const uint8_t release[STATE_ID_LEN])
{
	return state_installs_exhausted(s) || state_is_unwritable(s, release);
}

/* Rather the slot to fall back to than no repair, where it is the only one that can be written: in
 * a rescue, in which it did not boot, and before a last resort if it cannot be mounted. */
static bool is_only_target(const struct plan_terms *t, int fallback)
{
	return fallback != STATE_NONE && !(t->mounted >> fallback & 1) &&
	       (t->mode == PLAN_RESCUE ||
		(t->mode == PLAN_LAST_RESORT && !(t->mountable >> fallback & 1)));
}

static int find_target(const struct state *s, const struct plan_release *r,
		       const struct plan_terms *t, int fallback)
{
	int target =
		choose_target(s, t->mountable, t->mounted, r->sequence, plan_is_rescue(t->mode));

	return target == STATE_NONE && is_only_target(t, fallback) ? fallback : target;
}

enum kb_err plan_accept(const struct state *s, const struct plan_release *r,
			const struct plan_terms *terms, int *target)
{
	int fallback = choose_fallback(s, terms->mountable);
	struct plan_question q = { .s = s, .r = r, .terms = terms, .fallback = fallback };

	q.target = find_target(s, r, terms, fallback);
	*target = STATE_NONE;
	for (const struct plan_rule *rule = plan_rules; rule->applies != NULL; rule++)
		if (rule->modes >> terms->mode & 1 && rule->applies(&q))
			return rule->err;
	*target = q.target;
	return KB_OK;
}

/* ---- installs */

static void forget_slot(int8_t *which, int slot)
{
	if (*which == slot)
		*which = STATE_NONE;
}

void plan_install_begin(struct state *s, int target, uint64_t back)
{
	struct state_slot *t = &s->slot[target];
	int fallback;

	if (t->st == STATE_GOOD)
		s->back = back;
	if (state_lost_trust(t))
		state_use_retry(t);
	*t = (struct state_slot){ .st = STATE_WRITING, .retries = t->retries };
	if (s->open == target)
		state_close_attempt(s);
	forget_slot(&s->last, target);
	forget_slot(&s->lr, target);
	forget_slot(&s->oneshot, target);
	fallback = choose_fallback(s, (choose_mask)~0u);
	if (s->pref == target && fallback != STATE_NONE)
		s->pref = (int8_t)fallback;
}

void plan_install_end(struct state *s, int target, const struct plan_release *r,
		      enum plan_mode mode, uint8_t tries)
{
	struct state_slot *t = &s->slot[target];

	state_del_unwritable(s, r->id);
	*t = (struct state_slot){
		.st = STATE_TRIAL,
		.tries = tries != 0 ? tries : STATE_TRIES,
		.grace = STATE_GRACE,
		.retries = mode == PLAN_COMMAND ? 0 : t->retries,
		.has_release = true,
		.sequence = r->sequence,
	};
	memcpy(t->release, r->id, STATE_ID_LEN);
	state_set_text(t->version, r->version);
	s->pref = (int8_t)target;
	data_retry(s);
	if (mode != PLAN_COMMAND && !state_installs_exhausted(s))
		s->installs++;
}

bool plan_unwritable(struct state *s, const struct plan_release *r)
{
	if (s->newer || state_is_unwritable(s, r->id))
		return false;
	state_add_unwritable(s, r->id, 1);
	return true;
}

void plan_staged_failed(struct state *s, bool *dropped)
{
	*dropped = false;
	if (s->staged.source == STATE_SRC_NONE)
		return;
	s->staged.fails++;
	if (!state_fails_exhausted(s->staged.fails))
		return;
	s->staged = (struct state_staged){ .source = STATE_SRC_NONE };
	*dropped = true;
}

bool plan_source_skipped(const struct state *s, enum state_source src)
{
	return src < STATE_SRC_COUNT && s->apply[src].count >= STATE_APPLY_LIMIT &&
	       !s->apply[src].open;
}

bool plan_apply_count(struct state *s, enum state_source src)
{
	struct state_apply *a = &s->apply[src];

	if (s->newer || a->count >= STATE_APPLY_LIMIT)
		return false;
	a->count++;
	a->open = true;
	return true;
}

void plan_apply_forget(struct state *s, enum state_source src)
{
	s->apply[src] = (struct state_apply){ 0 };
}

void plan_apply_died(struct state *s, enum state_source src)
{
	s->apply[src].open = false;
	s->apply[src].excused = STATE_APPLY_DIED;
}

bool plan_apply_forgivable(const struct state *s, enum state_source src)
{
	return s->apply[src].excused != STATE_APPLY_DIED ||
	       (src != STATE_SRC_SD && src != STATE_SRC_USB);
}
