/* SPDX-License-Identifier: Apache-2.0 */
/* Several modules at once: in which order, what waits for what, and how long. */
#include "tests/sim/os_sim_here.h"

#include "initramfs/alias_table.h"
#include "initramfs/modules_load.h"
#include "tests/unit/test.h"

#define M     "/lib/modules/"
#define LINES "needs:c a\nneeds:d b a\nneeds:e f\nneeds:g a none\n"

static struct alias_table table;
static struct modules m;

/* Needs that are not on a line are none. */
static void put_table(const char *lines)
{
	const char *why;
	unsigned line, n = 0;

	for (const char *s = lines; *s != '\0'; s++)
		n += *s == '\n';
	snprintf(table.text, sizeof(table.text), "%send %u %08x\n", lines, n,
		 bytes_crc32c(0, lines, strlen(lines)));
	OK(alias_table_parse(&table, strlen(table.text), &line, &why));
}

static void read_list(void)
{
	m.table = &table;
	m.cmdline = "";
	m.heeded = "all";
	m.leaves_slow = false;
	m.after = NULL;
	modules_read(&m, MODULES_LIST);
}

static void machine_of(unsigned processors)
{
	static const char *const all[] = { M "a.ko", M "b.ko", M "c.ko", M "d.ko",
					   M "e.ko", M "f.ko", M "g.ko" };

	os_sim_reset();
	os_sim_log_level(LOG_LEVEL_WARNING);
	os_sim_processors(processors);
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		os_sim_file(all[i], "");
	put_table(LINES);
	os_sim_file(MODULES_LIST,
		    M "a.ko\n" M "b.ko\n" M "c.ko\n" M "d.ko\n" M "e.ko\n" M "f.ko\n" M "g.ko\n");
	read_list();
}

/* "ab": those of these names. */
static unsigned load(const char *names)
{
	for (; *names != '\0'; names++)
		modules_find(&m, names, 1)->is |= MODULE_WANTED;
	return modules_load_wanted(&m);
}

/* What began and ended, in a letter each: "+a -a"; "!a": it was left. */
static const char *story(void)
{
	static char text[256];
	size_t n = 0;

	for (const char *p = os_sim_trace(); *p != '\0'; p = strchr(p, '\n') + 1) {
		char what = strncmp(p, "finit", 5) == 0	    ? '+'
			    : strncmp(p, "loaded ", 7) == 0 ? '-'
			    : strncmp(p, "left ", 5) == 0   ? '!'
							    : '\0';

		if (what != '\0' && n < sizeof(text) - 2) {
			text[n++] = what;
			text[n++] = strstr(p, ".ko")[-1];
		}
	}
	text[n] = '\0';
	return text;
}

static void takes(const char *names, unsigned ms)
{
	char path[] = M "x.ko";

	for (; *names != '\0'; names++) {
		path[sizeof(path) - 5] = *names;
		os_sim_module_takes(path, ms);
	}
}

static void four_processors(void)
{
	machine_of(4);
}

TEST(as_many_as_there_are_processors_are_loaded_at_once)
{
	machine_of(2);
	takes("af", 100);
	takes("b", 150);
	EQUAL((load("abf"), 3), (os_now_ms(), 200));
	EQUAL((story(), "+a+b-a+f-b-f"));
}

TEST(never_more_than_four)
{
	machine_of(64);
	put_table("x y\n");
	takes("abcdef", 100);
	EQUAL((load("abcdef"), 6), (os_now_ms(), 200));
	EQUAL((strncmp(story(), "+a+b+c+d-", 9), 0));
}

TEST(one_processor_loads_one_after_the_other)
{
	machine_of(1);
	m.leaves_slow = true;
	takes("abcd", 300);
	EQUAL((load("abcd"), 4), (os_now_ms(), 1200));
	EQUAL((story(), "+a-a+b-b+c-c+d-d"));
}

TEST(so_does_who_does_not_know_what_they_need)
{
	m.table = NULL;
	takes("abc", 100);
	EQUAL((load("abc"), 3), (story(), "+a-a+b-b+c-c"));
}

TEST(one_waits_for_all_that_it_needs_and_for_nothing_else)
{
	takes("a", 100);
	takes("b", 200);
	takes("cd", 50);
	EQUAL((load("abcd"), 4), (os_now_ms(), 250));
	EQUAL((story(), "+a+b-a+c-c-b+d-d"));
}

/* A soft dependency may name what is loaded behind it. */
TEST(nothing_waits_for_what_stands_behind_it)
{
	takes("ef", 100);
	EQUAL((load("ef"), 2), (os_now_ms(), 100), (story(), "+e+f-e-f"));
}

TEST(what_is_needed_and_not_wanted_or_not_packed_is_not_waited_for)
{
	EQUAL((load("cg"), 2), (story(), "+c+g"));
}

