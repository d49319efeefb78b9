/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the guardian does what. A session is played second by second: play("400 record, 401 recorded
 * orderly") means that it must record at 400 s, hears at 401 s that it is recorded, and must then
 * ask for an orderly reboot.
 */

#include "initramfs/guardian/guardian_plan.h"
#include "tests/unit/test.h"

#define S(seconds) ((uint64_t)(seconds)*1000)

static struct guardian_plan plan;

/* Without looks at the kernel's log, which have cases of their own. */
static void begin_unheard(const struct guardian_terms *terms)
{
	guardian_plan_start(&plan, terms, S(100));
	plan.note_at = UINT64_MAX;
}

static void begin(uint32_t deadline_s, uint32_t watchdog_s, bool release)
{
	const struct guardian_terms terms = {
		.trial = deadline_s != 0,
		.deadline_s = deadline_s,
		.shutdown_s = 120,
		.watchdog_s = watchdog_s,
		.release = release,
	};

	begin_unheard(&terms);
}

static void start(void)
{
	begin(300, 0, false);
}

static void expect(enum guardian_step step, uint64_t at)
{
	assert_int_equal(guardian_plan_next(&plan, at), step);
}

enum kind { STEP, EVENT, RESULT };

static const struct word {
	const char *name;
	enum kind kind;
	int value;
} words[] = {
	/* what it must do next */
	{ "wait", STEP, GUARDIAN_WAIT },
	{ "look", STEP, GUARDIAN_LOOK },
	{ "record", STEP, GUARDIAN_RECORD },
	{ "note", STEP, GUARDIAN_NOTE },
	{ "orderly", STEP, GUARDIAN_ORDERLY },
	{ "sync", STEP, GUARDIAN_SYNC },
	{ "read-only", STEP, GUARDIAN_READ_ONLY },
	{ "reboot", STEP, GUARDIAN_REBOOT },
	{ "reset", STEP, GUARDIAN_RESET },
	{ "kill", STEP, GUARDIAN_KILL },
	{ "feed", STEP, GUARDIAN_FEED },
	{ "prove", STEP, GUARDIAN_PROVE },
	{ "release", STEP, GUARDIAN_RELEASE },
	{ "end", STEP, GUARDIAN_END },
	/* what it hears */
	{ "nudged", EVENT, GUARDIAN_NUDGED },
	{ "told", EVENT, GUARDIAN_TOLD },
	{ "asked", EVENT, GUARDIAN_ASKED },
	/* how its job ended */
	{ "recorded", RESULT, GUARDIAN_RECORDED },
	{ "failed", RESULT, GUARDIAN_FAILED },
	{ "closed", RESULT, GUARDIAN_CLOSED },
	{ "good", RESULT, GUARDIAN_GOOD },
	{ "clean", RESULT, GUARDIAN_CLEAN },
	{ "open", RESULT, GUARDIAN_OPEN },
};

static bool happens(const char *name, uint64_t at)
{
	const struct word *w = words;

	while (strcmp(w->name, name) != 0)
		if (++w == words + sizeof(words) / sizeof(words[0]))
			fail_msg("no such word: %s", name);
	if (w->kind == STEP)
		return guardian_plan_next(&plan, at) == (enum guardian_step)w->value;
	if (w->kind == EVENT)
		guardian_plan_event(&plan, (enum guardian_event)w->value, GUARDIAN_FAILED, at);
	else
		guardian_plan_event(&plan, GUARDIAN_DONE, (enum guardian_result)w->value, at);
	return true;
}

static void play(const char *session)
{
	char text[128];
	uint64_t at = 0;

	snprintf(text, sizeof(text), "%s", session);
	for (char *word = strtok(text, ", "); word != NULL; word = strtok(NULL, ", "))
		if (strchr("123456789", word[0]) != NULL)
			at = (uint64_t)(strtod(word, NULL) * 1000 + 0.5);
		else if (!happens(word, at))
			fail_msg("%s: no %s at %u ms", session, word, (unsigned)at);
}

TEST(nothing_is_due_before_the_deadline)
{
	play("100 wait");
	assert_int_equal(guardian_plan_wait_ms(&plan, S(100)), 60000);
	assert_int_equal(guardian_plan_wait_ms(&plan, S(399)), 1000);
	play("399.999 wait, 400 record wait");
}

TEST(recorded_slot_is_left_in_order_then_by_force)
{
	play("400 record, 401 recorded orderly");
	assert_true(plan.recorded);
	play("401 wait");
	assert_int_equal(guardian_plan_wait_ms(&plan, S(401)), S(30));
	play("431 sync, 432 failed read-only wait");
	play("433 reboot failed reset, 434 wait, 443 reset");
	play("453 reset");
}

static void counts(uint32_t watchdog_s, uint64_t now)
{
	begin(300, 60, false);
	play("400 feed record, 401 recorded orderly");
	guardian_plan_counts(&plan, watchdog_s, now);
}

/* bcm2835 has 15 s: unfed it would end a good shutdown, and a forced one would have no time. */
TEST(watchdog_that_is_shorter_than_the_grace_is_fed_until_its_end)
{
	uint64_t now;

	counts(13, S(401));
	play("404 wait");
	for (now = S(401) + 3250; now < S(431); now += 3250) {
		assert_int_equal(guardian_plan_wait_ms(&plan, now - 1), 1);
		expect(GUARDIAN_FEED, now);
		expect(GUARDIAN_WAIT, now);
	}
	play("431 sync"); /* and now it counts */
	play("450 wait");
	assert_int_equal(plan.feed_at, UINT64_MAX);
}

TEST(watchdog_that_covers_the_grace_is_not_fed)
{
	static const uint32_t long_enough[] = { 0, 60, 64, 300 };

	for (unsigned i = 0; i < 4; i++) {
		counts(long_enough[i], S(401));
		play("401 wait, 430.999 wait, 431 sync");
	}
}

/* The answer of a step that is over changes nothing. */
TEST(forced_reboot_is_never_fed)
{
	counts(60, S(401));
	play("431 sync");
	guardian_plan_counts(&plan, 15, S(431));
	play("450 wait");
}

TEST(every_job_has_a_limit)
{
	play("400 record, 419.999 wait, 420 kill orderly");
	assert_false(plan.recorded);
	play("450 sync, 470 kill read-only, 471 reboot");
	play("491 kill reset, 492 recorded"); /* of a job that was killed: too late */
	play("492 wait");
}

/* Where a command has the last word; what follows has the limit of all others. */
TEST(verdict_may_have_a_limit_of_its_own)
{
	const struct guardian_terms terms = {
		.trial = true, .deadline_s = 300, .shutdown_s = 120, .verdict_s = 150
	};

	guardian_plan_start(&plan, &terms, S(100));
	plan.note_at = UINT64_MAX;
	play("200 nudged look, 349 wait, 350 kill, 400 record, 549 wait, 550 kill orderly, "
	     "580 sync, 599 wait, 600 kill read-only");
}

TEST(verdict_ends_the_guardian)
{
	play("150 nudged look, 151 closed end");
	start();
	play("150 nudged look, 151 good end");
}

TEST(bad_verdict_restarts_the_machine_if_that_was_asked_for)
{
	play("150 asked note, 151 open wait, 152 nudged look, 153 closed orderly, 182 wait, 183 sync");
	start();
	play("150 asked nudged note open look, 151 good end");
	start();
	play("150 asked, 151 told, 152 nudged look, 153 closed orderly");
	start();
	play("399 asked note open, 400 record, 401 closed orderly");
	assert_true(plan.asked);
	start();
	play("399 asked note open, 400 record, 401 recorded orderly");
	assert_true(plan.recorded && !plan.asked);
}

TEST(kernel_log_of_a_trial_is_looked_at_until_its_verdict)
{
	plan.note_at = S(105);
	play("104 wait");
	assert_int_equal(guardian_plan_wait_ms(&plan, S(104)), S(1));
	play("105 note wait, 106 open wait, 109 wait, 110 note failed wait");
	play("115 nudged note, 116 open look, 117 good end");
}

TEST(look_at_the_kernel_log_that_hangs_is_ended_before_the_verdict)
{
	plan.note_at = S(399);
	play("399 note, 400 wait, 419 kill record, 420 recorded orderly wait, 449 wait, 450 sync");
}

TEST(kernel_log_of_a_shutdown_is_not_looked_at)
{
	plan.note_at = S(105);
	play("104 told, 106 wait");
	assert_true(guardian_plan_wait_ms(&plan, S(106)) > S(30));
}

TEST(kernel_log_is_looked_at_before_a_verdict_that_was_announced)
{
	plan.note_at = S(105);
	play("101 asked nudged note, 102 closed orderly");
}

TEST(a_good_slot_is_not_listened_to)
{
	const struct guardian_terms terms = { .stable_s = 600, .shutdown_s = 120 };

	guardian_plan_start(&plan, &terms, S(100));
	play("106 wait, 699 wait, 700 prove");
}

TEST(keeper_stops_feeding_when_it_restarts_the_machine)
{
	begin(300, 60, false);
	play("150 asked nudged feed note open look, 151 closed orderly, 181 sync");
}

TEST(verdict_at_the_deadline_ends_the_guardian)
{
	play("400 record, 401 closed end");
}

TEST(nudge_without_a_verdict_changes_nothing)
{
	play("150 nudged nudged look, 151 nudged"); /* during the look: it may have come too early
						     */
	play("151 wait, 152 open look, 153 failed wait, 400 record");
}

TEST(look_that_hangs_does_not_move_the_deadline)
{
	play("399 nudged look, 401 wait, 419 kill record");
}

TEST(announced_shutdown_is_never_recorded)
{
	play("399 told, 500 wait, 518.999 wait, 519 sync"); /* but it must not hang */
	assert_false(plan.recorded);
}

TEST(shutdown_seen_at_the_deadline_is_not_recorded)
{
	play("400 record clean, 500 wait, 520 sync");
}

TEST(shutdown_has_the_grace_at_least)
{
	guardian_plan_start(
		&plan,
		&(struct guardian_terms){ .trial = true, .deadline_s = 300, .shutdown_s = 5 },
		S(100));
	play("105 told, 134.999 wait, 135 sync");
}

TEST(verdict_after_an_announcement_ends_the_guardian)
{
	play("150 told, 151 nudged look clean"); /* nothing new: the limit stands */
	play("152 nudged look closed end");
}

TEST(verdict_after_an_announcement_leaves_the_keeper)
{
	begin(300, 60, false);
	play("150 told, 151 nudged feed look, 152 closed, 600 feed"); /* far behind both limits */
	play("600 wait, 601 told");				      /* this time it is true */
	play("720 feed, 721 sync");
}

TEST(verdict_in_the_last_moment_ends_an_announced_shutdown)
{
	play("400 record told, 401 closed end");
}

TEST(look_that_hangs_does_not_move_the_limit_of_a_shutdown)
{
	play("150 told, 269 nudged look, 289 kill sync");
}

TEST(keeper_of_a_good_slot_has_nothing_to_look_for)
{
	begin(0, 60, false);
	play("100 told, 101 nudged feed wait");
}

TEST(own_shutdown_is_no_news)
{
	play("400 record recorded orderly, 401 told"); /* init sends everybody SIGTERM */
	play("430 sync");
}

TEST(record_that_won_against_an_announcement_stands)
{
	play("400 record told, 401 recorded");
	assert_true(plan.recorded);
	play("401 orderly");
	start();
	play("400 record told, 401 clean, 519 wait, 520 sync");
}

TEST(keeper_feeds_for_ever)
{
	begin(0, 20, false);
	for (unsigned i = 0; i < 1000; i++) {
		expect(GUARDIAN_FEED, S(100) + i * S(5));
		expect(GUARDIAN_WAIT, S(100) + i * S(5));
		assert_int_equal(guardian_plan_wait_ms(&plan, S(100) + i * S(5)), S(5));
	}
	play("9000 nudged feed wait");
}

TEST(keeper_goes_on_after_the_verdict)
{
	begin(300, 60, false);
	play("100 feed, 101 nudged look, 110 feed"); /* also while a disk stalls */
	play("111 good wait, 112 nudged"); /* nothing that it could hear changes anything */
	play("112 wait, 400 feed wait");
}

TEST(nobody_is_fed_once_the_reboot_has_begun)
{
	begin(300, 60, false);
	play("400 feed record, 410 feed, 411 recorded orderly");
	play("440 wait, 441 sync, 450 wait");
}

TEST(keeper_feeds_a_shutdown_up_to_its_limit)
{
	begin(0, 60, false);
	play("100 told feed, 190 feed"); /* systemd allows a service 90 s to stop */
	play("219 feed, 220 sync, 235 wait");
}

TEST(release_ends_once_the_slot_is_good)
{
	begin(300, 60, true);
	play("100 feed, 101 nudged look, 102 good release, 110 end"); /* and nothing is fed any more
								       */
}

/* The reboot that follows may hang. */
TEST(release_keeps_the_watchdog_of_a_slot_that_turned_bad)
{
	begin(300, 60, true);
	play("100 feed, 101 nudged look, 102 closed wait, 110 feed");
	play("1000 feed"); /* the deadline is over with the attempt */
	play("1000 wait told, 1119 feed wait, 1120 sync, 1130 wait"); /* and is not fed any more */
}

TEST(release_at_the_deadline_looks_at_the_verdict)
{
	begin(300, 60, true);
	play("400 feed record, 401 closed wait");
	begin(300, 60, true);
	play("400 feed record, 401 good release end");
}

/* Somebody thought better of it; and again. */
TEST(release_of_a_bad_slot_waits_for_it_to_be_good)
{
	begin(300, 60, true);
	play("100 feed, 101 nudged look, 102 closed, 103 nudged look");
	play("104 failed wait, 105 nudged look, 106 open wait");
	play("107 nudged look, 108 good release end");
}

TEST(release_of_a_trial_without_a_deadline_waits_for_the_verdict)
{
	const struct guardian_terms terms = { .trial = true, .watchdog_s = 60, .release = true };

	begin_unheard(&terms);
	for (unsigned i = 0; i < 1000; i++) {
		expect(GUARDIAN_FEED, S(100) + i * S(10));
		expect(GUARDIAN_WAIT, S(100) + i * S(10));
	}
	play("10091 nudged look, 10092 good release end");
}

TEST(short_watchdog_is_fed_in_time)
{
	begin(0, 1, false);
	play("100 feed");
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

	begin_unheard(&terms);
}

TEST(good_slot_proves_itself_after_its_time)
{
	begin_to_prove(false, 0, false);
	play("120 nudged"); /* it reported: of no concern */
	play("699.999 wait, 700 prove, 701 wait, 702 good end");
}

TEST(good_slot_that_nothing_proves_is_tried_once)
{
	begin_to_prove(false, 0, false);
	play("700 prove, 702 open end");
	begin_to_prove(false, 0, false);
	play("700 prove, 702 closed end");
}

/* Else a plug that is pulled days later would count against it. */
TEST(proof_that_cannot_be_written_is_tried_again_a_minute_later_five_times)
{
	begin_to_prove(false, 0, false);
	play("700 prove, 702 failed wait, 761 wait, 762 prove, 763 good end");
	begin_to_prove(false, 60, false);
	play("700 feed prove, 720 feed kill, 730 feed wait"); /* its disk stalls */
	play("780 feed prove, 781 failed wait, 790 told, 910 feed sync");
	begin_to_prove(false, 0, false);
	play("700 prove, 701 failed wait, 761 prove, 762 failed wait, 822 prove, 823 failed wait");
	play("883 prove, 884 failed wait, 944 prove, 945 failed end");
}

TEST(keeper_feeds_while_the_slot_proves_itself_and_goes_on)
{
	begin_to_prove(false, 60, false);
	play("100 feed, 700 feed prove, 701 good, 710 feed wait");
	play("711 told, 831 feed sync");
}

TEST(trial_that_is_good_has_yet_to_prove_itself)
{
	begin_to_prove(true, 0, false);
	play("130 nudged look, 131 good wait, 400 wait"); /* the deadline is over */
	play("700 prove, 701 good end");
}

TEST(trial_that_turned_bad_has_nothing_to_prove)
{
	begin_to_prove(true, 0, false);
	play("130 nudged look, 131 closed end");
}

TEST(release_does_not_wait_for_the_proof)
{
	begin_to_prove(true, 60, true);
	play("100 feed, 101 nudged look, 102 good release, 699 wait");
	play("700 prove, 701 good end");
}

/* `mark clean` has noted what there is to note; without a watchdog there is nothing left to do. */
TEST(shutdown_before_the_proof_ends_the_guardian)
{
	begin_to_prove(false, 0, false);
	play("200 told end");
	begin_to_prove(false, 60, false);
	play("200 told, 320 feed sync");
}

TEST_MAIN("guardian_plan", .set_up = start)
