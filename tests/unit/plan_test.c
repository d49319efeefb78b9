/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/plan.h"
#include "selector/reset.h"
#include "selector/verdict.h"
#include "tests/unit/states.h"

#define ALL ((choose_mask)0xff)
static struct state s;
static int target;

static void set_up(void)
{
	states_fresh(&s);
}

static struct plan_release release(uint8_t id, uint64_t sequence)
{
	struct plan_release r = { .sequence = sequence, .version = "1.2" };

	memset(r.id, id, sizeof(r.id));
	return r;
}

/* Every floor is signed. */
static enum kb_err accept_among(const struct state *st, struct plan_release r, enum plan_mode mode,
				choose_mask mountable, choose_mask mounted, int *where)
{
	const struct plan_terms terms = {
		.mode = mode,
		.mountable = mountable,
		.mounted = mounted,
		.floor_bound = UINT64_MAX,
	};

	return plan_accept(st, &r, &terms, where);
}

/* Slot a runs. */
static enum kb_err accept_mode(const struct state *st, struct plan_release r, enum plan_mode mode,
			       int *where)
{
	return accept_among(st, r, mode, ALL, mode == PLAN_RESCUE ? 0 : 1, where);
}

static enum kb_err accept(const struct state *st, uint8_t id, uint64_t sequence)
{
	int where;

	return accept_mode(st, release(id, sequence), PLAN_AUTOMATIC, &where);
}

/* For each rule, in the order of their table, what is not as in states_fresh(), where each mode
 * installs release 9 of sequence 9: this rule alone speaks against that. */
static const struct {
	enum state_st a, b; /* STATE_EMPTY: as it is */
	uint64_t sequence_a, sequence_b;
	bool newer, rejected, applied, may_go_back, waits, rebuilt;
	uint8_t installs;
	uint64_t forgotten, floor, back, max_jump, sequence;
	choose_mask mounted;
} causes[] = {
	{ .newer = true },
	{ .rejected = true },
	{ .a = STATE_GOOD, .sequence_a = 9 },
	{ .b = STATE_TRIAL, .sequence_b = 9 },
	{ .b = STATE_GOOD, .sequence_b = 9, .applied = true },
	{ .a = STATE_GOOD, .sequence_a = 10, .applied = true, .may_go_back = true },
	{ .b = STATE_GOOD, .sequence_b = 9, .applied = true, .waits = true },
	{ .forgotten = 9 },
	{ .floor = 10, .may_go_back = true },
	{ .a = STATE_BAD, .sequence_a = 1, .back = 10 },
	{ .a = STATE_TRIAL, .sequence_a = 10 },
	{ .installs = STATE_INSTALLS_LIMIT },
	{ .b = STATE_TRIAL, .sequence_b = 2, .rebuilt = true },
	{ .mounted = ALL },
	{ .max_jump = 1 },
	{ .sequence = INT64_MAX, .max_jump = INT64_MAX },
};

static void arrange(unsigned i, struct plan_release *r, struct plan_terms *terms)
{
	states_fresh(&s);
	if (causes[i].a != STATE_EMPTY)
		states_set(&s, 0, causes[i].a, causes[i].sequence_a);
	if (causes[i].b != STATE_EMPTY)
		states_set(&s, 1, causes[i].b, causes[i].sequence_b);
	if (causes[i].waits) {
		s.slot[1].streak = STATE_STREAK_LIMIT;
		s.slot[1].retries = s.slot[1].wait = 1;
	}
	if (causes[i].rejected)
		state_add_rejected(&s, states_id(9));
	if (causes[i].applied)
		state_add_applied(&s, states_id(9));
	s.newer = causes[i].newer;
	s.rebuilt = causes[i].rebuilt;
	s.installs = causes[i].installs;
	s.forgotten_max = causes[i].forgotten;
	s.floor = causes[i].floor;
	s.back = causes[i].back;
	*r = release(9, causes[i].sequence != 0 ? causes[i].sequence : 9);
	r->allow_downgrade = causes[i].may_go_back;
	*terms = (struct plan_terms){ .mountable = ALL,
				      .mounted = causes[i].mounted,
				      .floor_bound = UINT64_MAX,
				      .max_jump = causes[i].max_jump };
}

