/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/choose.h"
#include "selector/plan.h"
#include "selector/verdict.h"
#include "tests/unit/states.h"

static bool committed;
static struct state s;
static struct state was;
static struct choose_list list;

static void set_up(void)
{
	states_fresh(&s);
}

TEST(good_commits_a_trial)
{
	states_open(&s);
	s.slot[1].streak = 1;
	state_set_text(s.slot[1].reason, "crashed once");
	state_add_rejected(&s, states_id(2));
	state_add_rejected(&s, states_id(9));
	s.staged.source = STATE_SRC_DATA;
	memcpy(s.staged.release, states_id(2), STATE_ID_LEN);
	s.apply[STATE_SRC_USB].count = STATE_APPLY_LIMIT;
	state_add_unwritable(&s, states_id(5), STATE_FAILS_LIMIT);
	s.installs = 5;
	s.rebuilt = s.clean = true;
	s.lr = 0;
	s.lr_count = 3;
	s.pref = 0;
	OK(verdict_good(&s, 1, 7, 2, &committed));
	EQUAL((committed, true), (s.slot[1].st, STATE_GOOD), (s.slot[1].ever_good, true));
	EQUAL((s.slot[1].tries, 0), (s.slot[1].streak, 0), (s.slot[1].grace, STATE_GRACE));
	EQUAL((s.slot[1].reason, ""), (s.pref, 1), (s.last, 1), (s.lr, STATE_NONE));
	assert_int_equal(s.lr_count, 0);
	assert_true(s.open == 1 && s.open_token == 7 && !s.clean); /* until it has proved itself */
	EQUAL((state_is_rejected(&s, states_id(2)), false));
	EQUAL((state_is_rejected(&s, states_id(9)), true));
	EQUAL((state_is_applied(&s, states_id(2)), true), (s.staged.source, STATE_SRC_NONE));
	EQUAL((s.apply[STATE_SRC_USB].count, 0), (s.installs, 0), (s.rebuilt, false), (s.floor, 2));
	EQUAL((s.slot[0].st, STATE_GOOD), (s.nunwritable, 0));
}

/* It could not be written when it came up. */
TEST(slot_that_reports_has_come_up)
{
	states_open(&s);
	s.handed = s.open_token;
	OK(verdict_clean(&s, 1, 7));
	assert_true(s.clean && s.handed == 0);
	s.handed = s.open_token;
	OK(verdict_good(&s, 1, 7, 0, &committed));
	assert_true(s.open_token == 7 && s.handed == 0);
}

TEST(only_a_commit_forgives_a_medium_that_may_be_left_in)
{
	states_set(&s, 0, STATE_GOOD, 1);
	for (unsigned i = 0; i < STATE_SRC_COUNT; i++) {
		s.apply[i].count = 2;
		plan_apply_died(&s, (enum state_source)i);
	}
	OK(verdict_good(&s, 0, 0, 0, &committed));
	assert_false(committed);
	for (unsigned i = 0; i < STATE_SRC_COUNT; i++)
		assert_int_equal(s.apply[i].count, i == STATE_SRC_SD || i == STATE_SRC_USB ? 2 : 0);
	s.slot[0].st = STATE_TRIAL;
	OK(verdict_good(&s, 0, 0, 0, &committed));
	assert_true(committed);
	assert_true(s.apply[STATE_SRC_USB].count == 0 && s.apply[STATE_SRC_USB].excused == 0);
}

/* Else the old system, healthy as it is, would lift the bound at each boot. */
TEST(only_a_commit_forgets_what_could_not_be_written)
{
	states_set(&s, 0, STATE_GOOD, 1);
	state_add_unwritable(&s, states_id(5), STATE_FAILS_LIMIT);
	OK(verdict_good(&s, 0, 0, 0, &committed));
	EQUAL((committed, false), (state_unwritable(&s, states_id(5)), STATE_FAILS_LIMIT));
}

