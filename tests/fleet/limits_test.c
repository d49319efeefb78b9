/* SPDX-License-Identifier: Apache-2.0 */
/* What bundles may take of the network: by day, by clock, by second. */
#include "fleet/limits.h"
#include "fleet/meter.h"
#include "fleet/pace.h"
#include "tests/unit/test.h"

#include <string.h>

#define DAY_S 86400u
#define TODAY 20783u /* some day of 2026 */

static struct action a;

/* At this second of a day, so many seconds after the boot. */
static struct limits at(uint64_t day, uint64_t second, uint64_t uptime_s)
{
	return (struct limits){ .daily = 1000,
				.clock_s = day * DAY_S + second,
				.uptime_s = uptime_s };
}

static bool begins(struct limits l)
{
	return limits_begin_day(&l, &a);
}

static void spent(uint64_t day, uint64_t uptime_s)
{
	a = (struct action){ .day = day, .day_bytes = 700, .day_uptime = uptime_s };
}

/* ---------------------------------------------------------------- days */

TEST(a_day_begins_at_midnight_and_has_all_its_bytes)
{
	spent(TODAY, 50);
	assert_false(begins(at(TODAY, 0, 60)));
	assert_false(begins(at(TODAY, DAY_S - 1, 60)));
	assert_int_equal(a.day_bytes, 700);
	assert_true(begins(at(TODAY + 1, 0, 60)));
	assert_int_equal(a.day, TODAY + 1);
	assert_int_equal(a.day_bytes, 0);
	assert_int_equal(a.day_uptime, 60);
}

TEST(the_day_of_a_device_begins_so_late_behind_midnight)
{
	struct limits l = at(TODAY + 1, 1799, 60);

	l.late_s = 1800;
	spent(TODAY, 50);
	assert_false(begins(l));
	assert_int_equal(a.day_bytes, 700);
	l.clock_s++;
	assert_true(begins(l));
	assert_int_equal(a.day, TODAY + 1);
	assert_int_equal(a.day_bytes, 0);
	l.clock_s += DAY_S - 1;
	assert_false(begins(l));
}

TEST(devices_begin_their_days_all_over_an_hour)
{
	unsigned in[60] = { 0 };

	for (unsigned i = 0; i < 10000; i++) {
		uint64_t late = limits_late(strf("device-%u", i));

		assert_true(late < 3600);
		assert_int_equal(limits_late(strf("device-%u", i)), late);
		in[late / 60]++;
	}
	/* No minute has more than a half beyond its share. */
	for (int i = 0; i < 60; i++)
		assert_in_range(in[i], 83, 250);
}

TEST(a_device_that_was_off_for_weeks_has_one_day_and_no_more)
{
	spent(TODAY, 50);
	assert_true(begins(at(TODAY + 30, 0, 60)));
	a.day_bytes = 700;
	assert_false(begins(at(TODAY + 30, 1, 61)));
	assert_int_equal(a.day_bytes, 700);
}

TEST(a_clock_that_jumps_back_gives_nothing_anew)
{
	spent(TODAY, 50);
	assert_false(begins(at(TODAY - 1, 0, 60)));
	assert_false(begins(at(0, 0, 60)));
	assert_false(begins(at(TODAY, 0, 70)));
	assert_int_equal(a.day, TODAY);
	assert_int_equal(a.day_bytes, 700);
}

TEST(a_boot_at_1970_gives_nothing_anew)
{
	/* No clock at all, boot after boot; then the network sets it. */
	spent(TODAY, 50);
	for (unsigned boot = 0; boot < 5; boot++) {
		(void)begins(at(0, 0, 40));
		(void)begins(at(0, 900, 940));
		assert_false(begins(at(TODAY, 900, 950)));
		assert_int_equal(a.day, TODAY);
		assert_int_equal(a.day_bytes, 700);
	}
}

TEST(without_a_clock_a_day_is_so_long_a_time_of_running)
{
	a = (struct action){ .day_bytes = 0 };
	assert_false(begins(at(0, 0, 40)));
	a.day_bytes = 700;
	assert_false(begins(at(0, 0, DAY_S - 1)));
	/* Another boot: its time counts anew, which must be kept. */
	a.day_uptime = 5000;
	assert_true(begins(at(0, 0, 30)));
	assert_int_equal(a.day_bytes, 700);
	assert_int_equal(a.day_uptime, 30);
	assert_false(begins(at(0, 0, 30 + DAY_S - 1)));
	assert_true(begins(at(0, 0, 30 + DAY_S)));
	assert_int_equal(a.day_bytes, 0);
	assert_int_equal(a.day_uptime, 30 + DAY_S);
}

