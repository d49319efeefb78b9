/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/reset.h"
#include "tests/unit/states.h"

static struct state s;

static void set_up(void)
{
	states_fresh(&s);
}

/* What ended the attempt of this slot. */
static void ends(int8_t slot, enum reset_cause cause, bool charge_good)
{
	s.open = slot;
	reset_settle(&s, cause, charge_good);
	assert_int_equal(s.open, STATE_NONE);
}

TEST(clean_mark_counts_only_with_an_open_attempt_and_an_orderly_reset)
{
	struct reset_evidence ev = { .orderly = true, .watchdog_fired = true };

	states_open(&s);
	assert_int_equal(reset_classify(&s, &ev), RESET_CRASH);
	s.clean = true;
	assert_int_equal(reset_classify(&s, &ev), RESET_CLEAN);
	ev.orderly = false;
	assert_int_equal(reset_classify(&s, &ev), RESET_CRASH);
	ev.orderly = true;
	s.open = STATE_NONE;
	assert_int_equal(reset_classify(&s, &ev), RESET_CRASH);
}

TEST(crash_goes_before_power_and_power_before_unknown)
{
	static const struct {
		struct reset_evidence ev;
		enum reset_cause cause;
	} cases[] = {
		{ { .orderly = true }, RESET_UNKNOWN },
		{ { .orderly = true, .cookie_lost = true }, RESET_POWER },
		{ { .orderly = true, .power_cause = true }, RESET_POWER },
		{ { .orderly = true, .power_cause = true, .watchdog_fired = true }, RESET_CRASH },
		{ { .orderly = true, .power_cause = true, .crash_record = true }, RESET_CRASH },
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(cases); i++)
		assert_int_equal(reset_classify(&s, &cases[i].ev), cases[i].cause);
}

TEST(auto_counts_good_slots_unless_all_is_told)
{
	struct reset_evidence ev = { 0 };

	assert_true(reset_charges_good_slots(CONF_COUNT_AUTO, &ev));
	assert_false(reset_charges_good_slots(CONF_COUNT_NEVER, &ev));
	ev.can_report_panic = true;
	assert_true(reset_charges_good_slots(CONF_COUNT_AUTO, &ev)); /* a hang is not told */
	ev = (struct reset_evidence){ .can_report_watchdog = true };
	assert_true(reset_charges_good_slots(CONF_COUNT_AUTO, &ev)); /* a panic is not told */
	ev.can_report_panic = true;
	assert_false(reset_charges_good_slots(CONF_COUNT_AUTO, &ev));
	assert_true(reset_charges_good_slots(CONF_COUNT_ALWAYS, &ev));
}

TEST(trial_gets_its_try_back_when_the_reset_is_explained)
{
	static const enum reset_cause causes[] = { RESET_POWER, RESET_CLEAN };

	for (unsigned i = 0; i < 2; i++) {
		states_open(&s);
		s.clean = true;
		reset_settle(&s, causes[i], true);
		EQUAL((s.slot[1].tries, STATE_TRIES), (s.slot[1].grace, STATE_GRACE - 1));
		EQUAL((s.slot[1].reason, ""), (s.open, STATE_NONE), (s.open_token, 0));
		assert_false(s.clean);
	}
}

TEST(trial_pays_when_the_reset_is_not_explained)
{
	static const enum reset_cause causes[] = { RESET_UNKNOWN, RESET_CRASH };

	for (unsigned i = 0; i < 2; i++) {
		states_open(&s);
		reset_settle(&s, causes[i], true);
		EQUAL((s.slot[1].tries, STATE_TRIES - 1), (s.slot[1].grace, STATE_GRACE));
		assert_string_not_equal(s.slot[1].reason, "");
		assert_int_equal(s.slot[0].streak, 0); /* `last` is not to blame */
	}
}

TEST(grace_ends)
{
	states_open(&s);
	for (int i = 0; i < STATE_GRACE; i++) {
		ends(1, RESET_POWER, true);
		assert_int_equal(s.slot[1].tries, STATE_TRIES);
		s.slot[1].tries--;
	}
	ends(1, RESET_POWER, true);
	EQUAL((s.slot[1].tries, STATE_TRIES - 1), (s.slot[1].grace, 0));
	ends(1, RESET_CLEAN, true);
	assert_int_equal(s.slot[1].tries, STATE_TRIES - 1);
}