TEST(each_rule_counts_in_its_modes_and_in_no_other)
{
	struct plan_terms terms;
	struct plan_release r;
	unsigned i;

	for (i = 0; plan_rules[i].applies != NULL; i++) {
		arrange(i, &r, &terms);
		for (int mode = 0; mode < PLAN_MODES; mode++) {
			bool counts = plan_rules[i].modes >> mode & 1;
			enum kb_err want = counts ? plan_rules[i].err : KB_OK;

			terms.mode = (enum plan_mode)mode;
			if (plan_accept(&s, &r, &terms, &target) != want)
				fail_msg("mode %d: %s", mode, plan_rules[i].when);
			assert_true((target == STATE_NONE) == counts);
		}
	}
	assert_int_equal(i, sizeof(causes) / sizeof(causes[0]));
}

/* Where this fails it prints the table for the page. */
TEST(rules_are_the_table_of_the_page)
{
	static const enum plan_mode columns[] = { PLAN_AUTOMATIC, PLAN_COMMAND, PLAN_RESCUE,
						  PLAN_LAST_RESORT };
	static char table[8 << 10];
	size_t n;

	n = (size_t)snprintf(table, sizeof(table),
			     "| not installed if | automatic | command | rescue | last resort |\n"
			     "|---|---|---|---|---|\n");
	for (const struct plan_rule *rule = plan_rules; rule->applies != NULL; rule++) {
		n += (size_t)snprintf(table + n, sizeof(table) - n, "| %s |", rule->when);
		for (unsigned i = 0; i < PLAN_MODES; i++)
			n += (size_t)snprintf(table + n, sizeof(table) - n, " %s |",
					      rule->modes >> columns[i] & 1 ? "x" : "-");
		n += (size_t)snprintf(table + n, sizeof(table) - n, "\n");
	}
	if (strstr(states_page(), table) == NULL) {
		fputs(table, stdout);
		fail_msg("docs/STATE.md does not have this table");
	}
}

TEST(rescue_believes_no_floor_that_nobody_signed)
{
	struct plan_terms terms = { .mountable = ALL, .floor_bound = 9 };
	const struct plan_release r = release(9, 9);

	s.floor = 10;
	for (int mode = 0; mode < PLAN_MODES; mode++) {
		terms.mode = (enum plan_mode)mode;
		assert_int_equal(plan_accept(&s, &r, &terms, &target),
				 mode == PLAN_RESCUE ? KB_OK : KB_EDOWNGRADE);
		assert_int_equal(plan_floor(&s, terms.mode, 9), mode == PLAN_RESCUE ? 9 : 10);
	}
	terms.mode = PLAN_RESCUE;
	terms.floor_bound = 10;
	FAILS(plan_accept(&s, &r, &terms, &target), KB_EDOWNGRADE);
	assert_int_equal(plan_floor(&s, PLAN_RESCUE, 11), 10);
}

TEST(sequence_must_be_strictly_newer_than_the_protected_slot)
{
	struct plan_release back = release(9, 1);

	states_set(&s, 0, STATE_GOOD, 5);
	FAILS(accept(&s, 9, 4), KB_EDOWNGRADE);
	FAILS(accept(&s, 9, 5), KB_EDOWNGRADE);
	OK(accept(&s, 9, 6));
	back.allow_downgrade = true;
	OK(accept_mode(&s, back, PLAN_AUTOMATIC, &target));
	OK(accept_mode(&s, release(9, 1), PLAN_COMMAND, &target));
	OK(accept_mode(&s, release(9, 1), PLAN_RESCUE, &target));
}

/* Two slots, of sequences 7 and 5, and power cuts that made each that is good untrusted. */
static void untrusted(struct state *st, enum state_st older)
{
	states_fresh(st);
	states_set(st, 0, STATE_GOOD, 7);
	states_set(st, 1, older, 5);
	for (unsigned i = 0; i < 2; i++)
		if (st->slot[i].st == STATE_GOOD)
			st->slot[i].streak = STATE_STREAK_LIMIT;
}

