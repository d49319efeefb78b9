/* SPDX-License-Identifier: Apache-2.0 */
/* When the guardian does what. Times are seconds here. */

#include "initramfs/guardian/guardian_plan.h"
#include "tests/unit/test.h"

#define S(seconds) ((uint64_t)(seconds)*1000)

static struct guardian_plan plan;

static void begin(uint32_t deadline_s, uint32_t watchdog_s, bool release)
{
	const struct guardian_terms terms = {
		.trial = deadline_s != 0,
		.deadline_s = deadline_s,
		.shutdown_s = 120,
		.watchdog_s = watchdog_s,
		.release = release,
	};

	guardian_plan_start(&plan, &terms, S(100));
}

static void start(void)
{
	begin(300, 0, false);
}

static void expect(enum guardian_step step, uint64_t at)
{
	assert_int_equal(guardian_plan_next(&plan, at), step);
}

static void event(enum guardian_event e, uint64_t at)
{
	guardian_plan_event(&plan, e, GUARDIAN_FAILED, at);
}

static void done(enum guardian_result result, uint64_t at)
{
	guardian_plan_event(&plan, GUARDIAN_DONE, result, at);
}

TEST(nothing_is_due_before_the_deadline)
{
	expect(GUARDIAN_WAIT, S(100));
	assert_int_equal(guardian_plan_wait_ms(&plan, S(100)), 60000);
	assert_int_equal(guardian_plan_wait_ms(&plan, S(399)), 1000);
	expect(GUARDIAN_WAIT, S(400) - 1);
	expect(GUARDIAN_RECORD, S(400));
	expect(GUARDIAN_WAIT, S(400));
}

TEST(recorded_slot_is_left_in_order_then_by_force)
{
	expect(GUARDIAN_RECORD, S(400));
	done(GUARDIAN_RECORDED, S(401));
	expect(GUARDIAN_ORDERLY, S(401));
	assert_true(plan.recorded);
	expect(GUARDIAN_WAIT, S(401));
	assert_int_equal(guardian_plan_wait_ms(&plan, S(401)), S(30));
	expect(GUARDIAN_SYNC, S(431));
	done(GUARDIAN_FAILED, S(432));
	expect(GUARDIAN_READ_ONLY, S(432));
	expect(GUARDIAN_WAIT, S(432));
	expect(GUARDIAN_REBOOT, S(433));
	done(GUARDIAN_FAILED, S(433));
	expect(GUARDIAN_RESET, S(433));
	expect(GUARDIAN_WAIT, S(434));
	expect(GUARDIAN_RESET, S(443));
	expect(GUARDIAN_RESET, S(453));
}

static void counts(uint32_t watchdog_s, uint64_t now)
{
	begin(300, 60, false);
	expect(GUARDIAN_FEED, S(400));
	expect(GUARDIAN_RECORD, S(400));
	done(GUARDIAN_RECORDED, S(401));
	expect(GUARDIAN_ORDERLY, S(401));
	guardian_plan_counts(&plan, watchdog_s, now);
}

/* bcm2835 has 15 s: unfed it would end a good shutdown, and a forced one would have no time. */
TEST(watchdog_that_is_shorter_than_the_grace_is_fed_until_its_end)
{
	uint64_t now;

	counts(13, S(401));
	expect(GUARDIAN_WAIT, S(404));
	for (now = S(401) + 3250; now < S(431); now += 3250) {
		assert_int_equal(guardian_plan_wait_ms(&plan, now - 1), 1);
		expect(GUARDIAN_FEED, now);
		expect(GUARDIAN_WAIT, now);
	}
	expect(GUARDIAN_SYNC, S(431)); /* and now it counts */
	expect(GUARDIAN_WAIT, S(450));
	assert_int_equal(plan.feed_at, UINT64_MAX);
}

TEST(watchdog_that_covers_the_grace_is_not_fed)
{
	static const uint32_t long_enough[] = { 0, 60, 64, 300 };

	for (unsigned i = 0; i < 4; i++) {
		counts(long_enough[i], S(401));
		expect(GUARDIAN_WAIT, S(401));
		expect(GUARDIAN_WAIT, S(431) - 1);
		expect(GUARDIAN_SYNC, S(431));
	}
}

/* The answer of a step that is over changes nothing. */
TEST(forced_reboot_is_never_fed)
{
	counts(60, S(401));
	expect(GUARDIAN_SYNC, S(431));
	guardian_plan_counts(&plan, 15, S(431));
	expect(GUARDIAN_WAIT, S(450));
}