TEST(refund_never_gives_more_than_the_full_tries)
{
	states_open(&s);
	s.slot[1].tries = STATE_TRIES_MAX;
	reset_settle(&s, RESET_POWER, true);
	assert_int_equal(s.slot[1].tries, STATE_TRIES_MAX);
}

TEST(trial_without_tries_becomes_bad_and_its_release_rejected)
{
	states_open(&s);
	s.slot[1].tries = 0;
	reset_settle(&s, RESET_CRASH, true);
	EQUAL((s.slot[1].st, STATE_BAD), (state_is_rejected(&s, states_id(2)), true));
	EQUAL((s.slot[1].reason, "crashed or hung"));

	states_trial(&s); /* none open: it was found so */
	s.slot[1].tries = 0;
	s.slot[1].has_release = false;
	reset_settle(&s, RESET_POWER, true);
	EQUAL((s.slot[1].st, STATE_BAD), (s.nrejected, 0), (s.slot[1].reason, "no tries left"));
}

TEST(last_try_is_given_back_before_it_is_judged)
{
	states_open(&s);
	s.slot[1].tries = 0;
	reset_settle(&s, RESET_POWER, true);
	EQUAL((s.slot[1].st, STATE_TRIAL), (s.slot[1].tries, 1));
}

/* ---- handed over, and another pair came up */

static void ends_handed(int8_t slot, enum reset_cause cause)
{
	s.open = slot;
	s.open_token = s.handed = 7;
	reset_settle(&s, cause, false);
	assert_true(s.open == STATE_NONE && s.handed == 0);
}

TEST(trial_whose_kernel_does_not_come_up_pays)
{
	static const enum reset_cause causes[] = { RESET_UNKNOWN, RESET_CRASH };

	for (unsigned i = 0; i < KB_ARRAY_LEN(causes); i++) {
		states_open(&s);
		ends_handed(1, causes[i]);
		assert_int_equal(s.slot[1].tries, STATE_TRIES - 1);
		assert_string_equal(s.slot[1].reason, "its kernel did not come up");
	}
}

TEST(power_cut_of_a_handover_is_excused_while_there_is_grace)
{
	states_open(&s);
	ends_handed(1, RESET_POWER);
	EQUAL((s.slot[1].tries, STATE_TRIES), (s.slot[1].grace, STATE_GRACE - 1));
	s.slot[1].tries--;
	s.slot[1].grace = 0;
	ends_handed(1, RESET_POWER);
	assert_int_equal(s.slot[1].tries, STATE_TRIES - 1);
}

/* Though good slots are not counted: else a loader that does not obey would be asked forever. */
TEST(good_slot_whose_kernel_does_not_come_up_has_crashed)
{
	ends_handed(0, RESET_UNKNOWN);
	assert_int_equal(s.slot[0].streak, 1);
	ends_handed(0, RESET_POWER);
	EQUAL((s.slot[0].streak, 1), (s.slot[0].grace, STATE_GRACE - 1));
	s.slot[0].grace = 0;
	ends_handed(0, RESET_POWER);
	assert_int_equal(s.slot[0].streak, 2);
}

TEST(applies_are_closed_where_an_attempt_goes_on)
{
	states_open(&s);
	s.apply[STATE_SRC_USB] = (struct state_apply){ 1, 0, true };
	s.slot[1].tries = 0;
	reset_go_on(&s, RESET_POWER);
	EQUAL((s.apply[STATE_SRC_USB].open, false), (s.open, 1), (s.slot[1].st, STATE_TRIAL));
}

TEST(crash_without_an_attempt_is_blamed_on_last)
{
	for (int i = 1; i <= STATE_STREAK_LIMIT + 1; i++) {
		reset_settle(&s, RESET_CRASH, true);
		assert_int_equal(s.slot[0].streak, i < STATE_STREAK_LIMIT ? i : STATE_STREAK_LIMIT);
	}
	states_fresh(&s);
	reset_settle(&s, RESET_POWER, true);
	reset_settle(&s, RESET_UNKNOWN, true);
	reset_settle(&s, RESET_CLEAN, true);
	assert_int_equal(s.slot[0].streak, 0);
	s.last = STATE_NONE;
	reset_settle(&s, RESET_CRASH, true);
	assert_int_equal(s.slot[0].streak, 0);
	s.last = 0;
	s.slot[0].st = STATE_BAD;
	reset_settle(&s, RESET_CRASH, true);
	assert_int_equal(s.slot[0].streak, 0);
}