/* Whoever can cut the power can make all of them untrusted, and has a stick. */
TEST(last_resort_goes_back_behind_no_good_slot)
{
	struct plan_release back = release(9, 4);

	untrusted(&s, STATE_GOOD);
	FAILS(accept_mode(&s, back, PLAN_LAST_RESORT, &target), KB_EDOWNGRADE);
	OK(accept_mode(&s, release(9, 5), PLAN_LAST_RESORT, &target));
	OK(accept_mode(&s, back, PLAN_RESCUE, &target));
	back.allow_downgrade = true;
	OK(accept_mode(&s, back, PLAN_LAST_RESORT, &target));
	back.allow_downgrade = false;
	s.slot[1].st = STATE_BAD; /* what is bad holds nothing */
	FAILS(accept_mode(&s, release(9, 6), PLAN_LAST_RESORT, &target), KB_EDOWNGRADE);
	s.slot[0].has_release = false; /* nor what nobody knows */
	OK(accept_mode(&s, back, PLAN_LAST_RESORT, &target));
	s.floor = 5;
	FAILS(accept_mode(&s, back, PLAN_LAST_RESORT, &target), KB_EDOWNGRADE);
}

/* Nor does the look that comes first, when the slot to fall back to is a bad one. */
TEST(a_bad_slot_that_boots_lets_nothing_behind_the_good_one)
{
	struct plan_release older = release(9, 4);

	untrusted(&s, STATE_BAD);
	s.lr = 1;
	for (int mode = PLAN_AUTOMATIC; mode <= PLAN_COMMAND; mode++) {
		bool bound = mode == PLAN_AUTOMATIC || mode == PLAN_LAST_RESORT;

		assert_int_equal(accept_among(&s, older, (enum plan_mode)mode, ALL, 0, &target),
				 bound ? KB_EDOWNGRADE : KB_OK);
		/* One whose root cannot be mounted holds nothing back. */
		OK(accept_among(&s, older, (enum plan_mode)mode, 2, 0, &target));
	}
	older.sequence = 7;
	OK(accept_among(&s, older, PLAN_AUTOMATIC, ALL, 0, &target));
	OK(accept_among(&s, older, PLAN_LAST_RESORT, ALL, 0, &target));
}

static enum kb_err back_to(const struct state *st, uint64_t sequence, enum plan_mode mode)
{
	int where;

	return accept_among(st, release(9, sequence), mode, ALL, 0, &where);
}

/* Threat 16: nor when installs that were broken off, or trials that were cut short, left none. */
TEST(what_a_good_slot_held_back_is_held_back_until_a_commit)
{
	bool committed;

	untrusted(&s, STATE_BAD);
	s.slot[1].streak = STATE_STREAK_LIMIT;
	s.lr = 1;
	assert_int_equal(plan_back(&s, ALL), 7);
	plan_install_begin(&s, 0, plan_back(&s, ALL));
	EQUAL((s.back, 7), (plan_back(&s, ALL), 7));
	FAILS(back_to(&s, 6, PLAN_AUTOMATIC), KB_EDOWNGRADE);
	FAILS(back_to(&s, 6, PLAN_LAST_RESORT), KB_EDOWNGRADE);
	OK(back_to(&s, 7, PLAN_LAST_RESORT));
	OK(back_to(&s, 6, PLAN_RESCUE));
	OK(back_to(&s, 6, PLAN_COMMAND));
	plan_install_begin(&s, 0, 3); /* it is `writing`, and holds nothing that could be lost */
	assert_int_equal(s.back, 7);
	OK(verdict_good(&s, 1, 0, 0, &committed));
	assert_true(committed && s.back == 0);
	OK(back_to(&s, 5, PLAN_LAST_RESORT));
	FAILS(back_to(&s, 4, PLAN_LAST_RESORT), KB_EDOWNGRADE);
}

static uint32_t next_random(uint32_t *x)
{
	*x = *x * 1664525u + 1013904223u;
	return *x >> 16;
}

