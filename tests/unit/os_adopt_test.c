/* SPDX-License-Identifier: Apache-2.0 */
/* What a program leaves behind is ended, in whatever session; on the real kernel. */
#include "lib/os_adopt.h"

#include "lib/os.h"
#include "tests/unit/child.h"

/* Runs a line of shell to its end; what it prints is in text. */
static void run(const char *line, char *text, size_t size)
{
	const char *const argv[] = { "sh", "-c", line, NULL };
	struct os_spawn sp = { .path = "/bin/sh", .argv = argv };
	size_t len;
	int fd, status;
	bool ready;
	pid_t pid;

	fd = spawn_with_pipe(&sp, &pid);
	OK(os_wait(pid, TEST_LONG_MS, &status));
	OK(os_poll(&fd, &ready, 1, TEST_LONG_MS));
	OK(os_read(fd, text, size - 1, &len));
	text[len] = '\0';
	os_close(&fd);
}

static bool runs(const char *number)
{
	pid_t pid = (pid_t)strtol(number, NULL, 10);

	assert_true(pid > 1);
	return kill(pid, 0) == 0;
}

TEST(what_left_its_session_is_ended)
{
	struct os_adopt others;
	char number[32];

	os_adopt_begin(&others);
	run("setsid sleep 1000 & echo $! >&3", number, sizeof(number));
	assert_true(runs(number));
	OK(os_adopt_end(&others, NULL, NULL));
	assert_false(runs(number));
}

TEST(what_one_of_them_leaves_is_ended_too)
{
	struct os_adopt others;
	char number[32];

	os_adopt_begin(&others);
	run("setsid sh -c 'setsid sleep 1000 & echo $! >&3; sleep 1000' &", number, sizeof(number));
	assert_true(runs(number));
	OK(os_adopt_end(&others, NULL, NULL));
	assert_false(runs(number));
}

TEST(a_child_of_before_is_left_alone)
{
	const char *const argv[] = { "sleep", "1000", NULL };
	struct os_spawn sp = { .path = "/bin/sleep", .argv = argv, .fd3 = -1 };
	struct os_adopt others;
	char number[32];
	pid_t before;

	OK(os_spawn(&sp, &before));
	os_adopt_begin(&others);
	run("setsid sleep 1000 & echo $! >&3", number, sizeof(number));
	OK(os_adopt_end(&others, NULL, NULL));
	assert_false(runs(number));
	assert_int_equal(kill(before, 0), 0);
	OK(os_kill(before));
}

TEST(a_child_that_is_left_stays)
{
	const char *const argv[] = { "sleep", "1000", NULL };
	struct os_spawn sp = { .path = "/bin/sleep", .argv = argv, .fd3 = -1 };
	struct os_adopt others;
	pid_t pid;

	os_adopt_begin(&others);
	OK(os_spawn(&sp, &pid));
	os_adopt_leave(&others, pid);
	OK(os_adopt_end(&others, NULL, NULL));
	assert_int_equal(kill(pid, 0), 0);
	OK(os_kill(pid));
}

static unsigned idled;

static void idle(void *ctx)
{
	(void)ctx;
	idled++;
}

/* Each dies and is followed by another, for longer than anybody waits. False: it took too long. */
static bool ends_what_forks(void)
{
	struct os_adopt others;
	char number[32];
	uint64_t start;
	enum kb_err err;

	os_adopt_begin(&others);
	run("setsid sh -c 'n=0; echo $$ >&3; while [ $n -lt 400 ]; do setsid sleep 1000 & n=$((n + 1)); done' &",
	    number, sizeof(number));
	start = os_now_ms();
	err = os_adopt_end(&others, idle, NULL);
	assert_true(idled > 0);
	if (err == KB_ETIMEDOUT || os_now_ms() - start > 5500)
		return false;
	OK(err);
	assert_false(runs(number));
	return true;
}

/* A busy machine may need more than one try. */
TEST(what_forks_without_a_pause_ends_in_time)
{
	unsigned tries = 1;

	while (!ends_what_forks() && tries < 10)
		tries++;
	assert_true(tries < 10);
}

TEST_MAIN("os_adopt")
