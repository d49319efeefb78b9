/* SPDX-License-Identifier: Apache-2.0 */
/* Which clock tells the time: a build clock of systemd does not. */
#include "fleet/clock.h"
#include "tests/unit/test.h"

#define BUILD 1759276800u /* of systemd: 2025-10-01 */
#define TODAY 1795000000u /* in 2026 */
#define HOUR  3600u

/* An hour after its start, of a board without a clock of its own. */
static struct clock_marks board(uint64_t now)
{
	return (struct clock_marks){ .now = now, .uptime = HOUR, .chosen = 2 };
}

TEST(a_clock_of_before_2025_is_not_known)
{
	struct clock_marks m = board(1735689599);

	m.asked = true;
	assert_false(clock_is_known(&m));
	m.now++;
	assert_true(clock_is_known(&m));
}

TEST(a_build_clock_that_nobody_has_set_since_is_not_known)
{
	struct clock_marks m = board(BUILD + HOUR);

	m.guesses[0] = BUILD + 3;
	assert_false(clock_is_known(&m));
	m.uptime = 5;
	m.now = BUILD + 5;
	assert_false(clock_is_known(&m));
	/* As a daemon for time corrects one that runs too slowly. */
	m = board(BUILD + HOUR + 30);
	m.guesses[0] = BUILD + 3;
	assert_false(clock_is_known(&m));
}

TEST(whoever_set_a_build_clock_knew_the_time)
{
	struct clock_marks m = board(TODAY);

	m.guesses[0] = BUILD + 3;
	assert_true(clock_is_known(&m));
	/* Its build is later than the time by the network. */
	m.guesses[0] = TODAY + 300;
	assert_true(clock_is_known(&m));
}

TEST(where_timesyncd_saw_it_last_it_is_not_known_before_a_server_was_asked)
{
	struct clock_marks m = board(TODAY);

	m.guesses[0] = BUILD + 3;
	m.guesses[1] = TODAY - HOUR + 9;
	assert_false(clock_is_known(&m));
	m.asked = true;
	assert_true(clock_is_known(&m));
	m.asked = false;
	m.now += 400;
	assert_true(clock_is_known(&m));
}

TEST(a_clock_of_the_hardware_is_known_with_and_without_systemd)
{
	struct clock_marks m = board(TODAY);

	m.chosen = TODAY - HOUR + 2;
	m.guesses[0] = m.guesses[1] = TODAY - HOUR + 3;
	assert_true(clock_is_known(&m));
	m.guesses[0] = m.guesses[1] = 0;
	assert_true(clock_is_known(&m));
}

TEST(without_systemd_nobody_guesses)
{
	struct clock_marks m = board(TODAY);

	assert_true(clock_is_known(&m));
	m.chosen = 0;
	m.guesses[0] = TODAY - HOUR + 3;
	assert_true(clock_is_known(&m));
}

TEST_MAIN("clock")