/* The first one of a device, too, which may have run for long before it fetches anything. */
TEST(and_begins_when_something_is_fetched_in_it)
{
	a = (struct action){ .day_bytes = 0 };
	assert_false(begins(at(0, 0, DAY_S - 60)));
	a.day_bytes = 700;
	assert_false(begins(at(0, 0, DAY_S + 1)));
	assert_true(limits_count_run(&(struct limits){ .uptime_s = DAY_S + 40 }, &a));
	assert_int_equal(a.day_ran, 100);
	assert_false(begins(at(0, 0, 2 * DAY_S - 61)));
	assert_int_equal(a.day_bytes, 700);
	assert_true(begins(at(0, 0, 2 * DAY_S - 60)));
	assert_int_equal(a.day_bytes, 0);
}

TEST(a_clock_that_was_ahead_by_years_does_not_stop_updates_for_years)
{
	spent(TODAY + 5000, 50);
	assert_false(begins(at(TODAY, 0, 60)));
	assert_true(begins(at(TODAY, 0, 50 + DAY_S)));
	assert_int_equal(a.day, TODAY);
	assert_int_equal(a.day_bytes, 0);
}

/* Boots of so many seconds, each with a contact each five minutes. How many until a day begins. */
static unsigned boots_of_a_day(uint64_t seconds, uint64_t day)
{
	for (unsigned boot = 0; boot < 10000; boot++)
		for (uint64_t up = 60 + boot * 37 % 61; up < seconds; up += 300) {
			const struct limits l = at(day, 0, up);

			limits_count_run(&l, &a);
			limits_begin_day(&l, &a);
			if (a.day_bytes == 0)
				return boot + 1;
		}
	return 0;
}

TEST(nor_on_a_device_that_never_runs_for_a_day)
{
	spent(TODAY + 5000, 50);
	assert_int_equal(boots_of_a_day(23 * 3600, TODAY), 2);
	assert_int_equal(a.day, TODAY);
	assert_int_equal(a.day_ran, 0);
	spent(TODAY + 5000, 50);
	assert_in_range(boots_of_a_day(3600, TODAY), 24, 28);
	/* Without a clock. Of a boot with one contact, no more is known than that it came to it;
	 * and one that comes later than in the boot before looks like the same boot. */
	spent(0, 50);
	assert_in_range(boots_of_a_day(300, 0), DAY_S / 300, DAY_S / 40);
}

TEST(no_time_of_running_counts_twice)
{
	const struct limits early = at(TODAY, 0, 70), late = at(TODAY, 0, 170);

	spent(TODAY + 5000, 50);
	assert_true(limits_count_run(&early, &a));
	assert_false(limits_count_run(&early, &a));
	assert_true(limits_count_run(&late, &a));
	assert_int_equal(a.day_ran, 120);
	assert_true(limits_count_run(&early, &a)); /* another boot */
	assert_int_equal(a.day_ran, 190);
	/* A clock that knows its day, or nothing that is counted: nothing is written. */
	a.day = TODAY;
	assert_false(limits_count_run(&late, &a));
	spent(TODAY + 5000, 50);
	a.day_bytes = 0;
	assert_false(limits_count_run(&late, &a));
}

TEST(a_clock_of_before_this_program_was_never_set)
{
	a = (struct action){ .day_bytes = 700 };
	assert_false(begins(at(20088, DAY_S - 1, 60)));
	assert_true(begins(at(20089, 0, 60)));
}

/* ---------------------------------------------------------------- bytes */

TEST(what_is_left_is_never_less_than_nothing)
{
	struct limits l = { .daily = 1000 };

	assert_int_equal(limits_left(&l, 0), 1000);
	assert_int_equal(limits_left(&l, 999), 1);
	assert_int_equal(limits_left(&l, 1000), 0);
	assert_int_equal(limits_left(&l, UINT64_MAX), 0);
	l.daily = 0;
	assert_true(limits_left(&l, UINT64_MAX) == UINT64_MAX);
}

TEST(a_bundle_of_the_largest_size_is_permitted)
{
	struct limits l = { .max = 1000 };
	char why[ACTION_WHY_MAX + 1] = "";

	assert_true(limits_permit(&l, "its download", 1000, why));
	assert_false(limits_permit(&l, "its download", 1001, why));
	assert_non_null(strstr(why, "1001 bytes, and this device allows 1000"));
	l.max = 0;
	assert_true(limits_permit(&l, "its download", UINT64_MAX, why));
}

