/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/choose.h"
#include "tests/unit/states.h"

#define ALL ((choose_mask)0xff)
static struct state s;

static void set_up(void)
{
	states_fresh(&s);
}

/* The list as text: "b" normal, "(b)" last resort, "b!" oneshot, "b?" retry. */
static void assert_list(const struct state *st, const char *want)
{
	struct choose_list l;
	char got[64] = "";

	choose_candidates(st, &l);
	for (unsigned i = 0; i < l.n; i++) {
		char one[4] = { state_slot_letter(l.c[i].slot), '\0' };

		if (l.c[i].tier == CHOOSE_LAST_RESORT)
			strcat(got, "(");
		strcat(got, one);
		if (l.c[i].tier == CHOOSE_LAST_RESORT)
			strcat(got, ")");
		if (l.c[i].tier == CHOOSE_ONESHOT)
			strcat(got, "!");
		if (l.c[i].tier == CHOOSE_RETRY)
			strcat(got, "?");
	}
	assert_string_equal(got, want);
}

TEST(preferred_goes_first_then_last_then_others)
{
	states_trial(&s);
	assert_list(&s, "ba");
	s.pref = 0;
	assert_list(&s, "ab");
	states_all(&s, 4, STATE_GOOD);
	s.pref = 3;
	s.last = 2;
	assert_list(&s, "dcab");
	s.last = STATE_NONE;
	assert_list(&s, "dabc");
}

TEST(empty_and_writing_never_stand_in_it)
{
	assert_list(&s, "a");
	s.slot[1].st = STATE_WRITING;
	s.oneshot = 1;
	assert_list(&s, "a");
	s.slot[0].st = STATE_EMPTY;
	s.oneshot = STATE_NONE;
	assert_list(&s, "");
}

TEST(distrusted_slots_are_last_resorts)
{
	states_trial(&s);
	s.slot[1].tries = 0;
	assert_list(&s, "a(b)");
	s.slot[0].streak = STATE_STREAK_LIMIT - 1;
	assert_list(&s, "a(b)");
	s.slot[0].streak = STATE_STREAK_LIMIT;
	assert_list(&s, "(b)(a)");
	s.slot[1].st = STATE_BAD;
	assert_list(&s, "(b)(a)");
	s.lr = 1;
	assert_list(&s, "(a)(b)");
	s.lr = 0;
	assert_list(&s, "(b)(a)");
}

TEST(rejected_slot_gets_a_chance_only_where_all_are_in_doubt)
{
	state_init(&s, 3);
	for (int i = 0; i < 3; i++)
		states_set(&s, i, i == 1 ? STATE_BAD : STATE_GOOD, 1);
	for (int i = 0; i < 3; i += 2)
		s.slot[i].streak = STATE_STREAK_LIMIT - 1; /* crashes that were told */
	s.slot[0].doubt = 1;
	assert_list(&s, "ac(b)");
	s.slot[2].doubt = 1;
	assert_list(&s, "b?ac");
	s.slot[1].wait = 1;
	assert_list(&s, "ac(b)");
	s.slot[1].wait = 0;
	s.slot[2].streak = STATE_STREAK_LIMIT;
	s.slot[2].wait = 1;
	assert_list(&s, "b?a(c)");
	states_set(&s, 2, STATE_TRIAL, 2);
	assert_list(&s, "ac(b)");
	states_set(&s, 2, STATE_EMPTY, 0);
	s.slot[0].streak = STATE_STREAK_LIMIT; /* none is left: it goes round */
	s.slot[0].wait = 1;
	assert_list(&s, "(a)(b)");
}

TEST(last_resorts_take_turns_among_three)
{
	states_all(&s, 3, STATE_BAD);
	assert_list(&s, "(a)(b)(c)");
	s.lr = 0;
	assert_list(&s, "(b)(c)(a)");
	s.lr = s.last = 1; /* c has its turn, though a is preferred */
	assert_list(&s, "(c)(a)(b)");
	s.lr = 2;
	assert_list(&s, "(a)(b)(c)");
}