TEST(floor_only_rises_and_never_above_the_release)
{
	states_open(&s);
	s.floor = 2;
	OK(verdict_good(&s, 1, 7, 1, &committed));
	assert_true(s.floor == 2);
	states_open(&s);
	OK(verdict_good(&s, 1, 7, 99, &committed));
	assert_true(s.floor == 2);
	states_open(&s);
	s.slot[1].has_release = false;
	OK(verdict_good(&s, 1, 7, 5, &committed));
	EQUAL((s.floor, 5), (s.napplied, 0));
}

TEST(other_staged_release_stays_staged)
{
	states_open(&s);
	s.staged.source = STATE_SRC_DATA;
	memcpy(s.staged.release, states_id(3), STATE_ID_LEN);
	OK(verdict_good(&s, 1, 7, 0, &committed));
	assert_int_equal(s.staged.source, STATE_SRC_DATA);
}

TEST(healthy_good_slot_stays_byte_for_byte)
{
	s.floor = 1;
	was = s;
	OK(verdict_good(&s, 0, 0, 99, &committed));
	assert_false(committed);
	assert_memory_equal(&s, &was, sizeof(s));
}

TEST(good_twice_is_no_error_and_no_change)
{
	states_open(&s);
	OK(verdict_good(&s, 1, 7, 0, &committed));
	was = s;
	OK(verdict_good(&s, 1, 7, 0, &committed));
	assert_false(committed);
	assert_memory_equal(&s, &was, sizeof(s));
}

TEST(stale_token_is_refused_and_changes_nothing)
{
	states_open(&s);
	was = s;
	FAILS(verdict_good(&s, 1, 6, 0, &committed), KB_ESTALE);
	FAILS(verdict_good(&s, 1, 0, 0, &committed), KB_ESTALE);
	FAILS(verdict_good(&s, 0, 7, 0, &committed), KB_ESTALE);
	assert_memory_equal(&s, &was, sizeof(s));
	s.open_token = 0;
	FAILS(verdict_good(&s, 1, 0, 0, &committed), KB_ESTALE);
}

TEST(verdict_of_the_deadline_is_not_undone_by_its_own_boot)
{
	states_open(&s);
	OK(verdict_bad(&s, 1, "deadline"));
	FAILS(verdict_good(&s, 1, 7, 0, &committed), KB_ESTALE);
	OK(verdict_good(&s, 1, 0, 0, &committed)); /* but by a person */
	assert_int_equal(s.slot[1].st, STATE_GOOD);
}

TEST(slots_that_are_not_whole_get_no_verdict)
{
	FAILS(verdict_good(&s, 1, 0, 0, &committed), KB_EINVAL);
	FAILS(verdict_bad(&s, 1, "x"), KB_EINVAL);
	s.slot[1].st = STATE_WRITING;
	FAILS(verdict_good(&s, 1, 0, 0, &committed), KB_EINVAL);
	FAILS(verdict_bad(&s, 1, "x"), KB_EINVAL);
	FAILS(verdict_good(&s, 2, 0, 0, &committed), KB_EINVAL);
	FAILS(verdict_bad(&s, STATE_NONE, "x"), KB_EINVAL);
}

TEST(proven_fallback_becomes_preferred_when_the_preferred_is_lost)
{
	states_trial(&s);
	s.slot[1].st = STATE_BAD;
	OK(verdict_good(&s, 0, 0, 0, &committed));
	assert_int_equal(s.pref, 0);
	states_trial(&s);
	OK(verdict_good(&s, 0, 0, 0, &committed));
	assert_int_equal(s.pref, 1); /* the trial still has its chance */
	states_fresh(&s);
	states_set(&s, 1, STATE_GOOD, 2);
	s.pref = 1;
	OK(verdict_good(&s, 0, 0, 0, &committed));
	assert_int_equal(s.pref, 1);
}