/* ---------------------------------------------------------------- what comes */

TEST(what_comes_counts_and_the_day_is_used_up_at_its_limit)
{
	struct limits l = { .daily = 1000 };
	struct meter m = { .a = &a, .limits = &l, .spent = 300 };

	assert_true(meter_count(&m, 600));
	assert_int_equal(meter_left(&m), 100);
	assert_true(meter_count(&m, 100));
	assert_false(meter_count(&m, 1));
	assert_int_equal(m.spent, 1000);
	m.spent = 400;
	assert_false(meter_count(&m, 601));
	assert_int_equal(meter_left(&m), 0);
	m.spent = 400;
	meter_use_up(&m);
	assert_int_equal(meter_left(&m), 0);
}

TEST(an_answer_that_nobody_reads_counts_for_what_may_wait_of_it)
{
	struct limits l = { .daily = UINT64_C(1) << 20 };
	struct meter m = { .a = &a, .limits = &l };

	meter_count_unread(&m);
	assert_int_equal(m.spent, 128 << 10);
}

TEST(the_record_has_what_came_and_what_may_come_before_the_next_one)
{
	struct limits l = { .daily = UINT64_C(1) << 30 };
	struct meter m = { .a = &a, .limits = &l, .spent = 500 };

	a = (struct action){ .day_bytes = 500 };
	meter_note(&m, 1000);
	assert_int_equal(a.day_bytes, 1500);
	meter_note(&m, UINT64_MAX);
	assert_int_equal(a.day_bytes, 500 + METER_STEP + PACE_PIECE_MAX);
	meter_note(&m, 0);
	assert_int_equal(a.day_bytes, 500);
	l.daily = 700;
	meter_note(&m, 1000);
	assert_int_equal(a.day_bytes, 700);
}

TEST(without_a_limit_nothing_is_counted)
{
	struct limits l = { .daily = 0 };
	struct meter m = { .a = &a, .limits = &l };

	a = (struct action){ .day_bytes = 0 };
	assert_true(meter_count(&m, UINT64_MAX));
	meter_count_unread(&m);
	meter_use_up(&m);
	meter_note(&m, 1000);
	assert_int_equal(m.spent, 0);
	assert_int_equal(a.day_bytes, 0);
	assert_true(meter_left(&m) == UINT64_MAX);
}

/* ---------------------------------------------------------------- seconds */

/* How long so many bytes take that come as fast as they are taken. */
static uint64_t time_of(uint64_t bandwidth, uint64_t bytes)
{
	struct pace p = { .bandwidth = bandwidth };
	uint64_t now = 5000;

	while (bytes > 0) {
		size_t piece = pace_piece(bandwidth);

		piece = piece < bytes ? piece : (size_t)bytes;
		bytes -= piece;
		now += pace_wait(&p, piece, now);
	}
	return now - 5000;
}

TEST(a_download_takes_as_long_as_its_bytes_do_at_that_speed)
{
	assert_int_equal(time_of(0, UINT64_C(1) << 24), 0);
	assert_int_equal(time_of(1024, 10240), 10000);
	assert_int_equal(time_of(100000, 1000000), 10000);
	assert_int_equal(time_of(262144, UINT64_C(10) << 20), 40000);
	/* Also where a piece takes less than a millisecond. */
	assert_int_equal(time_of(UINT64_C(1) << 30, UINT64_C(1) << 31), 2000);
	assert_int_equal(time_of(INT64_MAX, UINT64_C(1) << 31), 0);
}

TEST(a_piece_is_no_more_than_a_part_of_a_second)
{
	assert_int_equal(pace_piece(0), PACE_PIECE_MAX);
	assert_int_equal(pace_piece(1024), 1024);
	assert_int_equal(pace_piece(100000), 25000);
	assert_int_equal(pace_piece(INT64_MAX), PACE_PIECE_MAX);
}

TEST(what_a_server_is_slow_with_is_not_made_up_for)
{
	struct pace p = { .bandwidth = 1000 };

	assert_int_equal(pace_wait(&p, 1000, 5000), 1000);
	/* In time, late by less than a second, and by a minute. */
	assert_int_equal(pace_wait(&p, 1000, 6000), 1000);
	assert_int_equal(pace_wait(&p, 1000, 7500), 500);
	assert_int_equal(pace_wait(&p, 1000, 68000), 1000);
	assert_int_equal(pace_wait(&p, 1000, 69000), 1000);
}

TEST_MAIN("limits", .quiet = true)
