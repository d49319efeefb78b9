/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status/status_trial.h"

#include "lib/capture.h"
#include "lib/os.h"
#include "tests/unit/test.h"

static const char *jobs(const char *text)
{
	static char out[400];

	status_trial_jobs(text, out, sizeof(out));
	return out;
}

TEST(only_what_is_being_started_at_this_moment_is_named)
{
	assert_string_equal(jobs("  1 multi-user.target start waiting\n"
				 " 93 app.service       start running\n"
				 " 94 old.service       stop  running\n"
				 " 95 keelboot-check.service start running\n"
				 " 96 dev-sdb.device    start running"),
			    "app.service, dev-sdb.device");
}

TEST(nothing_is_started)
{
	EQUAL((jobs(""), ""), (jobs("No jobs running.\n"), ""), (jobs("\n\n"), ""));
}

TEST(more_than_a_line_holds_are_counted)
{
	assert_string_equal(jobs("1 a.service start running\n2 b.service start running\n"
				 "3 c.service start running\n4 d.service start running\n"
				 "5 e.service start running\n"),
			    "a.service, b.service, c.service and 2 more");
}

TEST(what_is_no_unit_is_left_out)
{
	char line[400];

	snprintf(line, sizeof(line), "1 %0300d.service start running\n2 a.service start running",
		 0);
	assert_string_equal(jobs(line), "a.service");
	assert_string_equal(jobs("1 a\x1b[2J.service start running"), "");
	assert_string_equal(jobs("x a.service start running"), "");
}

TEST(names_that_do_not_fit_end_where_there_is_no_more_room)
{
	char out[12];

	status_trial_jobs("1 a.service start running\n2 b.service start running", out, sizeof(out));
	assert_string_equal(out, "a.service, ");
	status_trial_jobs("1 a.service start running\n2 b.service start running", out, 5);
	assert_string_equal(out, "a.se");
}

/* ---------------------------------------------------------------- what a program prints */

static enum kb_err run(const char *script, unsigned ms, char *text, size_t size)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };

	return capture_run(argv, ms, text, size);
}

TEST(both_outputs_are_kept)
{
	char text[64];

	assert_int_equal(run("echo one; echo two >&2", TEST_LONG_MS, text, sizeof(text)), KB_OK);
	assert_string_equal(text, "one\ntwo\n");
}

TEST(a_flood_is_drained_and_its_beginning_kept)
{
	char text[8];

	assert_int_equal(run("seq 1 100000", TEST_LONG_MS, text, sizeof(text)), KB_OK);
	assert_string_equal(text, "1\n2\n3\n4");
}

TEST(a_failure_is_told_with_what_was_said)
{
	char text[64];

	assert_int_equal(run("echo no; exit 3", TEST_LONG_MS, text, sizeof(text)), KB_EIO);
	assert_string_equal(text, "no\n");
	assert_int_equal(run("kill -9 $$", TEST_LONG_MS, text, sizeof(text)), KB_EIO);
	assert_int_equal(capture_run((const char *const[]){ "/nonexistent", NULL }, TEST_LONG_MS,
				     text, sizeof(text)),
			 KB_EEXEC);
}

/* Was it said in time, and did it end in time? A busy machine may need more time for both. */
static bool is_in_time(const char *script, enum kb_err want, const char *said, unsigned ms)
{
	char text[64];
	uint64_t began = os_now_ms(), took;
	enum kb_err err = run(script, ms, text, sizeof(text));

	took = os_now_ms() - began;
	assert_true(took >= ms - 100);
	return err == want && strcmp(text, said) == 0 && took < ms + 2000;
}

static void assert_in_time(const char *script, enum kb_err want, const char *said)
{
	unsigned ms = 500;

	while (!is_in_time(script, want, said, ms)) {
		assert_true(ms < 20000);
		ms *= 2;
	}
}

TEST(what_hangs_is_killed_in_time)
{
	assert_in_time("echo it hangs; trap '' TERM; while :; do sleep 1; done", KB_ETIMEDOUT,
		       "it hangs\n");
}

/* A child of its own that keeps the outputs open. */
TEST(what_leaves_somebody_behind_is_not_waited_for_longer)
{
	assert_in_time("echo ended; sleep 60 & exit 0", KB_OK, "ended\n");
}

TEST_MAIN("status_trial", .quiet = true)