/* One step of somebody with a power switch and genuine releases of the sequences 1 to 9. */
static void step_back(struct state *st, uint32_t *x)
{
	uint8_t sequence = (uint8_t)(1 + next_random(x) % 9);
	int slot = (int)(next_random(x) % st->nslots);
	/* Each id is another release: else the ledger of the rejected would end the walk. */
	struct plan_release r = release((uint8_t)next_random(x), sequence);
	enum plan_mode mode = next_random(x) % 2 ? PLAN_AUTOMATIC : PLAN_LAST_RESORT;

	if (st->slot[slot].st == STATE_GOOD)
		st->slot[slot].streak = STATE_STREAK_LIMIT;
	else if (st->slot[slot].st == STATE_TRIAL)
		OK(verdict_bad(st, slot, "cut"));
	if (st->slot[slot].st != STATE_EMPTY && st->slot[slot].st != STATE_WRITING)
		st->lr = (int8_t)slot;
	if (accept_among(st, r, mode, ALL, 0, &target) != KB_OK)
		return;
	if (sequence < 5)
		fail_msg("%u was taken, %s", sequence, mode == PLAN_AUTOMATIC ? "at once" : "late");
	plan_install_begin(st, target, plan_back(st, ALL));
	if (next_random(x) % 2)
		plan_install_end(st, target, &r, mode, 0);
}

TEST(no_walk_without_a_commit_goes_back_behind_the_oldest_good_slot)
{
	unsigned left_none = 0;

	for (uint32_t walk = 0; walk < 20000; walk++) {
		uint32_t x = walk * 2654435761u;
		state_init(&s, 2 + walk % 2);
		states_set(&s, 0, STATE_GOOD, 7);
		states_set(&s, 1, STATE_GOOD, 5);
		for (int i = 0; i < 40; i++)
			step_back(&s, &x);
		left_none += s.slot[0].st != STATE_GOOD && s.slot[1].st != STATE_GOOD;
	}
	assert_in_range(left_none, 1000, 20000); /* that is what it is about */
}

/* But for that it is a rescue. */
TEST(last_resort_has_no_ledger_and_no_budget)
{
	s.slot[0].streak = STATE_STREAK_LIMIT;
	state_add_applied(&s, states_id(9));
	s.installs = STATE_INSTALLS_LIMIT;
	s.forgotten_max = 99;
	OK(accept_mode(&s, release(9, 9), PLAN_LAST_RESORT, &target));
	assert_int_equal(target, 1);
}

/* One slot, or the disk of the others is gone: what is on it did not boot, or cannot. */
TEST(the_only_slot_is_taken_where_nothing_boots)
{
	struct plan_release r = release(9, 9);
	const choose_mask others_gone = 0xfe;

	for (unsigned n = 1; n <= 2; n++) {
		state_init(&s, n);
		states_set(&s, 0, STATE_GOOD, 1);
		for (int mode = PLAN_AUTOMATIC; mode <= PLAN_COMMAND; mode++)
			for (choose_mask mountable = 0; mountable < 2; mountable++) {
				bool taken = mode == PLAN_RESCUE ||
					     (mode == PLAN_LAST_RESORT && mountable == 0);

				EQUAL((accept_among(&s, r, (enum plan_mode)mode, mountable,
						    others_gone, &target),
				       taken ? KB_OK : KB_ENOTARGET));
				EQUAL((target, taken ? 0 : STATE_NONE));
				FAILS(accept_among(&s, r, (enum plan_mode)mode, mountable, ALL,
						   &target),
				      KB_ENOTARGET);
			}
	}
}

TEST(only_what_is_good_or_has_tries_holds_the_sequence)
{
	state_init(&s, 2);
	states_set(&s, 0, STATE_TRIAL, 5); /* as it comes from the factory */
	FAILS(accept(&s, 9, 5), KB_EDOWNGRADE);
	OK(accept(&s, 9, 6));
	s.slot[0].tries = 0;
	OK(accept(&s, 9, 4));
	states_set(&s, 0, STATE_BAD, 5);
	OK(accept(&s, 9, 4));
	states_set(&s, 0, STATE_GOOD, 5);
	FAILS(accept(&s, 9, 4), KB_EDOWNGRADE);
	s.slot[0].has_release = false;
	OK(accept(&s, 9, 4));
	state_init(&s, 2);
	OK(accept(&s, 9, 0));
}

TEST(release_at_the_floor_is_accepted_in_every_mode)
{
	struct plan_release r = release(9, 10);

	s.floor = 10;
	r.allow_downgrade = true;
	for (int mode = PLAN_AUTOMATIC; mode <= PLAN_COMMAND; mode++)
		OK(accept_mode(&s, r, (enum plan_mode)mode, &target));
}