/* The command installed it before the trial that runs was called good. */
TEST(newer_trial_is_tried_though_the_one_that_runs_commits)
{
	states_set(&s, 0, STATE_TRIAL, 2);
	states_set(&s, 1, STATE_TRIAL, 3);
	s.slot[1].tries = STATE_TRIES;
	s.pref = 1;
	OK(verdict_good(&s, 0, 0, 0, &committed));
	EQUAL((committed, true), (s.slot[0].st, STATE_GOOD), (s.pref, 1), (s.last, 0));
	/* one that is older, or was tried in vain, comes no more */
	states_set(&s, 0, STATE_TRIAL, 4);
	OK(verdict_good(&s, 0, 0, 0, &committed));
	EQUAL((s.pref, 0));
	states_set(&s, 0, STATE_TRIAL, 2);
	s.slot[1].tries = 0;
	s.pref = 1;
	OK(verdict_good(&s, 0, 0, 0, &committed));
	EQUAL((s.pref, 0));
}

TEST(bad_slot_that_proves_itself_commits)
{
	states_set(&s, 1, STATE_BAD, 2);
	state_add_rejected(&s, states_id(2));
	s.open = 1;
	s.open_token = 3;
	OK(verdict_good(&s, 1, 3, 2, &committed));
	EQUAL((committed, true), (s.floor, 2), (state_is_applied(&s, states_id(2)), true));
	EQUAL((state_is_rejected(&s, states_id(2)), false), (s.pref, 0), (s.last, 1));
}

/* Else the older one comes back in its retry, stays, and the update is good without ever being
 * preferred. */
TEST(bad_slot_that_proves_itself_is_preferred_to_an_older_one_in_doubt)
{
	static const struct {
		uint64_t sequence;
		uint8_t streak, doubt;
		int pref;
	} cases[] = {
		{ 2, STATE_STREAK_LIMIT, 0, 1 },
		{ 2, STATE_STREAK_LIMIT - 1, 1, 1 },
		{ 2, STATE_STREAK_LIMIT - 1, 0, 0 },
		{ 1, STATE_STREAK_LIMIT, 0, 0 }, /* the newer one gets its retry */
		{ 0, STATE_STREAK_LIMIT, 0, 0 },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		states_fresh(&s);
		s.slot[0].streak = cases[i].streak;
		s.slot[0].doubt = cases[i].doubt;
		states_set(&s, 1, STATE_BAD, cases[i].sequence);
		s.open = 1;
		s.open_token = 3;
		OK(verdict_good(&s, 1, 3, 0, &committed));
		assert_int_equal(s.pref, cases[i].pref);
	}
	states_trial(&s); /* a trial has its tries before anything is said of it */
	states_set(&s, 0, STATE_BAD, 9);
	OK(verdict_good(&s, 0, 0, 0, &committed));
	assert_int_equal(s.pref, 1);
}

TEST(bad_rejects_and_hands_over)
{
	states_open(&s);
	s.clean = true;
	OK(verdict_bad(&s, 1, "deadline"));
	EQUAL((s.slot[1].st, STATE_BAD), (s.slot[1].tries, 0), (s.slot[1].grace, 0));
	EQUAL((s.slot[1].reason, "deadline"), (state_is_rejected(&s, states_id(2)), true));
	EQUAL((s.pref, 0), (s.open, STATE_NONE), (s.open_token, 0), (s.clean, false));
}

/* Else it would be the next to boot, before all others. */
TEST(bad_ends_an_order_to_boot_it_once_and_no_other_order)
{
	states_set(&s, 1, STATE_TRIAL, 2);
	OK(verdict_switch(&s, 1, true, false, 3));
	OK(verdict_bad(&s, 0, "old"));
	EQUAL((s.oneshot, 1));
	OK(verdict_bad(&s, 1, "deadline"));
	EQUAL((s.oneshot, STATE_NONE));
}

TEST(bad_leaves_the_attempt_of_another_slot)
{
	states_open(&s);
	s.slot[0].has_release = false;
	OK(verdict_bad(&s, 0, "old"));
	EQUAL((s.open, 1), (s.open_token, 7), (s.pref, 1), (s.nrejected, 0));
}

