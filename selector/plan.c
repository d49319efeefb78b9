/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/plan.h"

#include <string.h>

static bool holds(const struct state_slot *t, const struct plan_release *r)
{
	return t->has_release && memcmp(t->release, r->id, STATE_ID_LEN) == 0;
}

/* Of the slot to fall back to, where that is one that counts; a device that never committed has a
 * trial with tries. */
static bool is_newer(const struct state *s, const struct plan_release *r, int spare)
{
	const struct state_slot *t = spare != STATE_NONE ? &s->slot[spare] : NULL;

	return t != NULL && t->has_release && r->sequence > t->sequence;
}

/* A slot that lost its trust more than once has to wait, with whatever comes into it by itself. */
static bool any_waits(const struct state *s)
{
	for (unsigned i = 0; i < s->nslots; i++)
		if (state_is_waiting(&s->slot[i]))
			return true;
	return false;
}

static bool is_applied(const struct state *s, const struct plan_release *r, enum plan_mode mode,
		       int spare)
{
	bool trusted = false;

	if (plan_is_rescue(mode))
		return false;
	if (spare != STATE_NONE && holds(&s->slot[spare], r))
		return true;
	for (unsigned i = 0; i < s->nslots; i++) {
		if (!holds(&s->slot[i], r))
			continue;
		if (state_has_tries(&s->slot[i]))
			return true;
		trusted = trusted || state_is_trusted(&s->slot[i]);
	}
	if (mode != PLAN_AUTOMATIC || !state_is_applied(s, r->id))
		return false;
	return trusted || !is_newer(s, r, spare);
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

static bool goes_back(const struct state *s, const struct plan_release *r, enum plan_mode mode,
		      choose_mask mountable, int spare)
{
	if (r->sequence < s->floor)
		return true;
	if (r->allow_downgrade || mode == PLAN_RESCUE || mode == PLAN_COMMAND)
		return false;
	if (r->sequence < plan_back(s, mountable))
		return true;
	return mode == PLAN_AUTOMATIC && spare != STATE_NONE &&
	       (s->slot[spare].st == STATE_GOOD || state_has_tries(&s->slot[spare])) &&
	       s->slot[spare].has_release && r->sequence <= s->slot[spare].sequence;
}

static bool any_tries(const struct state *s)
{
	for (unsigned i = 0; i < s->nslots; i++)
		if (state_has_tries(&s->slot[i]))
			return true;
	return false;
}

bool plan_over_budget(const struct state *s, const uint8_t release[STATE_ID_LEN])
{
	return s->installs >= STATE_INSTALLS_LIMIT ||
	       state_unwritable(s, release) >= STATE_FAILS_LIMIT;
}

/* Rather the slot to fall back to than no repair, where it is the only one that can be written: in
 * a rescue, in which it did not boot, and before a last resort if it cannot be mounted. */
static bool is_only_target(enum plan_mode mode, choose_mask mountable, choose_mask mounted,
			   int spare)
{
	return spare != STATE_NONE && !(mounted >> spare & 1) &&
	       (mode == PLAN_RESCUE || (mode == PLAN_LAST_RESORT && !(mountable >> spare & 1)));
}

enum kb_err plan_accept(const struct state *s, const struct plan_release *r, enum plan_mode mode,
			choose_mask mountable, choose_mask mounted, int *target)
{
	int spare = choose_protected(s, mountable);

	*target = STATE_NONE;
	if (s->newer)
		return KB_ENEWER;
	if (state_is_rejected(s, r->id))
		return KB_EREJECTED;
	if (is_applied(s, r, mode, spare))
		return KB_EAPPLIED;
	if (mode == PLAN_AUTOMATIC && state_is_applied(s, r->id) && any_waits(s))
		return KB_EWAITS;
	if (mode == PLAN_AUTOMATIC && s->forgotten_max != 0 && r->sequence <= s->forgotten_max)
		return KB_EREJECTED;
	if (goes_back(s, r, mode, mountable, spare))
		return KB_EDOWNGRADE;
	if (mode == PLAN_AUTOMATIC && plan_over_budget(s, r->id))
		return KB_EBUDGET;
	if (mode == PLAN_AUTOMATIC && s->rebuilt && any_tries(s))
		return KB_EBUSY;
	*target = choose_target(s, mountable, mounted, r->sequence, plan_is_rescue(mode));
	if (*target == STATE_NONE && is_only_target(mode, mountable, mounted, spare))
		*target = spare;
	return *target == STATE_NONE ? KB_ENOTARGET : KB_OK;
}

static void forget(int8_t *which, int slot)
{
	if (*which == slot)
		*which = STATE_NONE;
}

void plan_begin(struct state *s, int target, uint64_t back)
{
	struct state_slot *t = &s->slot[target];
	int spare;

	if (t->st == STATE_GOOD)
		s->back = back;
	if (t->st == STATE_GOOD && !state_is_trusted(t))
		state_use_retry(t);
	*t = (struct state_slot){ .st = STATE_WRITING, .retries = t->retries };
	if (s->open == target) {
		s->open = STATE_NONE;
		s->open_token = 0;
		s->clean = false;
	}
	forget(&s->last, target);
	forget(&s->lr, target);
	forget(&s->oneshot, target);
	spare = choose_protected(s, (choose_mask)~0u);
	if (s->pref == target && spare != STATE_NONE)
		s->pref = (int8_t)spare;
}

void plan_end(struct state *s, int target, const struct plan_release *r, enum plan_mode mode)
{
	struct state_slot *t = &s->slot[target];

	state_del_unwritable(s, r->id);
	*t = (struct state_slot){
		.st = STATE_TRIAL,
		.tries = STATE_TRIES,
		.grace = STATE_GRACE,
		.retries = mode == PLAN_COMMAND ? 0 : t->retries,
		.has_release = true,
		.sequence = r->sequence,
	};
	memcpy(t->release, r->id, STATE_ID_LEN);
	state_set_text(t->version, r->version);
	s->pref = (int8_t)target;
	if (mode != PLAN_COMMAND && s->installs < STATE_INSTALLS_LIMIT)
		s->installs++;
}

bool plan_unwritable(struct state *s, const struct plan_release *r)
{
	if (s->newer || state_unwritable(s, r->id) >= STATE_FAILS_LIMIT)
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
	if (s->staged.fails < STATE_FAILS_LIMIT)
		return;
	s->staged = (struct state_staged){ .source = STATE_SRC_NONE };
	*dropped = true;
}

bool plan_source_skipped(const struct state *s, enum state_source src)
{
	return src < STATE_SRC_COUNT && s->apply[src].count >= STATE_APPLY_LIMIT &&
	       !s->apply[src].open;
}

bool plan_apply_begin(struct state *s, enum state_source src)
{
	struct state_apply *a = &s->apply[src];

	if (s->newer || a->count >= STATE_APPLY_LIMIT)
		return false;
	a->count++;
	a->open = true;
	return true;
}

void plan_apply_end(struct state *s, enum state_source src)
{
	s->apply[src] = (struct state_apply){ 0 };
}

void plan_apply_died(struct state *s, enum state_source src)
{
	s->apply[src].open = false;
	s->apply[src].grace = STATE_APPLY_DIED;
}

bool plan_apply_forgivable(const struct state *s, enum state_source src)
{
	return s->apply[src].grace != STATE_APPLY_DIED ||
	       (src != STATE_SRC_SD && src != STATE_SRC_USB);
}
