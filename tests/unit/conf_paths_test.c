/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf.h"
#include "lib/conf_paths.h"
#include "tests/unit/test.h"

TEST(lists_of_paths_inside_the_partition_are_taken)
{
	static const char *const good[] = {
		"",	     "app",	  "app,etc/site", "a,b,c,d,e,f,g,h",
		"app-2,app", "keelboots", "a.b,..c",	  "name with blanks"
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
