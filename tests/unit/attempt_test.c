/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/attempt_machine.h"

TEST(healthy_good_slot_boots_without_a_write)
{
	states_fresh(&s);
	BOOTS("mounta ");
	EQUAL((a.chosen.slot, 0), (a.chosen.tier, CHOOSE_NORMAL), (a.counted, true), (a.token, 0));
}

TEST(trial_is_charged_before_it_is_mounted)
{
	BOOTS("saveb mountb ");
	EQUAL((m.disk.slot[1].tries, STATE_TRIES - 1), (a.counted, true), (a.token, 101));
	assert_int_equal(m.disk.open_token, 101);
}

TEST(charged_good_slot_has_a_token)
{
	states_fresh(&s);
	a.charge_good = true;
	BOOTS("savea mounta ");
	assert_true(a.token == 101);
}

TEST(what_was_settled_is_written_with_the_charge_of_a_good_slot)
{
	states_fresh(&s);
	a.disk = s;
	s.slot[0].streak = 1;
	OK(attempt_run(&a, &s, &ops, NULL));
	DONE("save. mounta ");
	EQUAL((m.disk.slot[0].streak, 1), (a.counted, true), (a.token, 0));
}

TEST(slot_that_does_not_mount_makes_way_in_the_same_boot)
{
	m = (struct machine){ .mounts = { [1] = KB_EMOUNT } };
	BOOTS("saveb mountb save. mounta ");
	EQUAL((a.chosen.slot, 0), (a.counted, true), (a.token, 0));
	EQUAL((m.disk.slot[1].reason, "no mount"), (m.disk.slot[1].tries, STATE_TRIES - 1));
	assert_int_equal(m.disk.open, STATE_NONE);
}

TEST(good_slot_that_does_not_mount_loses_trust)
{
	m = (struct machine){ .mounts = { [0] = KB_ECHECK } };
	states_fresh(&s);
	states_set(&s, 1, STATE_GOOD, 2);
	BOOTS("mounta save. mountb ");
	EQUAL((m.disk.slot[0].streak, 1), (m.disk.last, 1));
}

TEST(absent_slot_costs_nothing)
{
	m = (struct machine){ .fit = { [1] = KB_ENODEV } };
	BOOTS("mounta ");
	EQUAL((s.slot[1].tries, STATE_TRIES), (s.slot[1].reason, ""));
}

TEST(unfit_trial_loses_a_try_with_the_next_charge)
{
	m = (struct machine){ .fit = { [1] = KB_EFORMAT } };
	BOOTS("save. mounta ");
	EQUAL((m.disk.slot[1].tries, STATE_TRIES - 1), (m.disk.slot[1].reason, "not fit"));
	assert_int_equal(m.disk.open, STATE_NONE);
}

TEST(unfit_oneshot_is_used_up_and_not_tried_twice)
{
	m = (struct machine){ .fit = { [1] = KB_EFORMAT } };
	s.oneshot = 1;
	BOOTS("save. mounta ");
	EQUAL((m.disk.oneshot, STATE_NONE), (m.disk.slot[1].tries, STATE_TRIES - 1));
}

TEST(unfit_good_slot_loses_trust)
{
	m = (struct machine){ .fit = { [0] = KB_EIO } };
	states_fresh(&s);
	states_set(&s, 1, STATE_GOOD, 2);
	OK(boot());
	EQUAL((m.disk.slot[0].streak, 1), (a.chosen.slot, 1));
}

TEST(oneshot_is_consumed_durably_before_its_mount)
{
	states_fresh(&s);
	states_set(&s, 1, STATE_GOOD, 2);
	s.oneshot = 1;
	BOOTS("save. mountb ");
	EQUAL((m.disk.oneshot, STATE_NONE), (a.chosen.tier, CHOOSE_ONESHOT));
}

TEST(oneshot_of_half_a_slot_is_dropped)
{
	static const enum state_st half[] = { STATE_EMPTY, STATE_WRITING };

	for (unsigned i = 0; i < 2; i++) {
		set_up();
		states_fresh(&s);
		s.slot[1].st = half[i];
		s.oneshot = 1;
		BOOTS("save. mounta ");
		assert_int_equal(m.disk.oneshot, STATE_NONE);
	}
}