TEST(oneshot_goes_before_all)
{
	states_set(&s, 1, STATE_BAD, 2);
	s.oneshot = 1;
	assert_list(&s, "b!a(b)");
	s.oneshot = 0;
	assert_list(&s, "a!a(b)");
}

static struct choose_candidate cand(int slot, enum choose_tier tier)
{
	return (struct choose_candidate){ .slot = (int8_t)slot, .tier = tier };
}

static void charge(struct state *st, int slot, enum choose_tier tier, bool good)
{
	struct choose_candidate c = cand(slot, tier);

	choose_charge(st, &c, good);
}

TEST(charging_a_trial_spends_one_try_and_opens)
{
	states_trial(&s);
	s.open_token = 99;
	charge(&s, 1, CHOOSE_NORMAL, false);
	EQUAL((s.slot[1].tries, STATE_TRIES - 1), (s.open, 1), (s.open_token, 0), (s.last, 0));
	assert_int_equal(s.slot[0].streak, 0);
}

TEST(charging_a_good_slot_changes_nothing)
{
	struct state was;

	was = s;
	charge(&s, 0, CHOOSE_NORMAL, false);
	assert_memory_equal(&s, &was, sizeof(s));
	charge(&s, 0, CHOOSE_NORMAL, true);
	assert_int_equal(s.open, 0);
}

TEST(a_good_slot_that_boots_becomes_last)
{
	states_set(&s, 1, STATE_GOOD, 2);
	charge(&s, 1, CHOOSE_NORMAL, false);
	assert_int_equal(s.last, 1);
	s.oneshot = 0;
	charge(&s, 0, CHOOSE_ONESHOT, false);
	EQUAL((s.last, 0), (s.oneshot, STATE_NONE));
}

TEST(last_resort_is_remembered)
{
	states_set(&s, 1, STATE_BAD, 2);
	charge(&s, 1, CHOOSE_LAST_RESORT, false);
	EQUAL((s.lr, 1), (s.last, 1), (s.open, 1));
	charge(&s, 0, CHOOSE_LAST_RESORT, false);
	EQUAL((s.lr, 0), (s.open, STATE_NONE));
}

TEST(last_resorts_in_a_row_are_counted_up_to_a_bound)
{
	for (int i = 1; i <= STATE_LR_COUNT_MAX + 2; i++) {
		charge(&s, 0, CHOOSE_LAST_RESORT, false);
		assert_int_equal(s.lr_count, i < STATE_LR_COUNT_MAX ? i : STATE_LR_COUNT_MAX);
	}
}

TEST(oneshot_of_a_bad_slot_opens_and_leaves_last)
{
	states_set(&s, 1, STATE_BAD, 2);
	s.oneshot = 1;
	charge(&s, 1, CHOOSE_ONESHOT, false);
	EQUAL((s.open, 1), (s.last, 0), (s.lr, STATE_NONE), (s.oneshot, STATE_NONE));
}

TEST(failure_is_recorded_and_closes_the_attempt)
{
	struct choose_candidate b = cand(1, CHOOSE_NORMAL), a = cand(0, CHOOSE_NORMAL);

	states_open(&s);
	choose_failed(&s, &b, "no file system");
	EQUAL((s.slot[1].reason, "no file system"), (s.slot[1].tries, STATE_TRIES - 1));
	EQUAL((s.slot[1].streak, 0), (s.open, STATE_NONE), (s.open_token, 0));
	for (int i = 0; i < STATE_STREAK_LIMIT + 1; i++)
		choose_failed(&s, &a, "x");
	assert_int_equal(s.slot[0].streak, STATE_STREAK_LIMIT);
}

