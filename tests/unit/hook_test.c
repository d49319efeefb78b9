/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/os_sim_here.h"

#include "hooks/hook.h"
#include "tests/unit/test.h"

#define D HOOK_DIR "/post-mount.d"

static struct hook_env env;
static char reason[HOOK_REASON_MAX + 1];
static uint64_t idled, longest;

static void idle(void *ctx)
{
	if (os_now_ms() - idled > longest)
		longest = os_now_ms() - idled;
	idled = os_now_ms();
}

static void bare_machine(void)
{
	os_sim_reset();
	os_sim_log_level(LOG_LEVEL_INFO);
	idled = longest = 0;
	env = (struct hook_env){ .slot = "b",
				 .status = "trial",
				 .version = "2.0",
				 .device = "/dev/vda3",
				 .root = "/sysroot",
				 .idle = idle };
	snprintf(reason, sizeof(reason), "untouched");
}

static void add(const char *name, struct os_sim_child c)
{
	static char paths[64][128];
	static unsigned n;
	char *path = paths[n++ % 64];

	snprintf(path, sizeof(paths[0]), D "/%s", name);
	os_sim_exec(path);
	c.argv0 = path;
	os_sim_child(&c);
}

TEST(no_folder_and_no_hooks_are_fine)
{
	OK(hook_run_dir("post-mount", &env, 10, reason));
	os_sim_file(D "/README", "text\n");
	OK(hook_run_dir("post-mount", &env, 10, reason));
	EQUAL((reason, "untouched"), (os_sim_count("spawn"), 0));
}

TEST(a_stage_that_cannot_run_whole_fails)
{
	for (unsigned i = 0; i < HOOK_MAX; i++)
		add(strf("%02u", i), (struct os_sim_child){ 0 });
	OK(hook_run_dir("post-mount", &env, 10, reason));
	assert_int_equal(os_sim_count("spawn"), HOOK_MAX);
	add("99", (struct os_sim_child){ .status = 1 << 8 });
	FAILS(hook_run_dir("post-mount", &env, 10, reason), KB_ECHECK);
	EQUAL((reason, "hook post-mount: too many hooks"), (os_sim_count("spawn"), HOOK_MAX));
}

TEST(a_name_that_is_too_long_fails_the_stage)
{
	char name[64];

	memset(name, 'n', 63);
	name[HOOK_NAME_MAX] = '\0';
	add(name, (struct os_sim_child){ 0 });
	OK(hook_run_dir("post-mount", &env, 10, reason));
	name[HOOK_NAME_MAX] = 'n';
	name[HOOK_NAME_MAX + 1] = '\0';
	add(name, (struct os_sim_child){ .status = 1 << 8 });
	FAILS(hook_run_dir("post-mount", &env, 10, reason), KB_ECHECK);
	assert_non_null(strstr(reason, ": name too long"));
	assert_int_equal(os_sim_count("spawn"), 1);
}

TEST(they_run_in_the_order_of_their_names)
{
	add("20-second", (struct os_sim_child){ .duration_ms = 10 });
	add("10-first",
	    (struct os_sim_child){ .duration_ms = 10,
				   .say = { { 1, "all ", 0 }, { 2, "well\nbye", 0 } } });
	add(".hidden", (struct os_sim_child){ .status = 1 << 8 });
	add("backup~", (struct os_sim_child){ .status = 1 << 8 });
	OK(hook_run_dir("post-mount", &env, 10, reason));
	assert_string_equal(os_sim_trace(), "spawn " D "/10-first\n"
					    "# hook 10-first: all well\n"
					    "# hook 10-first: bye\n"
					    "spawn " D "/20-second\n");
	assert_string_equal(reason, "untouched");
}

TEST(the_first_failure_stops_the_stage)
{
	add("10-a", (struct os_sim_child){ .duration_ms = 1, .status = 3 << 8 });
	add("20-b", (struct os_sim_child){ .duration_ms = 1 });
	FAILS(hook_run_dir("post-mount", &env, 10, reason), KB_ECHECK);
	EQUAL((reason, "hook 10-a: exit 3"), (os_sim_count("spawn"), 1));
}

TEST(a_signal_and_a_program_that_does_not_start_are_failures)
{
	add("10-a", (struct os_sim_child){ .status = SIGSEGV });
	FAILS(hook_run_dir("post-mount", &env, 10, reason), KB_ECHECK);
	assert_string_equal(reason, "hook 10-a: signal 11");
	bare_machine();
	os_sim_exec(D "/10-b");
	FAILS(hook_run_dir("post-mount", &env, 10, reason), KB_ECHECK);
	assert_string_equal(reason, "hook 10-b: cannot be started");
}