TEST(trial_that_can_not_be_charged_makes_way_for_a_good_slot)
{
	m = (struct machine){ .fail_saves = ~0u };
	BOOTS("failb fail. mounta ");
	EQUAL((a.chosen.slot, 0), (s.slot[1].tries, STATE_TRIES), (a.counted, false), (a.token, 0));
}

TEST(failed_charge_that_is_there_nevertheless_is_taken_back)
{
	m = (struct machine){ .fail_saves = 1 };
	BOOTS("failb save. mounta ");
	EQUAL((m.disk.slot[1].tries, STATE_TRIES), (m.disk.open, STATE_NONE), (a.counted, true));
	assert_int_equal(a.token, 0);
}

TEST(oneshot_that_can_not_be_consumed_makes_way_too)
{
	m = (struct machine){ .fail_saves = ~0u };
	states_fresh(&s);
	states_set(&s, 1, STATE_GOOD, 2);
	s.oneshot = 1;
	BOOTS("fail. fail. mounta ");
	assert_int_equal(s.oneshot, 1);
}

TEST(passed_over_trial_boots_uncounted_when_nothing_else_mounts)
{
	m = (struct machine){ .fail_saves = ~0u, .mounts = { KB_EMOUNT } };
	BOOTS("failb fail. mounta failb mountb ");
	EQUAL((a.chosen.slot, 1), (a.counted, false), (a.token, 0));
}

TEST(passed_over_trial_is_charged_if_writing_works_again)
{
	m = (struct machine){ .fail_saves = 3, .mounts = { KB_EMOUNT } };
	BOOTS("failb fail. mounta saveb mountb ");
	EQUAL((a.counted, true), (a.token, 101), (m.disk.slot[1].tries, STATE_TRIES - 1));
	assert_int_equal(m.disk.slot[0].streak, 1);
}

TEST(slot_passed_over_twice_is_mounted_once)
{
	m = (struct machine){ .fail_saves = ~0u, .mounts = { KB_EMOUNT, KB_EMOUNT } };
	s.oneshot = 1;
	FAILS(boot(), KB_ENOCAND);
	DONE("failb failb fail. mounta failb mountb fail. ");
}

TEST(good_slot_that_failed_already_is_nothing_to_wait_for)
{
	m = (struct machine){ .fail_saves = ~1u, .mounts = { KB_EMOUNT } };
	s.oneshot = 0; /* asked for, tried, and standing behind b once more */
	BOOTS("save. mounta failb mountb ");
}

TEST(unfit_trial_without_tries_has_none_to_lose)
{
	m = (struct machine){ .fit = { [1] = KB_EFORMAT, [0] = KB_EFORMAT } };
	s.slot[1].tries = 0;
	FAILS(boot(), KB_ENOCAND);
	assert_int_equal(m.disk.slot[1].tries, 0);
}

TEST(only_trial_boots_though_it_can_not_be_charged)
{
	m = (struct machine){ .fail_saves = ~0u };
	state_init(&s, 2);
	states_set(&s, 0, STATE_TRIAL, 1);
	BOOTS("faila mounta ");
	assert_true(!a.counted && a.token == 0);
}

TEST(good_slot_boots_though_it_can_not_be_written)
{
	m = (struct machine){ .fail_saves = ~0u };
	states_fresh(&s);
	a.charge_good = true;
	BOOTS("faila mounta ");
	assert_true(!a.counted && a.token == 0);
}

/* One more chance: charged first, however good slots are counted; and not where it cannot be. */
TEST(slot_that_lost_its_trust_gets_its_chance)
{
	states_fresh(&s);
	states_set(&s, 1, STATE_GOOD, 2);
	s.pref = 1;
	s.slot[1].streak = STATE_STREAK_LIMIT;
	BOOTS("saveb mountb ");
	EQUAL((a.chosen.tier, CHOOSE_RETRY), (m.disk.open, 1), (m.disk.slot[1].wait, 2));
	m = (struct machine){ .fail_saves = ~0u };
	s.slot[1].wait = 0;
	BOOTS("failb faila mounta ");
	assert_int_equal(a.uncountable, 2);
}