TEST(bad_prefers_the_trusted_that_proved_itself_last)
{
	states_all(&s, 4, STATE_GOOD);
	s.last = 2;
	OK(verdict_bad(&s, 0, "x"));
	assert_int_equal(s.pref, 2);
	s.slot[2].streak = STATE_STREAK_LIMIT;
	s.pref = 1;
	OK(verdict_bad(&s, 1, "x"));
	assert_int_equal(s.pref, 3);
	OK(verdict_bad(&s, 3, "x"));
	assert_int_equal(s.pref, 2);
	OK(verdict_bad(&s, 2, "x"));
	assert_int_equal(s.pref, 2); /* nobody else */
}

TEST(clean_needs_the_open_attempt)
{
	states_open(&s);
	FAILS(verdict_clean(&s, 1, 6), KB_ESTALE);
	FAILS(verdict_clean(&s, 0, 7), KB_ESTALE);
	assert_false(s.clean);
	OK(verdict_clean(&s, 1, 7));
	assert_true(s.clean);
	states_fresh(&s);
	FAILS(verdict_clean(&s, 0, 0), KB_ESTALE);
	FAILS(verdict_clean(&s, STATE_NONE, 0), KB_ESTALE);
	s.open = 0;
	FAILS(verdict_clean(&s, 0, 0), KB_ESTALE);
}

TEST(switch_prefers_a_slot_and_forgets_a_oneshot)
{
	states_set(&s, 1, STATE_GOOD, 2);
	s.oneshot = 0;
	OK(verdict_switch(&s, 1, false, false, 3));
	assert_true(s.pref == 1 && s.oneshot == STATE_NONE);
	choose_candidates(&s, &list);
	EQUAL((list.c[0].slot, 1), (list.c[0].tier, CHOOSE_NORMAL), (s.slot[1].st, STATE_GOOD));
}

TEST(switch_once_is_for_one_boot)
{
	states_set(&s, 1, STATE_TRIAL, 2);
	OK(verdict_switch(&s, 1, true, false, 3));
	assert_true(s.pref == 0 && s.oneshot == 1);
	choose_candidates(&s, &list);
	assert_true(list.c[0].slot == 1 && list.c[0].tier == CHOOSE_ONESHOT);
	choose_charge(&s, &list.c[0], false);
	choose_candidates(&s, &list);
	assert_int_equal(list.c[0].slot, 0);
}

TEST(switch_to_the_preferred_slot_changes_nothing)
{
	was = s;
	OK(verdict_switch(&s, 0, false, false, 3));
	assert_memory_equal(&s, &was, sizeof(s));
}

TEST(switch_never_takes_what_is_not_whole)
{
	was = s;
	for (int force = 0; force < 2; force++) {
		for (int once = 0; once < 2; once++) {
			s.slot[1].st = STATE_EMPTY;
			FAILS(verdict_switch(&s, 1, once, force, 3), KB_EINVAL);
			s.slot[1].st = STATE_WRITING;
			FAILS(verdict_switch(&s, 1, once, force, 3), KB_EINVAL);
			FAILS(verdict_switch(&s, 2, once, force, 3), KB_EINVAL);
			FAILS(verdict_switch(&s, STATE_NONE, once, force, 3), KB_EINVAL);
			s.slot[1].st = STATE_EMPTY;
			assert_memory_equal(&s, &was, sizeof(s));
		}
	}
	s.newer = true;
	FAILS(verdict_switch(&s, 0, false, true, 3), KB_ENEWER);
}

TEST(switch_below_the_floor_is_refused_by_force_as_well)
{
	states_set(&s, 1, STATE_GOOD, 4);
	s.floor = 5;
	FAILS(verdict_switch(&s, 1, true, true, 3), KB_EDOWNGRADE);
	FAILS(verdict_switch(&s, 1, false, true, 3), KB_EDOWNGRADE);
	assert_true(s.pref == 0 && s.oneshot == STATE_NONE);
	s.floor = 4;
	OK(verdict_switch(&s, 1, false, false, 3));
}

