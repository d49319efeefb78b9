/* SPDX-License-Identifier: Apache-2.0 */
/* The guardian's loop, with hands that only take notes; and its arguments. */

#include "initramfs/guardian/guardian.h"
#include "selector/state.h"
#include "tests/unit/test.h"

static struct fake {
	uint64_t now;
	char notes[512];
	enum guardian_result record; /* what that job finds */
	bool no_fork, looks;	     /* looks: a nudge comes at the first wait */
	bool has_words;		     /* which a note writes */
	enum guardian_step job;
	uint32_t watchdog_s; /* that it counts once a reboot was asked for */
	unsigned feeds;
} fake;

static void note(const char *what)
{
	strncat(fake.notes, what, sizeof(fake.notes) - strlen(fake.notes) - 1);
}

static uint64_t now_ms(void *ctx)
{
	return fake.now;
}

static enum guardian_event wait_event(void *ctx, uint32_t ms, enum guardian_result *result)
{
	if (fake.job != GUARDIAN_WAIT) {
		*result = fake.job == GUARDIAN_NOTE ? GUARDIAN_OPEN : fake.record;
		fake.job = GUARDIAN_WAIT;
		return GUARDIAN_DONE;
	}
	if (fake.looks) {
		fake.looks = false;
		return GUARDIAN_NUDGED;
	}
	assert_true(ms > 0); /* else the loop would be a busy one */
	fake.now += ms;
	return GUARDIAN_TIME;
}

static const char *const names[] = {
	[GUARDIAN_FEED] = "",
	[GUARDIAN_LOOK] = "look ",
	[GUARDIAN_RECORD] = "record ",
	[GUARDIAN_NOTE] = "note ",
	[GUARDIAN_PROVE] = "prove ",
	[GUARDIAN_RELEASE] = "release ",
	[GUARDIAN_KILL] = "",
	[GUARDIAN_SYNC] = "sync ",
	[GUARDIAN_READ_ONLY] = "read-only ",
	[GUARDIAN_REBOOT] = "reboot ",
	[GUARDIAN_RESET] = "reset",
	[GUARDIAN_END] = "end",
};

static bool job(void *ctx, enum guardian_step step)
{
	if (step == GUARDIAN_NOTE && !fake.has_words)
		return false;
	note(names[step]);
	fake.job = fake.no_fork ? GUARDIAN_WAIT : step;
	return !fake.no_fork;
}

static uint32_t orderly(void *ctx)
{
	note("orderly ");
	return fake.watchdog_s;
}

static jmp_buf reset;

static void act(void *ctx, enum guardian_step step)
{
	note(names[step]);
	fake.feeds += step == GUARDIAN_FEED;
	if (step == GUARDIAN_RESET)
		longjmp(reset, 1);
}

static const struct guardian_ops ops = {
	.now_ms = now_ms, .wait = wait_event, .job = job, .orderly = orderly, .act = act
};

static const char *guard(void)
{
	const struct guardian_setup s = { .attempt = { .slot = 1, .token = 3 },
					  .terms = { .trial = true, .deadline_s = 10 } };

	if (setjmp(reset) == 0)
		guardian_run(&s, &ops, NULL);
	return fake.notes;
}

static void set_up(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.record = GUARDIAN_RECORDED;
	log_set_level(LOG_LEVEL_ERR);
}

TEST(whole_way_to_the_reset)
{
	assert_string_equal(guard(), "record orderly sync read-only reboot reset");
	assert_in_range(fake.now, 41000, 42000);
}

/* Through the whole grace, and no longer. */
TEST(short_watchdog_is_fed_while_the_shutdown_goes_on)
{
	fake.watchdog_s = 8;
	assert_string_equal(guard(), "record orderly sync read-only reboot reset");
	assert_int_equal(fake.feeds, 15); /* each 2 s of 30 */
}

TEST(words_are_noted_before_the_verdict)
{
	fake.has_words = true;
	assert_string_equal(guard(), "note record orderly sync read-only reboot reset");
}

TEST(verdict_ends_it)
{
	fake.looks = true;
	fake.record = GUARDIAN_CLOSED;
	EQUAL((guard(), "look end"), (fake.now, 0));
}

TEST(no_more_processes_is_no_way_out)
{
	fake.no_fork = true;
	assert_string_equal(guard(), "record orderly sync read-only reboot reset");
}

static bool takes(const char *a, const char *b, const char *c, const char *d, const char *e)
{
	const char *argv[] = { "@keelboot-guardian",
			       a,
			       b,
			       a[0] == '-' ? "good" : "trial",
			       c,
			       "0",
			       "90",
			       d,
			       e,
			       "65",
			       NULL };
	struct guardian_setup s;

	return guardian_args(&s, 10, (char *const *)argv);
}