TEST(last_resorts_wait_and_take_turns)
{
	states_fresh(&s);
	states_set(&s, 1, STATE_BAD, 2);
	s.slot[0].streak = STATE_STREAK_LIMIT;
	s.slot[0].wait = 1;
	BOOTS("delaya save. mounta ");
	assert_int_equal(m.disk.lr, 0);
	m.trace[0] = '\0';
	BOOTS("delayb saveb mountb ");
	EQUAL((m.disk.lr, 1), (a.chosen.tier, CHOOSE_LAST_RESORT));
}

TEST(slot_that_is_half_written_after_the_delay_is_not_mounted)
{
	states_fresh(&s);
	states_set(&s, 1, STATE_BAD, 2);
	s.slot[0].streak = STATE_STREAK_LIMIT;
	s.slot[0].wait = 1;
	m.taken = true;
	FAILS(boot(), KB_ENOCAND);
	assert_null(strstr(m.trace, "mount"));
}

/* Else it boots again and again, and nobody counts: not before a good one had its second chance. */
TEST(what_cannot_be_counted_waits_for_a_good_slot_that_comes_back)
{
	static const struct {
		enum state_st st;
		const char *first, *second;
	} cases[] = {
		{ STATE_TRIAL, "failb fail. ", "failb fail. mounta " },
		{ STATE_BAD, "delayb failb fail. ", "mounta " },
	};

	for (unsigned i = 0; i < 2; i++) {
		set_up();
		m = (struct machine){ .fit = { KB_EFORMAT },
				      .fail_saves = ~0u,
				      .next_run_accepts = true };
		states_trial(&s);
		s.slot[1].st = cases[i].st;
		FAILS(boot(), KB_ENOCAND);
		DONE(cases[i].first);
		m = (struct machine){ .fail_saves = ~0u };
		states_trial(&s);
		s.slot[1].st = cases[i].st;
		OK(boot());
		DONE(cases[i].second);
	}
}

/* And where that one does not come back, what is left is better than nothing. */
TEST(what_cannot_be_counted_boots_when_no_good_slot_comes_back)
{
	m = (struct machine){ .fit = { KB_EFORMAT }, .fail_saves = ~0u };
	states_trial(&s);
	OK(boot());
	EQUAL((a.chosen.slot, 1), (a.counted, false));
	m = (struct machine){ .mounts = { [1] = KB_EMOUNT },
			      .fail_saves = ~0u,
			      .next_run_accepts = true };
	states_trial(&s);
	OK(boot()); /* a good one is not held up by a bad one */
	assert_int_equal(a.chosen.slot, 0);
}

/* ---- pairs */

/* Slots a and b have one each; that of a runs. */
static void have_pairs(void)
{
	a.paired = 3;
	a.running = 0;
}

/* b was charged and handed over, and its pair has come up. */
static void b_arrives(void)
{
	states_open(&s);
	s.handed = s.open_token;
	have_pairs();
	a.running = 1;
	a.arrived = true;
}

TEST(slot_whose_pair_does_not_run_is_charged_and_handed_over)
{
	have_pairs();
	BOOTS("saveb handb ");
	EQUAL((m.disk.slot[1].tries, STATE_TRIES - 1), (m.disk.open, 1), (a.chosen.slot, 1));
	assert_true(m.disk.handed == 101 && m.disk.open_token == 101);
}

TEST(slot_whose_pair_runs_is_mounted)
{
	have_pairs();
	a.running = 1;
	BOOTS("saveb mountb ");
	assert_true(m.disk.handed == 0);
}

TEST(good_slot_is_charged_where_it_is_handed_over)
{
	states_fresh(&s);
	have_pairs();
	a.running = 1;
	BOOTS("savea handa ");
	EQUAL((m.disk.open, 0), (m.disk.slot[0].st, STATE_GOOD));
}

/* The try was spent where it was handed over, and the token is the one of then. */
TEST(attempt_that_arrived_goes_on_and_is_not_charged_again)
{
	b_arrives();
	BOOTS("saveb mountb ");
	EQUAL((m.disk.slot[1].tries, STATE_TRIES - 1), (m.disk.open, 1));
	assert_true(m.disk.handed == 0 && a.token == 7 && a.counted);
}