/* A slot that failed: refused; by force it boots, for good on a new trial that can end. */
static void check_failed(const struct state *failed, enum state_st st)
{
	struct state to = *failed;

	FAILS(verdict_switch(&to, 1, false, false, 3), KB_EREJECTED);
	FAILS(verdict_switch(&to, 1, true, false, 3), KB_EREJECTED);
	assert_memory_equal(&to, failed, sizeof(to));
	OK(verdict_switch(&to, 1, true, true, 3));
	assert_int_equal(to.slot[1].st, failed->slot[1].st);
	choose_candidates(&to, &list);
	assert_int_equal(list.c[0].slot, 1);
	to = *failed;
	OK(verdict_switch(&to, 1, false, true, 2));
	EQUAL((to.slot[1].st, st), (to.slot[1].tries, st == STATE_TRIAL ? 2 : 0));
	EQUAL((to.slot[1].streak, 0));
	choose_candidates(&to, &list);
	assert_true(list.c[0].slot == 1 && list.c[0].tier == CHOOSE_NORMAL);
}

TEST(switch_to_a_slot_that_failed_needs_force)
{
	states_set(&s, 1, STATE_BAD, 2);
	check_failed(&s, STATE_TRIAL);
	states_set(&s, 1, STATE_TRIAL, 2);
	s.slot[1].tries = 0;
	check_failed(&s, STATE_TRIAL);
	states_set(&s, 1, STATE_GOOD, 2);
	s.slot[1].streak = STATE_STREAK_LIMIT;
	check_failed(&s, STATE_GOOD);
	s.slot[1].streak = 0;
	state_add_rejected(&s, states_id(2));
	check_failed(&s, STATE_GOOD);
}

/* A system that reports in each boot, and crashes in each. */
TEST(report_wipes_nothing_that_the_resets_say)
{
	states_set(&s, 1, STATE_GOOD, 2);
	s.open = 0;
	s.open_token = 7;
	s.slot[0].streak = 2;
	s.slot[0].doubt = 1;
	s.slot[0].grace = 1;
	OK(verdict_good(&s, 0, 7, 0, &committed));
	EQUAL((s.slot[0].streak, 2), (s.slot[0].doubt, 1), (s.slot[0].grace, 1), (s.open, 0));
	OK(verdict_proven(&s, 0, 7));
	EQUAL((s.slot[0].streak, 0), (s.slot[0].doubt, 0), (s.slot[0].grace, STATE_GRACE));
	assert_int_equal(s.open, STATE_NONE);
}

TEST(only_a_good_slot_with_its_token_proves_itself)
{
	states_open(&s);
	was = s;
	FAILS(verdict_proven(&s, 1, 7), KB_EINVAL); /* on trial */
	FAILS(verdict_proven(&s, 0, 0), KB_ESTALE);
	FAILS(verdict_proven(&s, 2, 0), KB_EINVAL);
	FAILS(verdict_proven(&s, STATE_NONE, 0), KB_EINVAL);
	s.slot[1].st = was.slot[1].st = STATE_GOOD;
	FAILS(verdict_proven(&s, 1, 6), KB_ESTALE);
	assert_memory_equal(&s, &was, sizeof(s));
}

TEST(last_resorts_are_over_once_one_proves_itself)
{
	s.slot[0].streak = STATE_STREAK_LIMIT;
	s.open = s.lr = 0;
	s.open_token = 7;
	s.lr_count = 4;
	OK(verdict_good(&s, 0, 7, 0, &committed));
	EQUAL((s.lr, 0), (s.lr_count, 0)); /* the next one need not wait long */
	assert_false(state_is_trusted(&s.slot[0]));
	OK(verdict_proven(&s, 0, 7));
	EQUAL((s.lr, STATE_NONE), (state_is_trusted(&s.slot[0]), true));
}

