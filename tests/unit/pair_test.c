/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/pair.h"
#include "tests/unit/states.h"

static struct state s;

static void set_up(void)
{
	states_trial(&s); /* a is good; b is on trial */
}

TEST(attempt_has_arrived_where_its_own_pair_runs)
{
	states_open(&s);
	assert_false(pair_arrived(&s, 1)); /* it was not handed over */
	s.handed = 7;
	assert_true(pair_arrived(&s, 1));
	assert_false(pair_arrived(&s, 0));
	assert_false(pair_arrived(&s, STATE_NONE));
	s.handed = 6; /* of an attempt before */
	assert_false(pair_arrived(&s, 1));
	state_close_attempt(&s);
	assert_false(pair_arrived(&s, STATE_NONE));
}

/* An older Keelboot keeps the line, and charges another attempt. */
TEST(handed_of_another_attempt_is_forgotten_when_it_is_read)
{
	static const char text[] = "nslots=2\nopen=b\ntoken=9\nhanded=7\n";
	static const char fits[] = "nslots=2\nopen=b\ntoken=9\nhanded=9\n";
	static const char closed[] = "nslots=2\nopen=-\ntoken=9\nhanded=9\n";

	OK(state_decode(&s, text, sizeof(text) - 1, 1));
	assert_true(s.handed == 0 && s.open_token == 9);
	OK(state_decode(&s, fits, sizeof(fits) - 1, 1));
	assert_true(s.handed == 9);
	OK(state_decode(&s, closed, sizeof(closed) - 1, 1));
	assert_true(s.handed == 0 && s.open_token == 0);
}

TEST(preset_stays_where_no_install_writes)
{
	assert_int_equal(pair_safe_preset(&s, 3, 0, 0), 0); /* it runs */
	assert_int_equal(pair_safe_preset(&s, 3, 0, 1), 0); /* a is what the device falls back to */
}

TEST(preset_that_an_install_may_write_becomes_the_one_that_runs)
{
	assert_int_equal(pair_safe_preset(&s, 3, 1, 0), 0);
	assert_int_equal(pair_safe_preset(&s, 3, STATE_NONE, 1), 1);
	assert_int_equal(pair_safe_preset(&s, 3, STATE_NONE, STATE_NONE), STATE_NONE);
	/* a does not mount: b is what the device falls back to, and a may be written */
	assert_int_equal(pair_safe_preset(&s, 2, 0, 1), 1);
	assert_int_equal(pair_safe_preset(&s, 2, 1, 0), 1);
}

TEST(slot_is_elsewhere_unless_its_pair_runs_or_nothing_else_is_left)
{
	struct choose_candidate c = { .slot = 1, .tier = CHOOSE_NORMAL };

	assert_true(pair_is_elsewhere(3, 0, &c));
	assert_false(pair_is_elsewhere(3, 1, &c));
	assert_false(pair_is_elsewhere(1, 0, &c)); /* it has none */
	c.tier = CHOOSE_LAST_RESORT;
	assert_false(pair_is_elsewhere(3, 0, &c));
}

TEST_MAIN("pair", .set_up = set_up)