TEST(protected_is_the_trusted_good_slot_that_mounts)
{
	state_init(&s, 3);
	assert_int_equal(choose_fallback(&s, ALL), STATE_NONE);
	for (int i = 0; i < 3; i++)
		states_set(&s, i, STATE_GOOD, 1);
	s.pref = 2;
	s.last = 1;
	EQUAL((choose_fallback(&s, ALL), 1), (choose_fallback(&s, 0x5), 2));
	assert_int_equal(choose_fallback(&s, 0x1), 0);
	s.slot[1].streak = STATE_STREAK_LIMIT;
	assert_int_equal(choose_fallback(&s, ALL), 2);
	s.last = STATE_NONE;
	assert_int_equal(choose_fallback(&s, ALL), 2);
}

TEST(without_a_trusted_slot_the_last_resort_is_protected)
{
	states_set(&s, 1, STATE_BAD, 2);
	s.slot[0].streak = STATE_STREAK_LIMIT;
	s.lr = 1;
	assert_int_equal(choose_fallback(&s, ALL), 1);
	assert_int_equal(choose_fallback(&s, 0x1), 0); /* b does not mount, a does */
	assert_int_equal(choose_fallback(&s, 0), 1);
	s.slot[1].st = STATE_WRITING;
	assert_int_equal(choose_fallback(&s, ALL), 0);
	s.lr = STATE_NONE;
	states_set(&s, 1, STATE_TRIAL, 2);
	states_set(&s, 0, STATE_BAD, 1);
	assert_int_equal(choose_fallback(&s, ALL), 1); /* the first candidate */
	assert_int_equal(choose_fallback(&s, 0), 1);
}

/* Else a stick that comes before the first last resort overwrites the only slot that ever worked.
 */
TEST(before_a_last_resort_what_was_good_is_protected)
{
	states_set(&s, 1, STATE_BAD, 2);
	s.slot[0].streak = STATE_STREAK_LIMIT;
	s.pref = 1; /* it was on trial */
	EQUAL((choose_fallback(&s, ALL), 0), (choose_target(&s, ALL, 0, 9, false), 1));
	assert_int_equal(choose_fallback(&s, 0x2), 1); /* a does not mount */
	states_set(&s, 1, STATE_TRIAL, 2);
	assert_int_equal(choose_fallback(&s, ALL), 0); /* though that one will be booted next */
	assert_int_equal(choose_target(&s, ALL, 0, 9, false), 1);
	s = (struct state){ 0 };
	state_init(&s, 3);
	states_set(&s, 0, STATE_GOOD, 1);
	states_set(&s, 1, STATE_GOOD, 2);
	states_set(&s, 2, STATE_BAD, 3);
	s.slot[0].streak = s.slot[1].streak = STATE_STREAK_LIMIT;
	s.pref = 2;
	s.lr = 1;
	assert_int_equal(choose_fallback(&s, 0x5), 0); /* the last resort does not mount */
}

TEST(oneshot_does_not_move_the_protection)
{
	state_init(&s, 2);
	states_set(&s, 0, STATE_TRIAL, 1);
	states_set(&s, 1, STATE_BAD, 2);
	s.oneshot = 1;
	assert_int_equal(choose_fallback(&s, ALL), 0);
	states_set(&s, 0, STATE_GOOD, 1);
	states_set(&s, 1, STATE_GOOD, 2);
	s.slot[0].streak = s.slot[1].streak = STATE_STREAK_LIMIT;
	assert_int_equal(choose_fallback(&s, ALL), 0); /* the preferred one */
}

TEST(target_prefers_what_is_worth_least)
{
	static const enum state_st worth[] = { STATE_WRITING, STATE_EMPTY, STATE_BAD, STATE_TRIAL,
					       STATE_GOOD };

	for (unsigned first = 0; first < 5; first++) {
		state_init(&s, 6);
		states_set(&s, 0, STATE_GOOD, 1);
		s.last = 0;
		for (unsigned i = 0; i < 5; i++)
			states_set(&s, 5 - (int)i, worth[i < first ? 4 : i], 2);
		EQUAL((choose_target(&s, ALL, 0x1, 9, false), first < 4 ? 5 - (int)first : 1));
	}
}

