/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf.h"
#include "lib/conf_paths.h"
#include "tests/unit/test.h"

TEST(lists_of_paths_inside_the_partition_are_taken)
{
	static const char *const good[] = {
		"",	     "app",	  "app,etc/site", "a,b,c,d,e,f,g,h",
		"app-2,app", "keelboots", "a.b,..c",	  "name with blanks",
		"a, b",	     " a ,\tb",	  "app , app2"
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(good); i++)
		if (!conf_paths_are_valid(good[i]))
			fail_msg("%s", good[i]);
}

TEST(what_leads_out_of_it_or_into_each_other_is_refused)
{
	static const char *const bad[] = { "/app",
					   "..",
					   "a/..",
					   "a/../b",
					   "a//b",
					   ".",
					   "a/.",
					   "a/",
					   ",",
					   "a,",
					   ",a",
					   "a,,b",
					   "app,app",
					   "app,app/x",
					   "app/x,app",
					   "keelboot",
					   "keelboot/kept",
					   "a,b,c,d,e,f,g,h,i" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(bad); i++)
		if (conf_paths_are_valid(bad[i]))
			fail_msg("%s", bad[i]);
}

TEST(blanks_around_a_comma_belong_to_no_name)
{
	const char *rest = " ids ,\tetc/my keys";
	char path[CONF_PATHS_LEN + 1];

	assert_true(conf_paths_next(&rest, path, sizeof(path)));
	assert_string_equal(path, "ids");
	assert_true(conf_paths_next(&rest, path, sizeof(path)));
	assert_string_equal(path, "etc/my keys");
	assert_false(conf_paths_next(&rest, path, sizeof(path)));
}

TEST(fault_of_a_list_names_the_item_and_says_why)
{
	static const struct {
		const char *list, *item, *why;
	} bad[] = {
		{ "ids,/etc/keys", "/etc/keys", "begins with /" },
		{ "app/", "app/", "ends with /" },
		{ "ids, \"etc\"", "\"etc\"", "has one of" },
		{ "app;etc", "app;etc", "has one of" },
		{ "app/*", "app/*", "has one of" },
		{ "app,a /b", "a /b", "a blank beside /" },
		{ "app,a/../b", "a/../b", ". or .." },
		{ "app, app/db", "app/db", "in another one" },
		{ "app, keelboot/x", "keelboot/x", "Keelboot's own" },
		{ "a,b,c,d,e,f,g,h,i", "i", "eight" },
		{ "app, ", "", "has no name" },
		{ "app,", "", "has no name" },
		{ "app,,b", "", "has no name" },
	};
	char path[CONF_PATHS_LEN + 1];

	for (unsigned i = 0; i < KB_ARRAY_LEN(bad); i++) {
		const char *why = conf_paths_fault(bad[i].list, path);

		if (why == NULL || strstr(why, bad[i].why) == NULL)
			fail_msg("%s: %s", bad[i].list, why);
		assert_string_equal(path, bad[i].item);
	}
}

TEST(path_that_is_too_long_is_refused)
{
	char path[CONF_PATH_MAX + 2];

	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_false(conf_paths_are_valid(path));
	path[CONF_PATH_MAX] = '\0';
	assert_true(conf_paths_are_valid(path));
}

TEST(paths_overlap_by_their_names)
{
	assert_true(conf_paths_overlap("a", "a") && conf_paths_overlap("a/b", "a") &&
		    conf_paths_overlap("a", "a/b"));
	assert_false(conf_paths_overlap("a", "ab") || conf_paths_overlap("a/b", "a/c"));
}

TEST_MAIN("conf_paths")