TEST(arguments_of_a_good_slot)
{
	const char *argv[] = { "@g", "a", "0", "good", "0", "600", "90", "0", "keep", "65", NULL };
	struct guardian_setup s;

	assert_true(guardian_args(&s, 10, (char *const *)argv));
	EQUAL((s.terms.stable_s, 600), (s.terms.trial, false));
	argv[1] = "-";
	assert_false(guardian_args(&s, 10, (char *const *)argv));
	argv[1] = "a";
	argv[5] = "0";
	assert_false(guardian_args(&s, 10, (char *const *)argv)); /* nothing to do */
	argv[5] = "600";
	argv[8] = "release";
	assert_false(guardian_args(&s, 10, (char *const *)argv)); /* it is good already */
}

TEST(arguments_where_no_slots_are)
{
	const char *argv[] = { "g",  "-",	"0",  "trial", "300",		"0", "90",
			       "60", "release", "65", "150",   "/bin/keelboot", NULL };
	struct guardian_setup s;

	assert_true(guardian_args(&s, 12, (char *const *)argv));
	EQUAL((s.program, "/bin/keelboot"), (s.terms.verdict_s, 150), (s.terms.trial, true));
	EQUAL((s.attempt.slot, STATE_NONE), (s.terms.deadline_s, 300));
	argv[4] = "0"; /* nothing was good before: there is no deadline, but a verdict to come */
	assert_true(guardian_args(&s, 12, (char *const *)argv));
	assert_false(guardian_args(&s, 11, (char *const *)argv));
	argv[11] = "keelboot";
	assert_false(guardian_args(&s, 12, (char *const *)argv));
	argv[11] = "/bin/keelboot";
	argv[10] = "soon";
	assert_false(guardian_args(&s, 12, (char *const *)argv));
	argv[10] = "150";
	argv[1] = "b";
	assert_false(guardian_args(&s, 12, (char *const *)argv));
	argv[1] = "-";
	argv[3] = "good";
	assert_false(guardian_args(&s, 12, (char *const *)argv)); /* nothing to release it for */
	argv[8] = "keep";
	assert_true(guardian_args(&s, 12, (char *const *)argv));
	argv[7] = "0";
	assert_false(guardian_args(&s, 12, (char *const *)argv)); /* nothing to do */
}

TEST(good_slot_is_proven_in_time)
{
	const struct guardian_setup s = { .attempt = { .slot = 1, .token = 3 },
					  .terms = { .stable_s = 600 } };

	fake.record = GUARDIAN_GOOD;
	guardian_run(&s, &ops, NULL);
	EQUAL((fake.notes, "prove end"), (fake.now, 600000));
}

TEST(arguments_are_checked)
{
	static const char *const no_levels[] = { "", "6", "655", "69", "25", "keep" };
	const char *argv[] = { "@g", "b",  "37",      "trial", "300", "0",
			       "90", "60", "release", "56",    NULL };
	struct guardian_setup s;

	assert_true(guardian_args(&s, 10, (char *const *)argv));
	EQUAL((s.attempt.slot, 1), (s.attempt.token, 37), (s.terms.deadline_s, 300));
	EQUAL((s.terms.shutdown_s, 90), (s.terms.watchdog_s, 60), (s.terms.release, true));
	EQUAL((s.terms.trial, true), (s.log, LOG_LEVEL_NOTICE), (s.show, LOG_LEVEL_INFO));
	assert_true(takes("-", "0", "0", "60", "keep"));
	assert_true(takes("a", "1", "10", "0", "keep"));
	assert_false(guardian_args(&s, 9, (char *const *)argv));
	assert_false(takes("-", "0", "0", "0", "keep"));
	assert_false(takes("-", "0", "0", "60", "release"));
	assert_false(takes("-", "5", "10", "0", "keep"));
	assert_false(takes("b", "0", "10", "0", "keep"));
	assert_true(takes("b", "5", "0", "60", "release")); /* nothing to fall back to */
	assert_true(takes("b", "0", "0", "60", "release")); /* not counted */
	assert_true(takes("b", "5", "0", "60", "keep"));
	assert_false(takes("b", "5", "0", "0", "keep"));
	assert_false(takes("ba", "5", "10", "0", "keep"));
	assert_false(takes("", "5", "10", "0", "keep"));
	assert_false(takes("z", "5", "10", "0", "keep"));
	assert_false(takes("b", "x", "10", "0", "keep"));
	assert_false(takes("b", "5", "100000", "0", "keep"));
	assert_false(takes("b", "5", "10", "-1", "keep"));
	for (unsigned i = 0; i < sizeof(no_levels) / sizeof(no_levels[0]); i++) {
		argv[9] = no_levels[i];
		assert_false(guardian_args(&s, 10, (char *const *)argv));
	}
}

TEST_MAIN("guardian", .set_up = set_up)