/* b, preferred, lost its trust; a proves itself boot after boot. */
static void lost_slot(struct state *st)
{
	states_fresh(st);
	states_set(st, 1, STATE_GOOD, 2);
	st->pref = 1;
	st->slot[1].streak = STATE_STREAK_LIMIT - 1;
	state_add_crash(&st->slot[1]);
}

static void healthy_boot(struct state *st)
{
	choose_candidates(st, &list);
	assert_int_equal(list.c[0].slot, 0);
	choose_charge(st, &list.c[0], false);
	assert_int_equal(st->open, 0); /* it is counted, whatever count= says */
	st->open_token = 7;
	OK(verdict_proven(st, 0, 7));
	OK(verdict_proven(st, 0, 7)); /* twice in one boot counts once */
}

TEST(lost_slot_comes_back_at_growing_distances)
{
	lost_slot(&s);
	for (unsigned n = 0; n < 6; n++) {
		for (unsigned i = 0; i < 1u << n; i++)
			healthy_boot(&s);
		choose_candidates(&s, &list);
		assert_true(list.n == 2 && list.c[0].slot == 1 && list.c[0].tier == CHOOSE_RETRY);
		assert_true(list.c[1].slot == 0 && list.c[1].tier == CHOOSE_NORMAL);
		choose_charge(&s, &list.c[0], false);
		assert_int_equal(s.open, 1);
		s.open = STATE_NONE; /* and fails */
	}
	s.open = 1;
	s.open_token = 9;
	OK(verdict_good(&s, 1, 9, 0, &committed));
	assert_false(state_is_trusted(&s.slot[1]));
	OK(verdict_proven(&s, 1, 9));
	assert_true(state_is_trusted(&s.slot[1]) && s.slot[1].retries == 0 && s.slot[1].wait == 0);
	choose_candidates(&s, &list);
	assert_true(list.c[0].slot == 1 && list.c[0].tier == CHOOSE_NORMAL);
}

/* What resets that nothing explains leave of the trust of a slot; and one more takes the rest. */
static void doubt(struct state_slot *t, unsigned resets)
{
	for (unsigned i = 0; i < resets; i++)
		state_add_doubt(t);
}

#define ALL_BUT_ONE (2 * STATE_STREAK_LIMIT - 1)

/* a runs and reports; b, preferred, lost its trust to resets that nothing explains. */
static void both_in_doubt(struct state *st, bool told)
{
	lost_slot(st);
	st->slot[1].doubt = !told;
	doubt(&st->slot[0], ALL_BUT_ONE);
	st->open = 0;
	st->open_token = 7;
}

TEST(report_keeps_the_last_slot_that_is_trusted)
{
	for (unsigned told = 0; told < 2; told++) {
		both_in_doubt(&s, told);
		OK(verdict_good(&s, 0, 7, 0, &committed));
		assert_true(s.slot[0].doubt == 0 && s.slot[0].streak == STATE_STREAK_LIMIT - 1);
		assert_int_equal(s.open, 0);
		was = s;
		OK(verdict_good(&s, 0, 7, 0, &committed));
		assert_memory_equal(&s, &was, sizeof(s)); /* once for each boot */
		doubt(&s.slot[0], 1);
		assert_true(state_is_in_doubt(&s.slot[0]));
		choose_candidates(&s, &list);
		assert_true(list.c[0].slot == 1 && list.c[0].tier == CHOOSE_RETRY);
	}
	both_in_doubt(&s, false);
	states_set(&s, 1, STATE_TRIAL, 2); /* there is one that was not tried yet */
	OK(verdict_good(&s, 0, 7, 0, &committed));
	assert_int_equal(s.slot[0].doubt, 1);
	both_in_doubt(&s, false);
	state_add_crash(&s.slot[0]); /* one that is told takes it */
	OK(verdict_good(&s, 0, 7, 0, &committed));
	assert_false(state_is_trusted(&s.slot[0]));
}

