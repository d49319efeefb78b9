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

static int safe(enum plan_mode mode, choose_mask mountable, int preset, int running)
{
	return pair_safe_preset(&s, mountable, mode, preset, running);
}

TEST(preset_stays_where_no_install_writes)
{
	assert_int_equal(safe(PLAN_AUTOMATIC, 3, 0, 0), 0); /* it runs */
	assert_int_equal(safe(PLAN_AUTOMATIC, 3, 0, 1), 0); /* a is what the device falls back to */
}

TEST(preset_that_an_install_may_write_becomes_one_that_stays)
{
	assert_int_equal(safe(PLAN_AUTOMATIC, 3, 1, 0), 0);
	assert_int_equal(safe(PLAN_COMMAND, 3, STATE_NONE, 1), 0); /* a trial runs */
	/* a does not mount: b is what the device falls back to, and a may be written */
	assert_int_equal(safe(PLAN_AUTOMATIC, 2, 0, 1), 1);
	assert_int_equal(safe(PLAN_AUTOMATIC, 2, 1, 0), 1);
}

TEST(nobody_knows_what_runs)
{
	for (int preset = STATE_NONE; preset < 2; preset++)
		assert_int_equal(safe(PLAN_AUTOMATIC, 3, preset, STATE_NONE), STATE_NONE);
}

/* Whatever an install writes, the loader does not start it. */
TEST(no_install_of_any_mode_writes_the_preset)
{
	static const enum state_st st[] = { STATE_EMPTY, STATE_WRITING, STATE_TRIAL, STATE_GOOD,
					    STATE_BAD };
	const struct plan_release r = { .sequence = 9, .id = { 9 } };
	unsigned installs = 0;

	for (unsigned n = 0; n < 5 * 5 * 2 * 3 * 4 * 4 * 3; n++) {
		unsigned k = n;
		struct plan_terms terms = { .floor_bound = UINT64_MAX };
		int preset, running, target;

		state_init(&s, 2);
		states_set(&s, 0, st[k % 5], 1);
		states_set(&s, 1, st[k / 5 % 5], 2);
		s.last = (int8_t)(k / 25 % 2);
		s.pref = (int8_t)(1 - s.last);
		running = (int)(k / 50 % 2);
		terms.mode = (enum plan_mode)(k / 100 % 4);
		terms.mountable = (choose_mask)(k / 400 % 4);
		terms.mounted = (choose_mask)(1u << running);
		preset = (int)(k / 1600 % 3) - 1;
		if (plan_accept(&s, &r, &terms, &target) != KB_OK)
			continue;
		installs++;
		assert_int_not_equal(target, safe(terms.mode, terms.mountable, preset, running));
	}
	assert_true(installs > 100);
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

TEST(words_that_last_say_why_nothing_is_tried)
{
	assert_string_equal(pair_why_untried("none"), "the kernel of no slot can be started here");
	assert_string_equal(
		pair_why_untried("unchecked"),
		"with verify-slot=always, a slot's kernel in a partition (boot=) is never started");
	assert_string_equal(pair_why_untried("unchecked unnamed"), pair_why_untried("unchecked"));
	assert_null(pair_why_untried("unnamed"));
	assert_null(pair_why_untried("nonesuch"));
	assert_true(pair_has_word("unchecked unnamed", "unnamed"));
	assert_false(pair_has_word("unchecked unnamed", "named"));
	assert_false(pair_has_word("", "unnamed"));
	assert_null(pair_why_untried(""));
}

TEST_MAIN("pair", .set_up = set_up)