TEST(every_job_has_a_limit)
{
	expect(GUARDIAN_RECORD, S(400));
	expect(GUARDIAN_WAIT, S(420) - 1);
	expect(GUARDIAN_KILL, S(420));
	expect(GUARDIAN_ORDERLY, S(420));
	assert_false(plan.recorded);
	expect(GUARDIAN_SYNC, S(450));
	expect(GUARDIAN_KILL, S(470));
	expect(GUARDIAN_READ_ONLY, S(470));
	expect(GUARDIAN_REBOOT, S(471));
	expect(GUARDIAN_KILL, S(491));
	expect(GUARDIAN_RESET, S(491));
	done(GUARDIAN_RECORDED, S(492)); /* of a job that was killed: too late */
	expect(GUARDIAN_WAIT, S(492));
}

TEST(verdict_ends_the_guardian)
{
	event(GUARDIAN_NUDGED, S(150));
	expect(GUARDIAN_LOOK, S(150));
	done(GUARDIAN_CLOSED, S(151));
	expect(GUARDIAN_END, S(151));
	start();
	event(GUARDIAN_NUDGED, S(150));
	expect(GUARDIAN_LOOK, S(150));
	done(GUARDIAN_GOOD, S(151));
	expect(GUARDIAN_END, S(151));
}

TEST(verdict_at_the_deadline_ends_the_guardian)
{
	expect(GUARDIAN_RECORD, S(400));
	done(GUARDIAN_CLOSED, S(401));
	expect(GUARDIAN_END, S(401));
}

TEST(nudge_without_a_verdict_changes_nothing)
{
	event(GUARDIAN_NUDGED, S(150));
	event(GUARDIAN_NUDGED, S(150));
	expect(GUARDIAN_LOOK, S(150));
	event(GUARDIAN_NUDGED, S(151)); /* during the look: it may have come too early */
	expect(GUARDIAN_WAIT, S(151));
	done(GUARDIAN_OPEN, S(152));
	expect(GUARDIAN_LOOK, S(152));
	done(GUARDIAN_FAILED, S(153));
	expect(GUARDIAN_WAIT, S(153));
	expect(GUARDIAN_RECORD, S(400));
}

TEST(look_that_hangs_does_not_move_the_deadline)
{
	event(GUARDIAN_NUDGED, S(399));
	expect(GUARDIAN_LOOK, S(399));
	expect(GUARDIAN_WAIT, S(401));
	expect(GUARDIAN_KILL, S(419));
	expect(GUARDIAN_RECORD, S(419));
}

TEST(announced_shutdown_is_never_recorded)
{
	event(GUARDIAN_TOLD, S(399));
	expect(GUARDIAN_WAIT, S(500));
	expect(GUARDIAN_WAIT, S(519) - 1);
	expect(GUARDIAN_SYNC, S(519)); /* but it must not hang */
	assert_false(plan.recorded);
}

TEST(shutdown_seen_at_the_deadline_is_not_recorded)
{
	expect(GUARDIAN_RECORD, S(400));
	done(GUARDIAN_CLEAN, S(400));
	expect(GUARDIAN_WAIT, S(500));
	expect(GUARDIAN_SYNC, S(520));
}

TEST(shutdown_has_the_grace_at_least)
{
	guardian_plan_start(
		&plan,
		&(struct guardian_terms){ .trial = true, .deadline_s = 300, .shutdown_s = 5 },
		S(100));
	event(GUARDIAN_TOLD, S(105));
	expect(GUARDIAN_WAIT, S(135) - 1);
	expect(GUARDIAN_SYNC, S(135));
}

TEST(verdict_after_an_announcement_ends_the_guardian)
{
	event(GUARDIAN_TOLD, S(150));
	event(GUARDIAN_NUDGED, S(151));
	expect(GUARDIAN_LOOK, S(151));
	done(GUARDIAN_CLEAN, S(151)); /* nothing new: the limit stands */
	event(GUARDIAN_NUDGED, S(152));
	expect(GUARDIAN_LOOK, S(152));
	done(GUARDIAN_CLOSED, S(152));
	expect(GUARDIAN_END, S(152));
}