TEST(one_that_hangs_is_killed_in_time_and_the_watchdog_fed)
{
	add("10-a", (struct os_sim_child){ .hangs = true, .say = { { 1, "waiting\n", 0 } } });
	FAILS(hook_run_dir("post-mount", &env, 10, reason), KB_ECHECK);
	assert_string_equal(reason, "hook 10-a: timed out");
	assert_in_range(os_sim_now(), 10000, 10100);
	assert_in_range(longest, 0, 1000);
	EQUAL((os_sim_count("kill " D "/10-a"), 1), (os_sim_count("# hook 10-a: waiting"), 1));
}

TEST(one_that_cannot_be_killed_is_left_behind)
{
	add("10-a", (struct os_sim_child){ .hangs = true, .stuck = true });
	FAILS(hook_run_dir("post-mount", &env, 2, reason), KB_ECHECK);
	assert_in_range(os_sim_now(), 3000, 3100);
	assert_string_equal(reason, "hook 10-a: timed out");
}

static enum kb_err fail_the_end(const char *call)
{
	return strcmp(call, "adopt_end") == 0 ? KB_ETIMEDOUT : KB_OK;
}

TEST(what_it_may_have_left_is_said)
{
	add("10-a", (struct os_sim_child){ .duration_ms = 10 });
	os_sim_on_call(fail_the_end);
	OK(hook_run_dir("post-mount", &env, 2, reason));
	os_sim_on_call(NULL);
	assert_int_equal(os_sim_count("# hook 10-a: what it has started may be left running"), 1);
}

TEST(a_flood_of_output_is_cut)
{
	static char flood[40000];

	for (unsigned i = 0; i < sizeof(flood) - 1; i++)
		flood[i] = i % 8 == 7 ? '\n' : 'x';
	add("10-a", (struct os_sim_child){ .duration_ms = 10, .say = { { 1, flood, 0 } } });
	OK(hook_run_dir("post-mount", &env, 10, reason));
	assert_int_equal(os_sim_count("# hook 10-a: xxxxxxx"), 200);
	assert_int_equal(os_sim_count("# hook 10-a: more than"), 1);
}

TEST(a_long_line_is_split)
{
	static char line[500];

	memset(line, 'x', sizeof(line) - 1);
	add("10-a", (struct os_sim_child){ .duration_ms = 10, .say = { { 1, line, 0 } } });
	OK(hook_run_dir("post-mount", &env, 10, reason));
	assert_int_equal(os_sim_count("# hook 10-a: xxx"), 3);
}

TEST(last_line_of_the_one_that_fails_is_kept)
{
	char said[HOOK_SAID_MAX + 1] = "untouched";

	env.said = said;
	add("10-a", (struct os_sim_child){ .say = { { 0, "fine\n", 0 } } });
	OK(hook_run_dir("post-mount", &env, 10, reason));
	assert_string_equal(said, "untouched");
	add("20-b", (struct os_sim_child){ .status = 1 << 8,
					   .say = { { 0, "first\nno \x1b[1mlicence\n\n", 0 } } });
	FAILS(hook_run_dir("post-mount", &env, 10, reason), KB_ECHECK);
	assert_string_equal(said, "no ?[1mlicence");
}

TEST(last_lines_of_the_one_that_fails_are_kept_and_of_no_other)
{
	struct tail tail = { .len = 0 };

	env.tail = &tail;
	add("10-a", (struct os_sim_child){ .say = { { 0, "fine\n", 0 } } });
	OK(hook_run_dir("post-mount", &env, 10, reason));
	assert_int_equal(tail.len, 0);
	add("20-b",
	    (struct os_sim_child){ .status = 1 << 8, .say = { { 0, "first\nno licence\n", 0 } } });
	FAILS(hook_run_dir("post-mount", &env, 10, reason), KB_ECHECK);
	assert_int_equal(tail.len, strlen("first\nno licence\n"));
	assert_memory_equal(tail.text, "first\nno licence\n", tail.len);
}

TEST(a_long_name_is_cut_so_that_the_cause_is_read)
{
	add("10-a-name-that-is-much-longer-than-anybody-should-choose",
	    (struct os_sim_child){ .status = 1 << 8 });
	FAILS(hook_run_dir("post-mount", &env, 10, reason), KB_ECHECK);
	assert_int_equal(strlen(reason), HOOK_REASON_MAX);
	assert_non_null(strstr(reason, ": exit 1"));
}

TEST_MAIN("hook", .set_up = bare_machine)