TEST(one_that_hangs_holds_up_only_what_needs_it)
{
	takes("a", 0);
	takes("bcf", 100);
	EQUAL((load("abcf"), 3), (os_now_ms(), 4100));
	EQUAL((story(), "+a+b+f-b-f!a+c-c"));
	assert_int_equal(os_sim_count("# module " M "a.ko: its init does not end; the boot goes on "
				      "without it"),
			 1);
}

TEST(one_that_crashes_or_is_missing_holds_up_nothing)
{
	os_sim_fail("finit_module " M "a.ko", 1, KB_EIO);
	os_sim_remove(M "b.ko");
	takes("f", 100);
	EQUAL((load("abcdf"), 3), (os_now_ms(), 100));
	assert_int_equal(os_sim_count("# module " M "a.ko: unable to load"), 1);
	assert_int_equal(os_sim_count("# module " M "b.ko: unable to load"), 1);
}

TEST(who_is_told_that_the_line_is_wrong_is_loaded_without_it)
{
	m.cmdline = "a.x=1";
	os_sim_fail("finit_module " M "a.ko x=1", 1, KB_EINVAL);
	takes("ab", 100);
	EQUAL((load("abc"), 3), (os_now_ms(), 200));
	EQUAL((story(), "+a+b-a+a-b-a+c"));
}

TEST(all_that_hang_at_once_cost_four_seconds)
{
	takes("abef", 0);
	EQUAL((load("abef"), 0), (os_now_ms(), 4000));
	assert_int_equal(os_sim_count("# module "), 4);
	EQUAL((load("g"), 1), (os_now_ms(), 4000));
}

/* ---------------------------------------------------------------- those that take long */

TEST(one_that_takes_long_is_left_to_itself)
{
	m.leaves_slow = true;
	takes("a", 500);
	takes("bf", 50);
	EQUAL((load("abf"), 2), (os_now_ms(), MODULES_SLOW_MS));
	assert_true(modules_load_goes_on(&m));
	os_sim_advance(400);
	assert_false(modules_load_goes_on(&m));
	EQUAL((story(), "+a+b+f-b-f-a"));
	assert_int_equal(os_sim_count("unlink " M "a.ko"), 1);
}

TEST(but_not_where_something_needs_it)
{
	m.leaves_slow = true;
	takes("a", 500);
	EQUAL((load("ac"), 2), (os_now_ms(), 500), (story(), "+a-a+c"));
}

TEST(nor_by_those_that_come_later_and_need_it)
{
	m.leaves_slow = true;
	takes("a", 500);
	load("a");
	EQUAL((load("c"), 2), (os_now_ms(), 500), (story(), "+a-a+c"));
}

TEST(it_takes_the_place_of_one)
{
	machine_of(2);
	m.leaves_slow = true;
	takes("a", 0);
	takes("bf", 50);
	load("a");
	EQUAL((load("bf"), 2), (os_now_ms(), MODULES_SLOW_MS + 100), (story(), "+a+b-b+f-f"));
}

TEST(it_is_named_once_four_seconds_are_over)
{
	m.leaves_slow = true;
	takes("a", 0);
	load("a");
	os_sim_advance(3700);
	assert_true(modules_load_goes_on(&m));
	os_sim_advance(100);
	assert_false(modules_load_goes_on(&m));
	EQUAL((story(), "+a!a"));
	assert_int_equal(os_sim_count("# module " M "a.ko: its init does not end"), 1);
}

/* As before a mount. */
TEST(who_must_have_all_waits_for_it)
{
	m.leaves_slow = true;
	takes("a", 500);
	load("a");
	m.leaves_slow = false;
	EQUAL((load("b"), 2), (os_now_ms(), 500), (story(), "+a+b-a"));
	assert_false(modules_load_goes_on(&m));
}

static unsigned polls;

static enum kb_err refuse_polls(const char *call)
{
	errno = EIO;
	return strcmp(call, "poll") == 0 && polls-- > 0 ? KB_EIO : KB_OK;
}

TEST(a_wait_that_fails_has_an_end)
{
	takes("a", 0);
	polls = 1000000;
	os_sim_on_call(refuse_polls);
	EQUAL((load("ab"), 1), (os_now_ms(), 4000));
	os_sim_on_call(NULL);
	assert_in_range(1000000 - polls, 1, 500);
}

static enum kb_err refuse_children(const char *call)
{
	errno = ENODEV;
	return strcmp(call, "finit_module") == 0 ? KB_ENODEV : KB_OK;
}

TEST(a_result_without_a_child_counts)
{
	os_sim_on_call(refuse_children);
	EQUAL((load("abc"), 0));
	os_sim_on_call(NULL);
	assert_int_equal(os_sim_count("# module "), 0); /* its hardware is missing */
}

static bool has_enough(void *ctx)
{
	(void)ctx;
	return true;
}

TEST(who_has_enough_starts_no_more_and_waits_for_what_runs)
{
	machine_of(2);
	m.after = has_enough;
	takes("ab", 100);
	EQUAL((load("abf"), 2), (story(), "+a+b-a-b"));
}

TEST_MAIN("modules_load", .set_up = four_processors)