TEST(verdict_after_an_announcement_leaves_the_keeper)
{
	begin(300, 60, false);
	event(GUARDIAN_TOLD, S(150));
	event(GUARDIAN_NUDGED, S(151));
	expect(GUARDIAN_FEED, S(151));
	expect(GUARDIAN_LOOK, S(151));
	done(GUARDIAN_CLOSED, S(152));
	expect(GUARDIAN_FEED, S(600)); /* far behind both limits */
	expect(GUARDIAN_WAIT, S(600));
	event(GUARDIAN_TOLD, S(601)); /* this time it is true */
	expect(GUARDIAN_FEED, S(720));
	expect(GUARDIAN_SYNC, S(721));
}

TEST(verdict_in_the_last_moment_ends_an_announced_shutdown)
{
	expect(GUARDIAN_RECORD, S(400));
	event(GUARDIAN_TOLD, S(400));
	done(GUARDIAN_CLOSED, S(401));
	expect(GUARDIAN_END, S(401));
}

TEST(look_that_hangs_does_not_move_the_limit_of_a_shutdown)
{
	event(GUARDIAN_TOLD, S(150));
	event(GUARDIAN_NUDGED, S(269));
	expect(GUARDIAN_LOOK, S(269));
	expect(GUARDIAN_KILL, S(289));
	expect(GUARDIAN_SYNC, S(289));
}

TEST(keeper_of_a_good_slot_has_nothing_to_look_for)
{
	begin(0, 60, false);
	event(GUARDIAN_TOLD, S(100));
	event(GUARDIAN_NUDGED, S(101));
	expect(GUARDIAN_FEED, S(101));
	expect(GUARDIAN_WAIT, S(101));
}

TEST(own_shutdown_is_no_news)
{
	expect(GUARDIAN_RECORD, S(400));
	done(GUARDIAN_RECORDED, S(400));
	expect(GUARDIAN_ORDERLY, S(400));
	event(GUARDIAN_TOLD, S(401)); /* init sends everybody SIGTERM */
	expect(GUARDIAN_SYNC, S(430));
}

TEST(record_that_won_against_an_announcement_stands)
{
	expect(GUARDIAN_RECORD, S(400));
	event(GUARDIAN_TOLD, S(400));
	done(GUARDIAN_RECORDED, S(401));
	assert_true(plan.recorded);
	expect(GUARDIAN_ORDERLY, S(401));
	start();
	expect(GUARDIAN_RECORD, S(400));
	event(GUARDIAN_TOLD, S(400));
	done(GUARDIAN_CLEAN, S(401));
	expect(GUARDIAN_WAIT, S(519));
	expect(GUARDIAN_SYNC, S(520));
}

TEST(keeper_feeds_for_ever)
{
	begin(0, 20, false);
	for (unsigned i = 0; i < 1000; i++) {
		expect(GUARDIAN_FEED, S(100) + i * S(5));
		expect(GUARDIAN_WAIT, S(100) + i * S(5));
		assert_int_equal(guardian_plan_wait_ms(&plan, S(100) + i * S(5)), S(5));
	}
	event(GUARDIAN_NUDGED, S(9000));
	expect(GUARDIAN_FEED, S(9000));
	expect(GUARDIAN_WAIT, S(9000));
}

TEST(keeper_goes_on_after_the_verdict)
{
	begin(300, 60, false);
	expect(GUARDIAN_FEED, S(100));
	event(GUARDIAN_NUDGED, S(101));
	expect(GUARDIAN_LOOK, S(101));
	expect(GUARDIAN_FEED, S(110)); /* also while a disk stalls */
	done(GUARDIAN_GOOD, S(111));
	expect(GUARDIAN_WAIT, S(111));
	event(GUARDIAN_NUDGED, S(112)); /* nothing that it could hear changes anything */
	expect(GUARDIAN_WAIT, S(112));
	expect(GUARDIAN_FEED, S(400));
	expect(GUARDIAN_WAIT, S(400));
}

TEST(nobody_is_fed_once_the_reboot_has_begun)
{
	begin(300, 60, false);
	expect(GUARDIAN_FEED, S(400));
	expect(GUARDIAN_RECORD, S(400));
	expect(GUARDIAN_FEED, S(410));
	done(GUARDIAN_RECORDED, S(411));
	expect(GUARDIAN_ORDERLY, S(411));
	expect(GUARDIAN_WAIT, S(440));
	expect(GUARDIAN_SYNC, S(441));
	expect(GUARDIAN_WAIT, S(450));
}

