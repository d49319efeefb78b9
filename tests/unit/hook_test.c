/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/os_sim_here.h"

#include "hooks/hook.h"
#include "lib/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <cmocka.h>

#define D HOOK_DIR "/post-mount.d"

static struct hook_env env;
static char reason[HOOK_REASON_MAX + 1];
static uint64_t idled, longest;

static void idle(void *ctx)
{
	(void)ctx;
	if (os_now_ms() - idled > longest)
		longest = os_now_ms() - idled;
	idled = os_now_ms();
}

static int bare_machine(void **state)
{
	(void)state;
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
	return 0;
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

static void no_folder_and_no_hooks_are_fine(void **state)
{
	(void)state;
	assert_int_equal(hook_run_dir("post-mount", &env, 10, reason), KB_OK);
	os_sim_file(D "/README", "text\n");
	assert_int_equal(hook_run_dir("post-mount", &env, 10, reason), KB_OK);
	assert_string_equal(reason, "untouched");
	assert_int_equal(os_sim_count("spawn"), 0);
}

static void a_stage_that_cannot_run_whole_fails(void **state)
{
	char name[80];

	(void)state;
	for (unsigned i = 0; i < HOOK_MAX; i++) {
		snprintf(name, sizeof(name), "%02u", i);
		add(name, (struct os_sim_child){ 0 });
	}
	assert_int_equal(hook_run_dir("post-mount", &env, 10, reason), KB_OK);
	assert_int_equal(os_sim_count("spawn"), HOOK_MAX);
	add("99", (struct os_sim_child){ .status = 1 << 8 });
	assert_int_equal(hook_run_dir("post-mount", &env, 10, reason), KB_ECHECK);
	assert_string_equal(reason, "hook post-mount: too many hooks");
	assert_int_equal(os_sim_count("spawn"), HOOK_MAX);
}

static void a_name_that_is_too_long_fails_the_stage(void **state)
{
	char name[64];

	(void)state;
	memset(name, 'n', 63);
	name[HOOK_NAME_MAX] = '\0';
	add(name, (struct os_sim_child){ 0 });
	assert_int_equal(hook_run_dir("post-mount", &env, 10, reason), KB_OK);
	name[HOOK_NAME_MAX] = 'n';
	name[HOOK_NAME_MAX + 1] = '\0';
	add(name, (struct os_sim_child){ .status = 1 << 8 });
	assert_int_equal(hook_run_dir("post-mount", &env, 10, reason), KB_ECHECK);
	assert_non_null(strstr(reason, ": name too long"));
	assert_int_equal(os_sim_count("spawn"), 1);
}

static void they_run_in_the_order_of_their_names(void **state)
{
	(void)state;
	add("20-second", (struct os_sim_child){ .duration_ms = 10 });
	add("10-first",
	    (struct os_sim_child){ .duration_ms = 10,
				   .say = { { 1, "all ", 0 }, { 2, "well\nbye", 0 } } });
	add(".hidden", (struct os_sim_child){ .status = 1 << 8 });
	add("backup~", (struct os_sim_child){ .status = 1 << 8 });
	assert_int_equal(hook_run_dir("post-mount", &env, 10, reason), KB_OK);
	assert_string_equal(os_sim_trace(), "spawn " D "/10-first\n"
					    "# hook 10-first: all well\n"
					    "# hook 10-first: bye\n"
					    "spawn " D "/20-second\n");
	assert_string_equal(reason, "untouched");
}

static void the_first_failure_stops_the_stage(void **state)
{
	(void)state;
	add("10-a", (struct os_sim_child){ .duration_ms = 1, .status = 3 << 8 });
	add("20-b", (struct os_sim_child){ .duration_ms = 1 });
	assert_int_equal(hook_run_dir("post-mount", &env, 10, reason), KB_ECHECK);
	assert_string_equal(reason, "hook 10-a: exit 3");
	assert_int_equal(os_sim_count("spawn"), 1);
}

static void a_signal_and_a_program_that_does_not_start_are_failures(void **state)
{
	(void)state;
	add("10-a", (struct os_sim_child){ .status = SIGSEGV });
	assert_int_equal(hook_run_dir("post-mount", &env, 10, reason), KB_ECHECK);
	assert_string_equal(reason, "hook 10-a: signal 11");
	bare_machine(state);
	os_sim_exec(D "/10-b");
	assert_int_equal(hook_run_dir("post-mount", &env, 10, reason), KB_ECHECK);
	assert_string_equal(reason, "hook 10-b: cannot be started");
}

static void one_that_hangs_is_killed_in_time_and_the_watchdog_fed(void **state)
{
	(void)state;
	add("10-a", (struct os_sim_child){ .hangs = true, .say = { { 1, "waiting\n", 0 } } });
	assert_int_equal(hook_run_dir("post-mount", &env, 10, reason), KB_ECHECK);
	assert_string_equal(reason, "hook 10-a: timed out");
	assert_in_range(os_sim_now(), 10000, 10100);
	assert_in_range(longest, 0, 1000);
	assert_int_equal(os_sim_count("kill " D "/10-a"), 1);
	assert_int_equal(os_sim_count("# hook 10-a: waiting"), 1);
}

static void one_that_cannot_be_killed_is_left_behind(void **state)
{
	(void)state;
	add("10-a", (struct os_sim_child){ .hangs = true, .stuck = true });
	assert_int_equal(hook_run_dir("post-mount", &env, 2, reason), KB_ECHECK);
	assert_in_range(os_sim_now(), 3000, 3100);
	assert_string_equal(reason, "hook 10-a: timed out");
}

static void a_flood_of_output_is_cut(void **state)
{
	static char flood[40000];

	(void)state;
	for (unsigned i = 0; i < sizeof(flood) - 1; i++)
		flood[i] = i % 8 == 7 ? '\n' : 'x';
	add("10-a", (struct os_sim_child){ .duration_ms = 10, .say = { { 1, flood, 0 } } });
	assert_int_equal(hook_run_dir("post-mount", &env, 10, reason), KB_OK);
	assert_int_equal(os_sim_count("# hook 10-a: xxxxxxx"), 200);
	assert_int_equal(os_sim_count("# hook 10-a: prints more than"), 1);
}

static void a_long_line_is_split(void **state)
{
	static char line[500];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	add("10-a", (struct os_sim_child){ .duration_ms = 10, .say = { { 1, line, 0 } } });
	assert_int_equal(hook_run_dir("post-mount", &env, 10, reason), KB_OK);
	assert_int_equal(os_sim_count("# hook 10-a: xxx"), 3);
}

static void last_line_of_the_one_that_fails_is_kept(void **state)
{
	char said[HOOK_SAID_MAX + 1] = "untouched";

	(void)state;
	env.said = said;
	add("10-a", (struct os_sim_child){ .say = { { 0, "fine\n", 0 } } });
	assert_int_equal(hook_run_dir("post-mount", &env, 10, reason), KB_OK);
	assert_string_equal(said, "untouched");
	add("20-b", (struct os_sim_child){ .status = 1 << 8,
					   .say = { { 0, "first\nno \x1b[1mlicence\n\n", 0 } } });
	assert_int_equal(hook_run_dir("post-mount", &env, 10, reason), KB_ECHECK);
	assert_string_equal(said, "no ?[1mlicence");
}

static void a_long_name_is_cut_so_that_the_cause_is_read(void **state)
{
	(void)state;
	add("10-a-name-that-is-much-longer-than-anybody-should-choose",
	    (struct os_sim_child){ .status = 1 << 8 });
	assert_int_equal(hook_run_dir("post-mount", &env, 10, reason), KB_ECHECK);
	assert_int_equal(strlen(reason), HOOK_REASON_MAX);
	assert_non_null(strstr(reason, ": exit 1"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, bare_machine)
	const struct CMUnitTest tests[] = {
		T(no_folder_and_no_hooks_are_fine),
		T(a_stage_that_cannot_run_whole_fails),
		T(a_name_that_is_too_long_fails_the_stage),
		T(they_run_in_the_order_of_their_names),
		T(the_first_failure_stops_the_stage),
		T(a_signal_and_a_program_that_does_not_start_are_failures),
		T(one_that_hangs_is_killed_in_time_and_the_watchdog_fed),
		T(one_that_cannot_be_killed_is_left_behind),
		T(a_flood_of_output_is_cut),
		T(a_long_line_is_split),
		T(last_line_of_the_one_that_fails_is_kept),
		T(a_long_name_is_cut_so_that_the_cause_is_read),
	};

	return cmocka_run_group_tests_name("hook", tests, NULL, NULL);
}