TEST(what_had_to_be_forgotten_needs_a_person_or_a_rescue)
{
	s.forgotten_max = 9;
	FAILS(accept(&s, 9, 9), KB_EREJECTED);
	FAILS(accept(&s, 8, 8), KB_EREJECTED);
	OK(accept(&s, 10, 10));
	OK(accept_mode(&s, release(9, 9), PLAN_COMMAND, &target));
	OK(accept_mode(&s, release(9, 9), PLAN_RESCUE, &target));
	states_set(&s, 1, STATE_GOOD, 9);
	state_add_applied(&s, states_id(9)); /* the order: applied is more to the point */
	FAILS(accept(&s, 9, 9), KB_EAPPLIED);
}

TEST(applied_ledger_holds_back_what_nobody_asked_for)
{
	states_set(&s, 1, STATE_GOOD, 9);
	state_add_applied(&s, states_id(9));
	FAILS(accept(&s, 9, 9), KB_EAPPLIED); /* a trusted slot holds it */
	OK(accept_mode(&s, release(9, 9), PLAN_COMMAND, &target));
	OK(accept_mode(&s, release(9, 9), PLAN_RESCUE, &target));
	s.floor = 10; /* the order: applied before downgrade */
	FAILS(accept(&s, 9, 9), KB_EAPPLIED);
	states_fresh(&s);
	states_set(&s, 0, STATE_GOOD, 10); /* nobody holds it, and it is not newer */
	state_add_applied(&s, states_id(9));
	FAILS(accept(&s, 9, 9), KB_EAPPLIED);
	state_add_rejected(&s, states_id(9)); /* which goes before all of it */
	FAILS(accept(&s, 9, 9), KB_EREJECTED);
}

/* Power cuts, or what has happened to its slot, took it away: that is no verdict on the release. */
TEST(what_is_newer_than_the_fallback_may_come_back)
{
	state_add_applied(&s, states_id(9));
	OK(accept(&s, 9, 9)); /* nobody holds it any more */
	states_set(&s, 1, STATE_GOOD, 9);
	s.pref = 1;
	s.slot[1].streak = STATE_STREAK_LIMIT;
	s.slot[1].wait = 1;
	OK(accept(&s, 9, 9));
	s.slot[1].retries = 1; /* a second time: it waits for its turn */
	FAILS(accept(&s, 9, 9), KB_EWAITS);
	OK(accept(&s, 10, 10)); /* which is no reason to bar a new one */
	s.slot[1].wait = 0;
	OK(accept(&s, 9, 9));
}

TEST(install_over_a_slot_that_lost_its_trust_is_one_of_its_chances)
{
	const struct plan_release r = release(9, 9);

	states_set(&s, 1, STATE_GOOD, 9);
	s.slot[1].streak = STATE_STREAK_LIMIT;
	s.slot[1].retries = 2;
	plan_install_begin(&s, 1, 0);
	assert_true(s.slot[1].retries == 3 && s.slot[1].wait == 0);
	plan_install_end(&s, 1, &r, PLAN_AUTOMATIC, 0);
	assert_int_equal(s.slot[1].retries, 3);
	plan_install_end(&s, 1, &r, PLAN_COMMAND, 0); /* a person begins anew */
	assert_int_equal(s.slot[1].retries, 0);
	states_set(&s, 1, STATE_GOOD, 9);
	plan_install_begin(&s, 1, 0); /* one that is trusted has lost nothing */
	assert_int_equal(s.slot[1].retries, 0);
}

TEST(release_that_runs_is_applied)
{
	FAILS(accept(&s, 1, 1), KB_EAPPLIED);
	FAILS(accept_mode(&s, release(1, 1), PLAN_COMMAND, &target), KB_EAPPLIED);
	OK(accept_mode(&s, release(1, 1), PLAN_RESCUE, &target));
	s.slot[0].has_release = false;
	OK(accept(&s, 1, 1));
}