TEST(retry_that_reports_wins_where_all_are_in_doubt)
{
	both_in_doubt(&s, false);
	s.open = 1;
	OK(verdict_good(&s, 1, 7, 0, &committed));
	assert_true(s.slot[1].doubt == 0 && s.slot[1].streak == STATE_STREAK_LIMIT - 1);
	assert_true(state_is_trusted(&s.slot[1]) && !state_is_trusted(&s.slot[0]));
	doubt(&s.slot[1], 1);
	s.slot[0].wait = 0; /* and is asked in its turn, as long as that one is in doubt */
	choose_candidates(&s, &list);
	assert_true(list.c[0].slot == 0 && list.c[0].tier == CHOOSE_RETRY);
	state_trust(&s.slot[1]);
	choose_candidates(&s, &list);
	assert_true(list.c[0].slot == 1 && list.c[1].tier == CHOOSE_LAST_RESORT);
}

TEST(retry_that_reports_is_no_proof_otherwise)
{
	both_in_doubt(&s, true); /* a crash was told */
	s.open = 1;
	OK(verdict_good(&s, 1, 7, 0, &committed));
	assert_true(!state_is_trusted(&s.slot[1]) && state_is_trusted(&s.slot[0]));
	both_in_doubt(&s, false);
	state_trust(&s.slot[0]); /* the other one is sound */
	s.open = 1;
	OK(verdict_good(&s, 1, 7, 0, &committed));
	assert_true(!state_is_trusted(&s.slot[1]) && state_is_trusted(&s.slot[0]));
}

TEST(told_crash_of_a_slot_in_doubt_stays_told)
{
	struct state_slot t = { .st = STATE_GOOD };

	doubt(&t, ALL_BUT_ONE);
	assert_true(state_is_in_doubt(&t));
	doubt(&t, 1);
	assert_true(!state_is_trusted(&t) && t.doubt == 1 && t.wait == 1);
	state_add_crash(&t); /* in a retry */
	assert_true(!state_is_trusted(&t) && t.doubt == 0 && t.wait == 1);
}

/* Nine releases without one would take turns forever: eight of them are remembered. */
TEST(commit_that_raises_the_floor_renews_the_budget)
{
	for (unsigned raises = 0; raises < 2; raises++) {
		lost_slot(&s);
		states_set(&s, 0, STATE_TRIAL, 3);
		s.slot[1].retries = 1;
		s.floor = 2;
		s.installs = 5;
		OK(verdict_good(&s, 0, 0, 2 + raises, &committed));
		EQUAL((s.floor, 2 + raises), (s.installs, raises ? 0 : 5));
	}
}

TEST(distance_has_an_end)
{
	struct state_slot t = { .st = STATE_GOOD };

	for (int i = 0; i < 40; i++)
		state_use_retry(&t);
	EQUAL((t.retries, STATE_RETRIES_MAX), (t.wait, 1u << STATE_RETRIES_MAX));
}

TEST(slot_that_nobody_prefers_does_not_come_back)
{
	lost_slot(&s);
	s.pref = 0;
	s.slot[1].wait = 0;
	choose_candidates(&s, &list);
	assert_true(list.c[0].slot == 0 && list.c[1].tier == CHOOSE_LAST_RESORT);
}

/* Nine releases that all report and then crash would take turns forever. */
TEST(budget_comes_back_only_when_no_slot_is_in_doubt)
{
	lost_slot(&s);
	s.installs = 5;
	s.slot[1].retries = 1;
	OK(verdict_good(&s, 0, 0, 0, &committed));
	assert_int_equal(s.installs, 5);
	OK(verdict_proven(&s, 0, 0));
	assert_int_equal(s.installs, 5);
	OK(verdict_proven(&s, 1, 0));
	assert_int_equal(s.installs, 0);
}