TEST(what_is_told_weighs_twice_what_is_not)
{
	for (unsigned i = 1; i < 2 * STATE_STREAK_LIMIT; i++) {
		ends(0, RESET_UNKNOWN, true);
		assert_int_equal(2 * s.slot[0].streak + s.slot[0].doubt, i);
		assert_true(state_is_trusted(&s.slot[0]));
	}
	for (unsigned i = 0; i < 2; i++) { /* the second time there is nothing left to take */
		ends(0, RESET_UNKNOWN, true);
		assert_false(state_is_trusted(&s.slot[0]));
		assert_true(s.slot[0].doubt == 1 && s.slot[0].wait == 1);
	}
	states_fresh(&s);
	for (unsigned i = 1; i <= STATE_STREAK_LIMIT; i++) {
		assert_true(state_is_trusted(&s.slot[0]));
		ends(0, RESET_CRASH, i % 2);
	}
	EQUAL((state_is_trusted(&s.slot[0]), false), (s.slot[0].reason, "crashed or hung"));
}

TEST(explained_reset_costs_grace_and_then_a_doubt)
{
	ends(0, RESET_POWER, true);
	EQUAL((s.slot[0].grace, STATE_GRACE - 1), (s.slot[0].doubt, 0), (s.slot[0].tries, 0));
	s.slot[0].grace = 0; /* "power" again and again is no explanation */
	ends(0, RESET_POWER, true);
	assert_true(s.slot[0].doubt == 1 && s.slot[0].streak == 0);
	assert_non_null(strstr(s.slot[0].reason, "power"));
	ends(0, RESET_CLEAN, true);
	assert_true(s.slot[0].doubt == 0 && s.slot[0].streak == 1);
	assert_non_null(strstr(s.slot[0].reason, "reboots"));
}

TEST(where_good_slots_are_not_counted_only_a_crash_counts)
{
	static const enum reset_cause others[] = { RESET_UNKNOWN, RESET_POWER, RESET_CLEAN };
	struct state was;

	for (unsigned i = 0; i < 3; i++) {
		states_fresh(&s);
		was = s;
		ends(0, others[i], false);
		assert_memory_equal(&s, &was, sizeof(s));
	}
}

/* Slot 0 is preferred, lost its trust, and is in its nth retry. */
static void in_retry(struct state *st, unsigned n)
{
	states_fresh(st);
	st->slot[0].streak = STATE_STREAK_LIMIT;
	for (unsigned i = 0; i < n; i++)
		state_use_retry(&st->slot[0]);
	st->pref = st->open = 0;
}

TEST(retry_is_given_back_when_the_reset_is_explained_while_it_has_grace)
{
	for (unsigned i = 0; i < 4; i++) {
		in_retry(&s, 3);
		ends(0, i < 2 ? RESET_POWER : RESET_CLEAN, i % 2);
		assert_true(state_is_due(&s.slot[0]) && s.slot[0].retries == 2);
		assert_int_equal(s.slot[0].grace, STATE_GRACE - 1);
		state_use_retry(&s.slot[0]); /* the next one is as far away as it was to be */
		assert_int_equal(s.slot[0].wait, 8);
	}
	in_retry(&s, 3);
	s.slot[0].grace = 0;
	ends(0, RESET_POWER, true);
	assert_true(s.slot[0].retries == 3 && s.slot[0].wait == 8);
	for (unsigned i = 0; i < 2; i++) {
		in_retry(&s, 3);
		ends(0, i ? RESET_CRASH : RESET_UNKNOWN, true);
		assert_true(s.slot[0].retries == 3 && s.slot[0].wait == 8);
	}
}

TEST(only_a_retry_is_given_back)
{
	in_retry(&s, 1);
	s.lr = 0; /* a last resort, after it */
	ends(0, RESET_POWER, false);
	assert_int_equal(s.slot[0].wait, 2);
	in_retry(&s, 0); /* it had none */
	s.slot[0].wait = 1;
	ends(0, RESET_POWER, false);
	assert_true(s.slot[0].wait == 1 && s.slot[0].retries == 0);
}