TEST(last_try_that_arrived_boots)
{
	b_arrives();
	s.slot[1].tries = 0;
	BOOTS("saveb mountb ");
	assert_int_equal(a.chosen.slot, 1);
}

TEST(attempt_that_arrived_and_does_not_mount_hands_over_to_the_good_slot)
{
	b_arrives();
	m.mounts[1] = KB_EMOUNT;
	s.slot[1].tries = 0;
	BOOTS("saveb mountb savea handa ");
	assert_string_equal(s.slot[1].reason, "no mount");
}

TEST(arrival_that_cannot_be_written_boots_a_good_slot)
{
	b_arrives();
	m.fail_saves = ~0u;
	OK(boot());
	EQUAL((a.chosen.slot, 0), (a.counted, false));
}

/* Where the kernel of b cannot write, only a restart brings that of a. */
TEST(arrival_that_cannot_be_written_goes_back_to_what_the_loader_starts_by_itself)
{
	b_arrives();
	m.fail_saves = ~0u;
	m.starts_by_itself[0] = true;
	BOOTS("failb failb faila backa ");
	EQUAL((a.chosen.slot, 0), (a.counted, false));
}

/* It would start this one again. */
TEST(arrival_that_cannot_be_written_is_asked_of_the_loader_before_another_root_is_entered)
{
	b_arrives();
	m.fail_saves = ~0u;
	BOOTS("failb failb faila backa mounta ");
}

TEST(loader_that_cannot_be_asked_costs_a_try_and_the_slot_whose_pair_runs_boots)
{
	have_pairs();
	m.hands[1] = KB_EIO;
	BOOTS("saveb handb save. mounta ");
	EQUAL((a.chosen.slot, 0), (m.disk.slot[1].tries, STATE_TRIES - 1),
	      (m.disk.open, STATE_NONE));
	assert_string_equal(m.disk.slot[1].reason, "not heard");
}

/* Its store is as it was. */
TEST(loader_that_refuses_costs_no_try)
{
	have_pairs();
	m.hands[1] = KB_EPERM;
	BOOTS("saveb handb save. mounta ");
	EQUAL((a.chosen.slot, 0), (m.disk.slot[1].tries, STATE_TRIES),
	      (m.disk.slot[1].reason[0], '\0'));
	EQUAL((m.disk.open, STATE_NONE), (m.disk.handed, 0));
}

/* A good slot waits at no cost, and may boot by the kernel that runs. */
TEST(loader_that_refuses_costs_a_good_slot_no_trust)
{
	states_fresh(&s);
	have_pairs();
	a.running = 1;
	m.hands[0] = KB_EPERM;
	OK(boot());
	EQUAL((a.chosen.slot, 0), (m.disk.slot[0].streak, 0), (a.counted, true));
}

/* Something boots: by the kernel that runs. */
TEST(loader_that_cannot_be_asked_and_nothing_else_mounts)
{
	have_pairs();
	m.hands[1] = KB_EIO;
	m.mounts[0] = KB_EMOUNT;
	OK(boot());
	EQUAL((a.chosen.slot, 1), (a.counted, true));
}

TEST(slot_whose_pair_cannot_be_had_waits_at_no_cost)
{
	have_pairs();
	m.looks[1] = KB_ENODEV;
	BOOTS("mounta ");
	EQUAL((a.chosen.slot, 0), (s.slot[1].tries, STATE_TRIES), (s.slot[1].reason[0], '\0'));
}

/* Something boots, and costs what a boot costs. */
TEST(slot_whose_pair_cannot_be_had_boots_if_nothing_else_mounts)
{
	have_pairs();
	m.looks[1] = KB_ENODEV;
	m.mounts[0] = KB_EMOUNT;
	BOOTS("mounta saveb mountb ");
	EQUAL((a.chosen.slot, 1), (m.disk.slot[1].tries, STATE_TRIES - 1), (a.counted, true));
	assert_true(m.disk.handed == 0);
}

TEST(what_cannot_be_counted_is_not_handed_over)
{
	have_pairs();
	m.fail_saves = ~0u;
	OK(boot());
	EQUAL((a.chosen.slot, 0), (a.counted, false));
	assert_null(strstr(m.trace, "hand"));
}