TEST(release_on_trial_is_applied_while_it_has_tries)
{
	states_trial(&s);
	FAILS(accept(&s, 2, 2), KB_EAPPLIED);
	FAILS(accept_mode(&s, release(2, 2), PLAN_COMMAND, &target), KB_EAPPLIED);
	FAILS(accept(&s, 2, 3), KB_EAPPLIED);
	s.slot[1].tries = 0;
	OK(accept(&s, 2, 2));
}

TEST(open_trial_gives_way_to_a_strictly_newer_release_only)
{
	states_open(&s);
	states_set(&s, 1, STATE_TRIAL, 4);
	FAILS(accept(&s, 9, 3), KB_ENOTARGET);
	FAILS(accept(&s, 9, 4), KB_ENOTARGET);
	OK(accept(&s, 9, 5));
}

TEST(automatic_installs_stop_at_eight_between_commits)
{
	struct plan_release r = release(9, 9);

	for (int i = 0; i < STATE_INSTALLS_LIMIT; i++) {
		OK(accept(&s, 9, 9));
		plan_install_end(&s, 1, &r, i % 2 ? PLAN_AUTOMATIC : PLAN_RESCUE, 0);
		s.slot[1].st = STATE_BAD;
	}
	FAILS(accept(&s, 9, 9), KB_EBUDGET);
	OK(accept_mode(&s, r, PLAN_RESCUE, &target));
	OK(accept_mode(&s, r, PLAN_COMMAND, &target));
	plan_install_end(&s, 1, &r, PLAN_AUTOMATIC, 0);
	assert_int_equal(s.installs, STATE_INSTALLS_LIMIT);
}

TEST(rebuilt_state_waits_for_its_trials)
{
	states_trial(&s);
	s.rebuilt = true;
	FAILS(accept(&s, 9, 9), KB_EREBUILT);
	OK(accept_mode(&s, release(9, 9), PLAN_RESCUE, &target));
	OK(accept_mode(&s, release(9, 9), PLAN_COMMAND, &target));
	s.slot[1].tries = 0;
	OK(accept(&s, 9, 9));
	s.slot[1].tries = 1;
	s.rebuilt = false;
	OK(accept(&s, 9, 9));
}

TEST(newer_record_takes_no_updates)
{
	struct state was;

	s.newer = true;
	FAILS(accept(&s, 9, 9), KB_ENEWER);
	was = s;
	assert_false(plan_apply_count(&s, STATE_SRC_USB));
	assert_memory_equal(&s, &was, sizeof(s));
}

TEST(beginning_forgets_all_about_the_slot)
{
	states_open(&s);
	s.slot[1].streak = 2;
	s.clean = true;
	s.last = s.lr = s.oneshot = 1;
	plan_install_begin(&s, 1, 0);
	EQUAL((s.slot[1].st, STATE_WRITING), (s.slot[1].has_release, false));
	EQUAL((s.slot[1].ever_good, false), (s.slot[1].tries, 0), (s.slot[1].streak, 0));
	EQUAL((s.pref, 0), (s.last, STATE_NONE), (s.lr, STATE_NONE), (s.oneshot, STATE_NONE));
	EQUAL((s.open, STATE_NONE), (s.open_token, 0), (s.clean, false));
}

TEST(beginning_leaves_what_belongs_to_other_slots)
{
	states_set(&s, 1, STATE_BAD, 2);
	s.lr = s.oneshot = s.open = 0;
	s.open_token = 5;
	plan_install_begin(&s, 1, 0);
	EQUAL((s.last, 0), (s.lr, 0), (s.oneshot, 0), (s.open, 0), (s.pref, 0), (s.open_token, 5));
	state_init(&s, 1);
	plan_install_begin(&s, 0, 0);
	assert_int_equal(s.pref, 0);
}

TEST(interrupted_install_finds_its_slot_again)
{
	state_init(&s, 4);
	states_set(&s, 0, STATE_GOOD, 1);
	s.last = 0;
	plan_install_begin(&s, 2, 0);
	OK(accept_mode(&s, release(9, 9), PLAN_AUTOMATIC, &target));
	assert_int_equal(target, 2);
}