TEST(target_is_never_mounted_or_protected)
{
	assert_int_equal(choose_target(&s, ALL, 0, 9, false), 1);
	assert_int_equal(choose_target(&s, ALL, 0x2, 9, false), STATE_NONE);
	states_set(&s, 1, STATE_GOOD, 2);
	s.last = 1;
	assert_int_equal(choose_target(&s, ALL, 0, 9, false), 0);
	assert_int_equal(choose_target(&s, ALL, 0x1, 9, false), STATE_NONE);
}

TEST(trial_with_tries_gives_way_to_a_newer_release_only)
{
	states_trial(&s);
	assert_int_equal(choose_target(&s, ALL, 1, 1, false), STATE_NONE);
	assert_int_equal(choose_target(&s, ALL, 1, 2, false), STATE_NONE);
	assert_int_equal(choose_target(&s, ALL, 1, 3, false), 1);
	s.slot[1].tries = 0;
	assert_int_equal(choose_target(&s, ALL, 1, 1, false), 1);
	s.slot[1].tries = 1;
	s.slot[1].has_release = false; /* nobody knows what it is */
	assert_int_equal(choose_target(&s, ALL, 1, 1, false), 1);
}

TEST(among_equals_the_distrusted_then_the_unpreferred_goes)
{
	states_all(&s, 3, STATE_GOOD);
	s.last = 2;
	s.pref = 0;
	assert_int_equal(choose_target(&s, ALL, 0, 9, false), 1);
	s.slot[0].streak = STATE_STREAK_LIMIT;
	assert_int_equal(choose_target(&s, ALL, 0, 9, false), 0);
}

/* It was tried in this boot, and did not mount: the same release may repair it. */
TEST(rescue_takes_a_trial_for_any_release)
{
	states_trial(&s);
	s.slot[1].sequence = UINT64_MAX - 1;
	assert_int_equal(choose_target(&s, ALL, 0, 1, false), STATE_NONE);
	assert_int_equal(choose_target(&s, ALL, 0, 1, true), 1);
}

TEST(the_protected_slot_is_no_target)
{
	state_init(&s, 1);
	states_set(&s, 0, STATE_GOOD, 1);
	for (choose_mask mountable = 0; mountable < 2; mountable++) {
		assert_int_equal(choose_target(&s, mountable, 0, 9, false), STATE_NONE);
		assert_int_equal(choose_target(&s, mountable, 0, 9, true), STATE_NONE);
	}
	state_init(&s, 2);
	states_set(&s, 0, STATE_GOOD, 1);
	s.slot[0].streak = STATE_STREAK_LIMIT;
	assert_int_equal(choose_target(&s, 0, 0, 9, true), 1);
	state_init(&s, 1);
	assert_int_equal(choose_target(&s, 0, 0, 9, false), 0); /* nothing to protect */
}

TEST(tiers_have_names)
{
	EQUAL((choose_tier_name(CHOOSE_ONESHOT), "oneshot"),
	      (choose_tier_name(CHOOSE_NORMAL), "normal"),
	      (choose_tier_name(CHOOSE_LAST_RESORT), "last-resort"));
	assert_string_equal(choose_tier_name((enum choose_tier)9), "last-resort");
}

/* The preferred slot comes back once another one has proved itself in a boot that took its place.
 */
TEST(oneshot_proves_nothing_for_the_preferred_slot)
{
	states_set(&s, 1, STATE_GOOD, 2);
	s.slot[0].streak = STATE_STREAK_LIMIT;
	charge(&s, 1, CHOOSE_ONESHOT, false);
	assert_int_equal(s.open, STATE_NONE);
	charge(&s, 1, CHOOSE_NORMAL, false);
	assert_int_equal(s.open, 1);
}

TEST_MAIN("choose", .set_up = set_up)
