/* SPDX-License-Identifier: Apache-2.0 */
/* The list of what belongs to each slot. */
#include "selector/loader/loader_list.h"
#include "tests/unit/test.h"

static struct loader_list list;

static void takes(const char *text, bool has_head, const char *head, const char *a, const char *b)
{
	assert_true(loader_list_take(&list, text, has_head));
	assert_string_equal(list.head, head);
	assert_string_equal(list.of[0], a);
	assert_string_equal(list.of[1], b);
}

static void refuses(const char *text, bool has_head)
{
	if (loader_list_take(&list, text, has_head))
		fail_msg("%s", text);
}

TEST(each_slot_has_its_part)
{
	takes("a=/dev/vda2,b=/dev/vda3", false, "", "/dev/vda2", "/dev/vda3");
	takes("b=/dev/vda3", false, "", "", "/dev/vda3");
	takes("b=x=y,a=:", false, "", ":", "x=y");
	takes("a=1,h=2", false, "", "1", "");
	assert_string_equal(list.of[7], "2");
}

TEST(what_all_slots_share_stands_before_them)
{
	takes("/dev/vda5,a=/dev/vda6", true, "/dev/vda5", "/dev/vda6", "");
	takes("a=1,a=2", true, "a=1", "2", "");
	refuses("/dev/vda5,a=/dev/vda6", false);
	refuses("/dev/vda5", true);
	refuses("/dev/vda5,", true);
	refuses(",a=/dev/vda6", true);
}

TEST(what_is_no_list_is_refused)
{
	static const char *const lists[] = { "",	 ",",	 "a",	    "a=",    "=x",
					     "i=x",	 "A=x",	 "a:x",	    "a=x,",  ",a=x",
					     "a=x,,b=y", "ab=x", "a=x,a=y", "a=x,b", " a=x" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(lists); i++)
		refuses(lists[i], false);
}

TEST(part_that_is_too_long_is_refused_and_not_cut)
{
	char text[LOADER_LIST_TEXT + 16] = "a=";

	memset(text + 2, 'x', LOADER_LIST_TEXT - 1);
	assert_true(loader_list_take(&list, text, false));
	assert_int_equal(strlen(list.of[0]), LOADER_LIST_TEXT - 1);
	text[LOADER_LIST_TEXT + 1] = 'x';
	refuses(text, false);
	assert_string_equal(list.of[0], "");
	memcpy(text + LOADER_LIST_TEXT, ",a=1", 5);
	refuses(text, true);
	text[0] = text[1] = 'x';
	memcpy(text + LOADER_LIST_TEXT - 1, ",a=1", 5);
	takes(text, true, list.head, "1", "");
	assert_int_equal(strlen(list.head), LOADER_LIST_TEXT - 1);
}

TEST_MAIN("loader_list")