TEST(ending_makes_a_preferred_trial)
{
	struct plan_release r = release(9, 9);

	plan_install_begin(&s, 1, 0);
	plan_install_end(&s, 1, &r, PLAN_AUTOMATIC, 0);
	EQUAL((s.slot[1].st, STATE_TRIAL), (s.slot[1].tries, STATE_TRIES));
	EQUAL((s.slot[1].grace, STATE_GRACE), (s.slot[1].ever_good, false));
	EQUAL((s.slot[1].has_release, true), (s.slot[1].sequence, 9));
	assert_memory_equal(s.slot[1].release, r.id, STATE_ID_LEN);
	EQUAL((s.slot[1].version, "1.2"), (s.pref, 1), (s.installs, 1));
	assert_true(s.floor == 0); /* it rises on commit */
	plan_install_end(&s, 1, &r, PLAN_COMMAND, 0);
	assert_int_equal(s.installs, 1);
}

TEST(release_whose_slot_cannot_be_written_is_not_tried_for_ever)
{
	struct plan_release r = release(9, 9), other = release(8, 9);

	states_set(&s, 0, STATE_GOOD, 1);
	s.last = 0;
	for (int i = 0; i < STATE_FAILS_LIMIT; i++) {
		OK(accept_mode(&s, r, PLAN_AUTOMATIC, &target));
		assert_true(plan_unwritable(&s, &r));
	}
	assert_false(plan_unwritable(&s, &r));
	FAILS(accept_mode(&s, r, PLAN_AUTOMATIC, &target), KB_EBUDGET);
	OK(accept_mode(&s, r, PLAN_COMMAND, &target));
	OK(accept_mode(&s, r, PLAN_RESCUE, &target));
	OK(accept_mode(&s, other, PLAN_AUTOMATIC, &target));
	assert_false(state_is_rejected(&s, r.id)); /* it did nothing wrong */
	plan_install_end(&s, 1, &r, PLAN_COMMAND, 0);
	assert_int_equal(state_unwritable(&s, r.id), 0);
}

TEST(staged_copy_is_dropped_at_its_third_failure)
{
	bool dropped;

	plan_staged_failed(&s, &dropped);
	EQUAL((dropped, false), (s.staged.fails, 0));
	s.staged.source = STATE_SRC_DATA;
	memcpy(s.staged.release, states_id(9), STATE_ID_LEN);
	for (int i = 1; i < STATE_FAILS_LIMIT; i++) {
		plan_staged_failed(&s, &dropped);
		EQUAL((dropped, false), (s.staged.fails, i));
	}
	plan_staged_failed(&s, &dropped);
	EQUAL((dropped, true), (s.staged.source, STATE_SRC_NONE));
	assert_int_equal(s.nrejected, 0); /* the release keeps its good name */
	OK(accept(&s, 9, 9));
}

TEST(source_that_takes_the_device_down_is_skipped_until_a_slot_is_good)
{
	bool committed;

	for (int i = 1; i <= STATE_APPLY_LIMIT; i++) {
		assert_false(plan_source_skipped(&s, STATE_SRC_USB));
		assert_true(plan_apply_count(&s, STATE_SRC_USB));
		assert_int_equal(s.apply[STATE_SRC_USB].count, i);
		assert_false(plan_source_skipped(&s, STATE_SRC_USB)); /* it runs */
		reset_settle(&s, RESET_CRASH, true);
	}
	EQUAL((s.slot[0].streak, 0), (plan_source_skipped(&s, STATE_SRC_USB), true));
	assert_false(plan_apply_count(&s, STATE_SRC_USB));
	assert_int_equal(s.apply[STATE_SRC_USB].count, STATE_APPLY_LIMIT);
	assert_false(plan_source_skipped(&s, STATE_SRC_SD));
	assert_true(plan_apply_count(&s, STATE_SRC_SD));
	assert_false(plan_source_skipped(&s, STATE_SRC_NONE));
	OK(verdict_good(&s, 0, 0, 0, &committed));
	assert_false(plan_source_skipped(&s, STATE_SRC_USB));
	assert_true(plan_apply_count(&s, STATE_SRC_USB));
}