TEST(keeper_feeds_a_shutdown_up_to_its_limit)
{
	begin(0, 60, false);
	event(GUARDIAN_TOLD, S(100));
	expect(GUARDIAN_FEED, S(100));
	expect(GUARDIAN_FEED, S(190)); /* systemd allows a service 90 s to stop */
	expect(GUARDIAN_FEED, S(219));
	expect(GUARDIAN_SYNC, S(220));
	expect(GUARDIAN_WAIT, S(235));
}

TEST(release_ends_once_the_slot_is_good)
{
	begin(300, 60, true);
	expect(GUARDIAN_FEED, S(100));
	event(GUARDIAN_NUDGED, S(101));
	expect(GUARDIAN_LOOK, S(101));
	done(GUARDIAN_GOOD, S(102));
	expect(GUARDIAN_RELEASE, S(102));
	expect(GUARDIAN_END, S(110)); /* and nothing is fed any more */
}

/* The reboot that follows may hang. */
TEST(release_keeps_the_watchdog_of_a_slot_that_turned_bad)
{
	begin(300, 60, true);
	expect(GUARDIAN_FEED, S(100));
	event(GUARDIAN_NUDGED, S(101));
	expect(GUARDIAN_LOOK, S(101));
	done(GUARDIAN_CLOSED, S(102));
	expect(GUARDIAN_WAIT, S(102));
	expect(GUARDIAN_FEED, S(110));
	expect(GUARDIAN_FEED, S(1000)); /* the deadline is over with the attempt */
	expect(GUARDIAN_WAIT, S(1000));
	event(GUARDIAN_TOLD, S(1000));
	expect(GUARDIAN_FEED, S(1119));
	expect(GUARDIAN_WAIT, S(1119));
	expect(GUARDIAN_SYNC, S(1120));
	expect(GUARDIAN_WAIT, S(1130)); /* and is not fed any more */
}

TEST(release_at_the_deadline_looks_at_the_verdict)
{
	begin(300, 60, true);
	expect(GUARDIAN_FEED, S(400));
	expect(GUARDIAN_RECORD, S(400));
	done(GUARDIAN_CLOSED, S(401));
	expect(GUARDIAN_WAIT, S(401));
	begin(300, 60, true);
	expect(GUARDIAN_FEED, S(400));
	expect(GUARDIAN_RECORD, S(400));
	done(GUARDIAN_GOOD, S(401));
	expect(GUARDIAN_RELEASE, S(401));
	expect(GUARDIAN_END, S(401));
}

/* Somebody thought better of it; and again. */
TEST(release_of_a_bad_slot_waits_for_it_to_be_good)
{
	begin(300, 60, true);
	expect(GUARDIAN_FEED, S(100));
	event(GUARDIAN_NUDGED, S(101));
	expect(GUARDIAN_LOOK, S(101));
	done(GUARDIAN_CLOSED, S(102));
	event(GUARDIAN_NUDGED, S(103));
	expect(GUARDIAN_LOOK, S(103));
	done(GUARDIAN_FAILED, S(104));
	expect(GUARDIAN_WAIT, S(104));
	event(GUARDIAN_NUDGED, S(105));
	expect(GUARDIAN_LOOK, S(105));
	done(GUARDIAN_OPEN, S(106));
	expect(GUARDIAN_WAIT, S(106));
	event(GUARDIAN_NUDGED, S(107));
	expect(GUARDIAN_LOOK, S(107));
	done(GUARDIAN_GOOD, S(108));
	expect(GUARDIAN_RELEASE, S(108));
	expect(GUARDIAN_END, S(108));
}

TEST(release_of_a_trial_without_a_deadline_waits_for_the_verdict)
{
	const struct guardian_terms terms = { .trial = true, .watchdog_s = 60, .release = true };

	guardian_plan_start(&plan, &terms, S(100));
	for (unsigned i = 0; i < 1000; i++) {
		expect(GUARDIAN_FEED, S(100) + i * S(10));
		expect(GUARDIAN_WAIT, S(100) + i * S(10));
	}
	event(GUARDIAN_NUDGED, S(10091));
	expect(GUARDIAN_LOOK, S(10091));
	done(GUARDIAN_GOOD, S(10092));
	expect(GUARDIAN_RELEASE, S(10092));
	expect(GUARDIAN_END, S(10092));
}

