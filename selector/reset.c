/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/reset.h"

enum reset_cause reset_classify(const struct state *s, const struct reset_evidence *ev)
{
	if (s->clean && s->open != STATE_NONE && ev->orderly)
		return RESET_CLEAN;
	if (ev->crash_record || ev->watchdog_fired ||
	    (ev->loader_watchdog && s->open != STATE_NONE))
		return RESET_CRASH;
	if (ev->power_cause || ev->cookie_lost)
		return RESET_POWER;
	return RESET_UNKNOWN;
}

bool reset_charges_good_slots(enum conf_count count, const struct reset_evidence *ev)
{
	switch (count) {
	case CONF_COUNT_ALWAYS:
		return true;
	case CONF_COUNT_NEVER:
		return false;
	case CONF_COUNT_AUTO:
		break;
	}
	/* What is not reported is not noticed: a good slot that panics, or hangs, would boot
	 * forever.
	 */
	return !ev->can_report_watchdog || !ev->can_report_panic;
}

const char *reset_name(enum reset_cause cause)
{
	static const char *const names[] = {
		[RESET_UNKNOWN] = "unknown",
		[RESET_CLEAN] = "clean",
		[RESET_POWER] = "power",
		[RESET_CRASH] = "crash",
	};

	return (unsigned)cause <= RESET_CRASH ? names[cause] : names[RESET_UNKNOWN];
}

/* The reset's cause clears the slot. */
static bool is_explained(enum reset_cause cause)
{
	return cause == RESET_POWER || cause == RESET_CLEAN;
}

/* What may have been the slot, or not. */
static const char *reason_of_doubt(enum reset_cause cause)
{
	switch (cause) {
	case RESET_POWER:
		return "repeated power cuts soon after its start";
	case RESET_CLEAN:
		return "repeated reboots before its report";
	case RESET_UNKNOWN:
	case RESET_CRASH:
		break;
	}
	return "reset soon after its start, cause unknown";
}

static const char *reason_of_trial(enum reset_cause cause)
{
	switch (cause) {
	case RESET_CRASH:
		return "crashed or hung";
	case RESET_POWER:
		return "power cut too often while on trial";
	case RESET_CLEAN:
		return "rebooted too often while on trial";
	case RESET_UNKNOWN:
		break;
	}
	return "reset before it was marked good";
}

static void add_crash(struct state_slot *t)
{
	state_add_crash(t);
	state_set_text(t->reason, "crashed or hung");
}

static void add_doubt(struct state_slot *t, enum reset_cause cause)
{
	if (!state_is_trusted(t))
		return;
	state_add_doubt(t);
	state_set_text(t->reason, reason_of_doubt(cause));
}

/* The attempt under way is one of the chances that a slot without trust gets. */
static bool was_retry(const struct state *s)
{
	const struct state_slot *t = &s->slot[s->open];

	return s->open != s->lr && state_lost_trust(t) && t->retries > 0;
}

static void return_retry(struct state_slot *t)
{
	t->grace--;
	state_return_retry(t);
}

static void settle_good(struct state *s, enum reset_cause cause, bool charge_good)
{
	struct state_slot *t = &s->slot[s->open];

	if (cause == RESET_CRASH)
		add_crash(t);
	else if (was_retry(s) && is_explained(cause) && t->grace > 0)
		return_retry(t);
	else if (!charge_good)
		return;
	else if (is_explained(cause) && t->grace > 0)
		t->grace--;
	else
		add_doubt(t, cause);
}

static void give_back(struct state_slot *t)
{
	t->grace--;
	if (t->st == STATE_TRIAL && t->tries < STATE_TRIES_MAX)
		t->tries++;
}

static void settle_trial(struct state_slot *t, enum reset_cause cause)
{
	if (!is_explained(cause) || t->grace == 0) {
		state_set_text(t->reason, reason_of_trial(cause));
		return;
	}
	give_back(t);
}

/* Whatever the reset's cause is: the loader did not start its pair, or that did not get so far. */
static void settle_handed(struct state *s, enum reset_cause cause)
{
	struct state_slot *t = &s->slot[s->open];

	if (is_explained(cause) && t->grace > 0 && was_retry(s)) {
		return_retry(t);
		return;
	}
	if (is_explained(cause) && t->grace > 0) {
		give_back(t);
		return;
	}
	if (t->st == STATE_GOOD)
		state_add_crash(t);
	state_set_text(t->reason, "its kernel did not come up");
}

/* True if one was under way. */
static bool settle_applies(struct state *s, enum reset_cause cause)
{
	bool any = false;

	for (unsigned i = 0; i < STATE_SRC_COUNT; i++) {
		struct state_apply *a = &s->apply[i];

		if (!a->open)
			continue;
		any = true;
		a->open = false;
		if (is_explained(cause) && a->excused < STATE_GRACE) {
			a->excused++;
			a->count -= a->count > 0;
		}
	}
	return any;
}

static void settle_exhausted(struct state *s)
{
	for (unsigned i = 0; i < s->nslots; i++) {
		struct state_slot *t = &s->slot[i];

		if (t->st != STATE_TRIAL || state_has_tries(t))
			continue;
		if (t->reason[0] == '\0')
			state_set_text(t->reason, "no tries left");
		state_reject(s, t);
	}
}

void reset_settle(struct state *s, enum reset_cause cause, bool charge_good)
{
	bool applying = settle_applies(s, cause);

	if (s->open != STATE_NONE && s->handed != 0)
		settle_handed(s, cause);
	else if (s->open != STATE_NONE && s->slot[s->open].st == STATE_GOOD)
		settle_good(s, cause, charge_good);
	else if (s->open != STATE_NONE)
		settle_trial(&s->slot[s->open], cause);
	else if (cause == RESET_CRASH && !applying && s->last != STATE_NONE &&
		 s->slot[s->last].st == STATE_GOOD)
		add_crash(&s->slot[s->last]);
	state_close_attempt(s);
	settle_exhausted(s);
}

void reset_go_on(struct state *s, enum reset_cause cause)
{
	(void)settle_applies(s, cause);
}