TEST(apply_that_died_is_not_excused)
{
	bool committed;

	for (int i = 1; i <= STATE_APPLY_LIMIT; i++) {
		assert_true(plan_apply_count(&s, STATE_SRC_SD));
		plan_apply_died(&s, STATE_SRC_SD);
		assert_int_equal(s.apply[STATE_SRC_SD].count, i);
		reset_settle(&s, RESET_POWER, true); /* what ended is over */
		assert_int_equal(s.apply[STATE_SRC_SD].count, i);
	}
	assert_true(plan_source_skipped(&s, STATE_SRC_SD));
	OK(verdict_good(&s, 0, 0, 0, &committed));
	assert_true(plan_source_skipped(&s, STATE_SRC_SD));
	plan_apply_forget(&s, STATE_SRC_SD);
	assert_false(plan_source_skipped(&s, STATE_SRC_SD));
}

TEST(applies_that_end_cost_nothing)
{
	struct state was;

	was = s;
	for (int i = 0; i < 10; i++) {
		assert_true(plan_apply_count(&s, STATE_SRC_USB));
		plan_apply_forget(&s, STATE_SRC_USB);
	}
	assert_memory_equal(&s, &was, sizeof(s));
}

TEST(power_cuts_during_applies_are_bounded_too)
{
	int begun = 0;

	while (plan_apply_count(&s, STATE_SRC_USB)) {
		begun++;
		assert_in_range(begun, 1, STATE_APPLY_LIMIT + STATE_GRACE);
		reset_settle(&s, RESET_POWER, true);
	}
	assert_int_equal(begun, STATE_APPLY_LIMIT + STATE_GRACE);
	assert_true(plan_source_skipped(&s, STATE_SRC_USB));
}

TEST(applied_release_is_weighed_by_what_holds_it)
{
	state_add_applied(&s, states_id(9));
	s.slot[0].has_release = false; /* nobody knows how new it is */
	FAILS(accept(&s, 9, 9), KB_EAPPLIED);
	s.slot[0].st = STATE_EMPTY; /* nothing to fall back to */
	FAILS(accept(&s, 9, 9), KB_EAPPLIED);
	state_init(&s, 3);
	for (int i = 0; i < 3; i++)
		states_set(&s, i, STATE_GOOD, i == 0 ? 1 : 9);
	s.slot[2].streak = STATE_STREAK_LIMIT; /* one of two is trusted */
	state_add_applied(&s, states_id(9));
	FAILS(accept(&s, 9, 9), KB_EAPPLIED);
	s.slot[1].streak = STATE_STREAK_LIMIT;
	s.slot[1].wait = s.slot[1].retries = 1;
	FAILS(accept(&s, 9, 9), KB_EWAITS);
	OK(accept_mode(&s, release(9, 9), PLAN_COMMAND, &target));
}

TEST(rescue_spares_the_fallback_where_another_slot_is_free)
{
	OK(accept_mode(&s, release(9, 9), PLAN_RESCUE, &target));
	assert_int_equal(target, 1);
	state_init(&s, 2); /* nothing to spare, and nothing free */
	FAILS(accept_among(&s, release(9, 9), PLAN_RESCUE, ALL, ALL, &target), KB_ENOTARGET);
}

TEST(beginning_leaves_the_preferred_slot_and_the_chances_of_a_trial)
{
	states_all(&s, 3, STATE_GOOD);
	s.pref = 0;
	s.last = 2;
	states_set(&s, 1, STATE_TRIAL, 2);
	plan_install_begin(&s, 1, 0);
	EQUAL((s.pref, 0), (s.slot[1].retries, 0));
}

TEST(what_newer_keelboots_wrote_counts_no_failure)
{
	const struct plan_release r = release(9, 9);
	bool dropped = true;

	s.newer = true;
	EQUAL((plan_unwritable(&s, &r), false), (s.nunwritable, 0));
	plan_staged_failed(&s, &dropped); /* there is none */
	EQUAL((dropped, false), (plan_source_skipped(&s, STATE_SRC_COUNT), false));
}

TEST(death_is_forgiven_but_on_what_may_be_left_in)
{
	for (unsigned i = 0; i < STATE_SRC_COUNT; i++) {
		s.apply[i].open = true;
		plan_apply_died(&s, (enum state_source)i);
		assert_false(s.apply[i].open);
		assert_int_equal(plan_apply_forgivable(&s, (enum state_source)i),
				 i != STATE_SRC_SD && i != STATE_SRC_USB);
	}
}

TEST_MAIN("plan", .set_up = set_up)