/* Nobody says whose kernel runs: what proved itself goes first, and nothing is handed over. */
TEST(unknown_kernel_boots_a_good_slot_before_a_trial)
{
	have_pairs();
	a.running = STATE_NONE;
	BOOTS("mounta ");
	m = (struct machine){ .mounts = { KB_EMOUNT } };
	states_trial(&s);
	OK(boot());
	EQUAL((a.chosen.slot, 1), (a.counted, true));
	assert_null(strstr(m.trace, "hand"));
}

TEST(last_resort_boots_by_the_kernel_that_runs)
{
	state_init(&s, 2);
	states_set(&s, 1, STATE_BAD, 2);
	s.pref = 1;
	have_pairs();
	BOOTS("delayb saveb mountb ");
	assert_int_equal(a.chosen.tier, CHOOSE_LAST_RESORT);
}

TEST(forced_slot_boots_by_the_kernel_that_runs)
{
	have_pairs();
	a.forced = 1;
	BOOTS("mountb ");
}

TEST(delay_is_optional)
{
	const struct attempt_ops quick = { .save = op_save,
					   .preflight = op_preflight,
					   .mount = op_mount };

	state_init(&s, 1);
	states_set(&s, 0, STATE_BAD, 1);
	a.disk = s;
	OK(attempt_run(&a, &s, &quick, NULL));
	DONE("savea mounta ");
}

TEST(nothing_mounts_and_that_is_written)
{
	m = (struct machine){ .mounts = { KB_EMOUNT, KB_EMOUNT } };
	FAILS(boot(), KB_ENOCAND);
	DONE("saveb mountb save. mounta save. ");
	EQUAL((m.disk.slot[0].streak, 1), (a.chosen.slot, STATE_NONE), (a.counted, false));
	assert_int_equal(a.token, 0);
}

TEST(nothing_installed_writes_nothing)
{
	state_init(&s, 2);
	FAILS(boot(), KB_ENOCAND);
	DONE("");
}

TEST(nothing_mounts_and_that_can_not_be_written)
{
	m = (struct machine){ .fail_saves = ~0u, .mounts = { KB_EMOUNT, KB_EMOUNT } };
	FAILS(boot(), KB_ENOCAND);
	DONE("failb fail. mounta failb mountb fail. ");
}

TEST(forced_slot_boots_unwritten)
{
	struct state was;

	a.forced = 0;
	was = s;
	BOOTS("mounta ");
	EQUAL((a.chosen.slot, 0), (a.counted, false), (a.token, 0), (state_same(&s, &was), true));
}

TEST(forced_slot_that_fails_makes_way)
{
	m = (struct machine){ .mounts = { KB_EMOUNT } };
	states_trial(&s);
	a.forced = 0;
	BOOTS("mounta saveb mountb ");
	m = (struct machine){ .fit = { KB_ENODEV } };
	states_trial(&s);
	BOOTS("saveb mountb ");
}

TEST(half_written_slot_can_not_be_forced)
{
	static const int slots[] = { 1, 2, 7, -2 };

	for (unsigned i = 0; i < 5; i++) {
		set_up();
		states_fresh(&s);
		s.slot[1].st = i == 0 ? STATE_WRITING : STATE_EMPTY;
		a.forced = slots[i % 4];
		BOOTS("mounta ");
		assert_true(a.counted);
	}
}

TEST(slots_that_cannot_be_mounted_are_told_from_those_that_fail_a_check)
{
	states_all(&s, 6, STATE_TRIAL);
	m.fit[0] = KB_EFORMAT;
	m.mounts[1] = KB_EMOUNT;
	m.mounts[2] = m.fit[3] = KB_ECHECK;
	m.mounts[4] = KB_EMOUNT;
	states_set(&s, 4, STATE_GOOD, 1); /* and failed just as often as it may */
	s.slot[4].streak = STATE_STREAK_LIMIT - 1;
	OK(boot());
	EQUAL((a.chosen.slot, 5), (a.no_fallback, 0x3));
	m.fit[0] = m.mounts[1] = KB_OK;
	OK(boot());
	assert_int_equal(a.no_fallback, 0); /* each run looks anew */
}

TEST_MAIN("attempt", .set_up = set_up)