TEST(slots_that_are_not_there_get_no_verdict)
{
	static const int slots[] = { STATE_NONE, STATE_SLOTS_MAX };

	was = s;
	for (unsigned i = 0; i < 2; i++) {
		FAILS(verdict_good(&s, slots[i], 0, 0, &committed), KB_EINVAL);
		FAILS(verdict_proven(&s, slots[i], 0), KB_EINVAL);
		FAILS(verdict_bad(&s, slots[i], "x"), KB_EINVAL);
		FAILS(verdict_switch(&s, slots[i], false, true, 3), KB_EINVAL);
	}
	assert_memory_equal(&s, &was, sizeof(s));
}

TEST(commit_renews_grace_and_budget_but_no_retries)
{
	states_open(&s);
	s.slot[1].grace = 0;
	s.slot[1].retries = 2;
	s.installs = 5;
	s.back = 9;
	OK(verdict_good(&s, 1, 7, 0, &committed));
	EQUAL((s.slot[1].grace, STATE_GRACE), (s.slot[1].retries, 2), (s.back, 0), (s.installs, 5));
	s.slot[1].retries = 0;
	OK(verdict_good(&s, 1, 7, 0, &committed));
	assert_int_equal(s.installs, 0);
}

TEST(proof_ends_what_was_told_of_the_slot)
{
	lost_slot(&s);
	s.slot[1].wait = 0; /* it is due, and stays so */
	state_set_text(s.slot[0].reason, "crashed once");
	s.open = 0;
	s.open_token = 7;
	s.last = 1;
	s.lr_count = 3;
	OK(verdict_proven(&s, 0, 7));
	EQUAL((s.slot[0].reason, ""), (s.last, 0), (s.lr_count, 0), (s.slot[1].wait, 0));
}

TEST(report_leaves_a_doubt_that_takes_nothing_yet)
{
	s.slot[0].doubt = 1;
	OK(verdict_good(&s, 0, 0, 0, &committed));
	assert_int_equal(s.slot[0].doubt, 1);
	states_set(&s, 1, STATE_GOOD, 2); /* both are trusted, and in doubt */
	s.slot[0].doubt = 0;
	doubt(&s.slot[0], ALL_BUT_ONE);
	doubt(&s.slot[1], ALL_BUT_ONE);
	OK(verdict_good(&s, 0, 0, 0, &committed));
	assert_int_equal(s.slot[0].doubt, 1);
}

TEST(only_the_preferred_slot_changes_places)
{
	both_in_doubt(&s, false);
	s.open = 1;
	s.pref = 0;
	OK(verdict_good(&s, 1, 7, 0, &committed));
	assert_false(state_is_trusted(&s.slot[1]));
	both_in_doubt(&s, false);
	s.open = 1;
	s.nslots = 3;
	states_set(&s, 2, STATE_GOOD, 3);
	s.slot[2].streak = STATE_STREAK_LIMIT;
	OK(verdict_good(&s, 1, 7, 0, &committed));
	EQUAL((state_is_trusted(&s.slot[1]), true), (s.slot[1].wait, 0), (s.slot[2].doubt, 0));
}

TEST(bad_leaves_the_preferred_slot_where_it_was_another)
{
	states_all(&s, 3, STATE_GOOD);
	s.pref = 0;
	s.last = 2;
	s.slot[1].streak = 1;
	s.slot[1].doubt = 1;
	OK(verdict_bad(&s, 1, "x"));
	EQUAL((s.pref, 0), (s.slot[1].streak, 0), (s.slot[1].doubt, 0));
}

TEST(another_chance_has_its_grace_and_leaves_tries_that_are_there)
{
	states_set(&s, 1, STATE_BAD, 2);
	OK(verdict_switch(&s, 1, false, true, 3));
	assert_int_equal(s.slot[1].grace, STATE_GRACE);
	s.slot[1].tries = 1;
	state_add_rejected(&s, states_id(2));
	OK(verdict_switch(&s, 1, false, true, 3));
	assert_int_equal(s.slot[1].tries, 1);
}

TEST_MAIN("verdict", .set_up = set_up)