TEST(open_last_resort_of_a_bad_slot_costs_nobody)
{
	states_set(&s, 1, STATE_BAD, 2);
	s.open = 1;
	s.slot[1].grace = 1;
	reset_settle(&s, RESET_POWER, true);
	assert_int_equal(s.slot[1].tries, 0);
	ends(1, RESET_CRASH, true);
	EQUAL((s.slot[0].streak, 0), (s.slot[1].st, STATE_BAD), (s.open, STATE_NONE));
}

TEST(crash_of_an_apply_is_not_blamed_on_last)
{
	s.apply[STATE_SRC_USB] = (struct state_apply){ .count = 1, .open = true };
	reset_settle(&s, RESET_CRASH, true);
	EQUAL((s.slot[0].streak, 0), (s.apply[STATE_SRC_USB].count, 1));
	assert_false(s.apply[STATE_SRC_USB].open);
	/* but the one after it is, though the source is still remembered */
	reset_settle(&s, RESET_CRASH, true);
	assert_int_equal(s.slot[0].streak, 1);
}

TEST(apply_gets_its_count_back_when_excused_and_not_too_often)
{
	struct state_apply *a;

	a = &s.apply[STATE_SRC_SD];
	*a = (struct state_apply){ .count = 2, .open = true };
	reset_settle(&s, RESET_POWER, true);
	assert_true(a->count == 1 && a->excused == 1 && !a->open);
	*a = (struct state_apply){ .count = 2, .excused = STATE_GRACE - 1, .open = true };
	reset_settle(&s, RESET_CLEAN, true);
	assert_true(a->count == 1 && a->excused == STATE_GRACE);
	*a = (struct state_apply){ .count = 2, .excused = STATE_GRACE, .open = true };
	reset_settle(&s, RESET_POWER, true);
	assert_true(a->count == 2 && a->excused == STATE_GRACE);
	*a = (struct state_apply){ .count = 0, .open = true }; /* a record that lies */
	reset_settle(&s, RESET_POWER, true);
	assert_int_equal(a->count, 0);
	*a = (struct state_apply){ .count = 2 }; /* none under way */
	reset_settle(&s, RESET_POWER, true);
	assert_true(a->count == 2 && a->excused == 0);
}

TEST(healthy_state_stays_byte_for_byte)
{
	const struct state was = s;

	reset_settle(&s, RESET_POWER, true);
	assert_memory_equal(&s, &was, sizeof(s));
	reset_settle(&s, RESET_UNKNOWN, true);
	assert_memory_equal(&s, &was, sizeof(s));
}

TEST(every_reason_of_a_reset_is_told)
{
	states_open(&s);
	s.slot[1].grace = 0;
	reset_settle(&s, RESET_POWER, true);
	assert_non_null(strstr(s.slot[1].reason, "power"));
	ends(1, RESET_CLEAN, true);
	assert_non_null(strstr(s.slot[1].reason, "rebooted"));
	ends(1, RESET_UNKNOWN, true);
	assert_non_null(strstr(s.slot[1].reason, "before it was marked good"));
	EQUAL((reset_name(RESET_UNKNOWN), "unknown"), (reset_name(RESET_CLEAN), "clean"));
	EQUAL((reset_name(RESET_POWER), "power"), (reset_name(RESET_CRASH), "crash"));
	assert_string_equal(reset_name((enum reset_cause)9), "unknown");
}

TEST(boot_loaders_watchdog_is_a_crash_of_an_open_attempt)
{
	const struct reset_evidence ev = { .loader_watchdog = true };

	states_open(&s);
	assert_int_equal(reset_classify(&s, &ev), RESET_CRASH);
	s.open = STATE_NONE;
	assert_int_equal(reset_classify(&s, &ev), RESET_UNKNOWN);
}

TEST(only_what_is_trusted_is_doubted)
{
	s.slot[0].streak = STATE_STREAK_LIMIT;
	ends(0, RESET_UNKNOWN, true);
	assert_int_equal(s.slot[0].doubt, 0);
	states_fresh(&s);
	s.slot[0].retries = 2;
	ends(0, RESET_POWER, false);
	assert_true(s.slot[0].retries == 2 && s.slot[0].grace == STATE_GRACE);
}

TEST_MAIN("reset", .set_up = set_up)
