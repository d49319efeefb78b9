/* SPDX-License-Identifier: Apache-2.0 */
/* Where programs of the running system are found, and that this process becomes one. */
#include "lib/os_command.h"
#include "tests/unit/child.h"
#include "tests/unit/folder.h"

static void use_path(const char *value)
{
	assert_int_equal(setenv("PATH", value, 1), 0);
}

/* The shell that folder_run() starts needs its own. */
static void search_in(const char *first, const char *second)
{
	char value[1100];

	snprintf(value, sizeof(value), "%s:%s", folder_at(first), folder_at(second));
	use_path(value);
}

static void tear_down(void)
{
	use_path("/usr/sbin:/usr/bin:/sbin:/bin");
	folder_remove();
}

static void assert_found(const char *at)
{
	char path[PATH_MAX];

	assert_true(os_command_find("tool", path));
	assert_string_equal(path, folder_at(at));
}

/* ldconfig: each C library has it, and in sbin. */
TEST(program_of_sbin_is_found_where_path_lacks_it)
{
	char path[PATH_MAX];

	use_path("/usr/bin:/bin");
	assert_true(os_command_find("ldconfig", path));
	use_path("/nonexistent:/bin:/usr/bin");
	assert_true(os_command_find("ldconfig", path) && os_command_find("sh", path));
	assert_int_equal(unsetenv("PATH"), 0);
	assert_true(os_command_find("ldconfig", path) && os_command_find("sh", path));
}

/* Such as a test that must not find the reboot of its host. */
TEST(path_without_folders_of_the_system_finds_none_of_it)
{
	static const char *const values[] = { "", "/nonexistent", "bin", "/usr/xbin",
					      "/usr/bin/none" };
	char path[PATH_MAX];

	for (unsigned i = 0; i < KB_ARRAY_LEN(values); i++) {
		use_path(values[i]);
		assert_false(os_command_find("ldconfig", path) || os_command_find("sh", path));
	}
}

TEST(folder_of_path_goes_before_the_sbin_beside_another)
{
	folder_run(
		"mkdir -p one/bin one/sbin two && touch one/sbin/tool two/tool && chmod +x one/sbin/tool two/tool");
	search_in("one/bin", "two");
	assert_found("two/tool");
	use_path("/usr/bin:/bin");
	folder_run("rm two/tool");
	search_in("one/bin", "two");
	assert_found("one/sbin/tool");
}

static int become_ldconfig(void)
{
	static const char *const argv[] = { "ldconfig", "--version", NULL };

	use_path("/usr/bin:/bin");
	if (freopen("/dev/null", "w", stdout) == NULL)
		return 2;
	(void)!os_command_become("ldconfig", argv);
	return 3;
}

TEST(such_a_program_is_started)
{
	assert_int_equal(IN_CHILD(become_ldconfig()), 0);
}

TEST(first_folder_of_path_wins)
{
	folder_run("mkdir one two && touch one/tool two/tool && chmod +x one/tool two/tool");
	search_in("one", "two");
	assert_found("one/tool");
	search_in("two", "one");
	assert_found("two/tool");
}

TEST(folder_is_no_program)
{
	folder_run("mkdir -p one/tool two && touch two/tool && chmod +x two/tool");
	search_in("one", "two");
	assert_found("two/tool");
}

TEST(file_that_may_not_run_is_no_program)
{
	folder_run("mkdir one two && touch one/tool two/tool && chmod +x two/tool");
	search_in("one", "two");
	assert_found("two/tool");
}

/* Neither in / nor in the folder where we are. */
TEST(empty_part_of_path_is_skipped)
{
	static const char *const values[] = { ":", ":/nonexistent", "/nonexistent:", "::" };
	char path[PATH_MAX];
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	folder_run("touch tool && chmod +x tool");
	assert_int_equal(chdir(folder), 0);
	for (unsigned i = 0; i < KB_ARRAY_LEN(values); i++) {
		use_path(values[i]);
		assert_false(os_command_find("bin/sh", path) || os_command_find("tool", path));
	}
	assert_int_equal(fchdir(here), 0);
	close(here);
}

TEST(part_that_is_too_long_is_skipped)
{
	static char value[PATH_MAX + 600];

	folder_run("mkdir two && touch two/tool && chmod +x two/tool");
	memset(value, 'x', PATH_MAX);
	snprintf(value + PATH_MAX, sizeof(value) - PATH_MAX, ":%s", folder_at("two"));
	use_path(value);
	assert_found("two/tool");
}

TEST(missing_program_is_said_to_be_missing)
{
	static const char *const argv[] = { "tool", NULL };
	char path[PATH_MAX];

	use_path("/usr/bin:/bin");
	assert_false(os_command_find("tool-of-nobody", path));
	errno = 0;
	FAILS(os_command_become("tool-of-nobody", argv), KB_EEXEC);
	assert_int_equal(errno, ENOENT);
}

/* What cannot be started says why. */
TEST(why_a_program_does_not_start_is_kept)
{
	static const char *const argv[] = { "tool", NULL };

	folder_run("mkdir one && echo '\x7f' >one/tool && chmod +x one/tool");
	search_in("one", "one");
	FAILS(os_command_become("tool", argv), KB_EEXEC);
	assert_int_equal(errno, ENOEXEC);
}

TEST_MAIN("os_command", .set_up = folder_make, .tear_down = tear_down)