TEST(short_watchdog_is_fed_in_time)
{
	begin(0, 1, false);
	expect(GUARDIAN_FEED, S(100));
	assert_int_equal(guardian_plan_wait_ms(&plan, S(100)), 250);
}

static void begin_to_prove(bool trial, uint32_t watchdog_s, bool release)
{
	const struct guardian_terms terms = {
		.trial = trial,
		.deadline_s = trial ? 300 : 0,
		.stable_s = 600,
		.shutdown_s = 120,
		.watchdog_s = watchdog_s,
		.release = release,
	};

	guardian_plan_start(&plan, &terms, S(100));
}

TEST(good_slot_proves_itself_after_its_time)
{
	begin_to_prove(false, 0, false);
	event(GUARDIAN_NUDGED, S(120)); /* it reported: of no concern */
	expect(GUARDIAN_WAIT, S(700) - 1);
	expect(GUARDIAN_PROVE, S(700));
	expect(GUARDIAN_WAIT, S(701));
	done(GUARDIAN_GOOD, S(702));
	expect(GUARDIAN_END, S(702));
}

TEST(good_slot_that_cannot_be_proven_is_tried_once)
{
	static const enum guardian_result results[] = { GUARDIAN_OPEN, GUARDIAN_CLOSED,
							GUARDIAN_FAILED };

	for (unsigned i = 0; i < 3; i++) {
		begin_to_prove(false, 0, false);
		expect(GUARDIAN_PROVE, S(700));
		done(results[i], S(702));
		expect(GUARDIAN_END, S(702));
	}
	begin_to_prove(false, 0, false);
	expect(GUARDIAN_PROVE, S(700));
	expect(GUARDIAN_KILL, S(720)); /* its disk stalls */
	expect(GUARDIAN_END, S(720));
}

TEST(keeper_feeds_while_the_slot_proves_itself_and_goes_on)
{
	begin_to_prove(false, 60, false);
	expect(GUARDIAN_FEED, S(100));
	expect(GUARDIAN_FEED, S(700));
	expect(GUARDIAN_PROVE, S(700));
	done(GUARDIAN_GOOD, S(701));
	expect(GUARDIAN_FEED, S(710));
	expect(GUARDIAN_WAIT, S(710));
	event(GUARDIAN_TOLD, S(711));
	expect(GUARDIAN_FEED, S(831));
	expect(GUARDIAN_SYNC, S(831));
}

TEST(trial_that_is_good_has_yet_to_prove_itself)
{
	begin_to_prove(true, 0, false);
	event(GUARDIAN_NUDGED, S(130));
	expect(GUARDIAN_LOOK, S(130));
	done(GUARDIAN_GOOD, S(131));
	expect(GUARDIAN_WAIT, S(131));
	expect(GUARDIAN_WAIT, S(400)); /* the deadline is over */
	expect(GUARDIAN_PROVE, S(700));
	done(GUARDIAN_GOOD, S(701));
	expect(GUARDIAN_END, S(701));
}

TEST(trial_that_turned_bad_has_nothing_to_prove)
{
	begin_to_prove(true, 0, false);
	event(GUARDIAN_NUDGED, S(130));
	expect(GUARDIAN_LOOK, S(130));
	done(GUARDIAN_CLOSED, S(131));
	expect(GUARDIAN_END, S(131));
}

TEST(release_does_not_wait_for_the_proof)
{
	begin_to_prove(true, 60, true);
	expect(GUARDIAN_FEED, S(100));
	event(GUARDIAN_NUDGED, S(101));
	expect(GUARDIAN_LOOK, S(101));
	done(GUARDIAN_GOOD, S(102));
	expect(GUARDIAN_RELEASE, S(102));
	expect(GUARDIAN_WAIT, S(699));
	expect(GUARDIAN_PROVE, S(700));
	done(GUARDIAN_GOOD, S(701));
	expect(GUARDIAN_END, S(701));
}

/* `mark clean` has noted what there is to note; without a watchdog there is nothing left to do. */
TEST(shutdown_before_the_proof_ends_the_guardian)
{
	begin_to_prove(false, 0, false);
	event(GUARDIAN_TOLD, S(200));
	expect(GUARDIAN_END, S(200));
	begin_to_prove(false, 60, false);
	event(GUARDIAN_TOLD, S(200));
	expect(GUARDIAN_FEED, S(320));
	expect(GUARDIAN_SYNC, S(320));
}

TEST_MAIN("guardian_plan", .set_up = start)
