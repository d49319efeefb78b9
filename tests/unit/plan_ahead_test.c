/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/plan.h"
#include "selector/verdict.h"
#include "tests/unit/test.h"

#define MAX 1000u

static struct state s;

static struct plan_release release(uint64_t sequence)
{
	struct plan_release r = { .sequence = sequence, .version = "1" };

	memset(r.id, (int)(sequence % 251 + 1), sizeof(r.id));
	return r;
}

static enum kb_err ahead(uint64_t sequence, uint64_t max)
{
	struct plan_release r = release(sequence);

	return plan_ahead(&s, &r, max);
}

static void put(int slot, enum state_st st, uint64_t sequence, bool ever_good)
{
	s.slot[slot] = (struct state_slot){
		.st = st,
		.has_release = true,
		.sequence = sequence,
		.ever_good = ever_good,
		.tries = st == STATE_TRIAL ? 3 : 0,
	};
}

static void setup(void)
{
	state_init(&s, 2);
}

TEST(bound_counts_from_what_proved_itself)
{
	put(0, STATE_GOOD, 50, true);
	OK(ahead(50 + MAX, MAX));
	FAILS(ahead(51 + MAX, MAX), KB_EAHEAD);
	FAILS(ahead(INT64_MAX, MAX), KB_EAHEAD);
	put(1, STATE_TRIAL, 900, false); /* nobody has seen it work */
	FAILS(ahead(51 + MAX, MAX), KB_EAHEAD);
	put(1, STATE_BAD, 900, true); /* it was committed once */
	OK(ahead(900 + MAX, MAX));
	FAILS(ahead(901 + MAX, MAX), KB_EAHEAD);
	s.floor = 2000;
	OK(ahead(2000 + MAX, MAX));
	FAILS(ahead(2001 + MAX, MAX), KB_EAHEAD);
}

TEST(where_nothing_is_known_half_of_all_is_too_far)
{
	put(0, STATE_GOOD, 0, true);
	s.slot[0].has_release = false;
	OK(ahead(INT64_MAX / 2, MAX));
	FAILS(ahead((uint64_t)INT64_MAX / 2 + 1, MAX), KB_EAHEAD);
}

TEST(no_bound_and_no_overflow)
{
	put(0, STATE_GOOD, 50, true);
	OK(ahead(INT64_MAX, 0));
	OK(ahead(INT64_MAX, INT64_MAX));
	s.floor = UINT64_MAX - 1;
	OK(ahead(INT64_MAX, MAX));
}

/* Threat 17: whoever can sign one release cannot end the numbers with it: each commit moves the
 * bound by no more than max, so that a release behind it is always possible. */
TEST(commits_in_turn_move_it_by_no_more_than_max)
{
	uint64_t sequence = 1;

	put(0, STATE_GOOD, 1, true);
	for (int i = 0; i < 100; i++) {
		const struct plan_terms terms = { .mountable = 3, .max_jump = MAX };
		int other = (i + 1) % 2, target;
		struct plan_release r = release(sequence + MAX);
		bool committed;

		FAILS(ahead(sequence + MAX + 1, MAX), KB_EAHEAD);
		OK(plan_accept(&s, &r, &terms, &target));
		assert_int_equal(target, other);
		plan_install_begin(&s, target, 0);
		plan_install_end(&s, target, &r, PLAN_AUTOMATIC, 0);
		/* The install alone moves nothing, neither bound nor floor. */
		FAILS(ahead(sequence + MAX + 1, MAX), KB_EAHEAD);
		assert_true(s.floor <= sequence);
		OK(verdict_good(&s, target, 0, INT64_MAX, &committed));
		assert_true(committed);
		sequence += MAX;
		assert_int_equal(s.floor, sequence); /* not above its own release */
		OK(ahead(sequence + MAX, MAX));
	}
}

TEST_MAIN("plan_ahead", .set_up = setup)
