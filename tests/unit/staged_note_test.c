/* SPDX-License-Identifier: Apache-2.0 */
/* Which of what is staged is keelboot-fleet's. */
#include "tests/unit/folder.h"
#include "tests/unit/test.h"

#include "channel/staged_note.h"

#define OURS   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NEWER  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define OTHERS "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define NOTE   "keelboot/fleet-staged"

static void made_folder(void)
{
	folder_make();
	folder_run("mkdir keelboot");
}

TEST(what_was_noted_is_ours_until_the_note_is_dropped)
{
	assert_false(staged_note_has(folder, OURS));
	OK(staged_note_add(folder, OURS, ""));
	assert_true(staged_note_has(folder, OURS));
	assert_false(staged_note_has(folder, OTHERS));
	OK(staged_note_drop(folder));
	assert_false(staged_note_has(folder, OURS));
	OK(staged_note_drop(folder));
}

/* Whoever dies between the note and the state leaves the older one staged. */
TEST(a_newer_one_that_is_not_staged_leaves_the_older_one_ours)
{
	OK(staged_note_add(folder, OURS, ""));
	OK(staged_note_add(folder, NEWER, OURS));
	assert_true(staged_note_has(folder, OURS) && staged_note_has(folder, NEWER));
	OK(staged_note_add(folder, NEWER, NEWER));
	assert_true(staged_note_has(folder, NEWER) && !staged_note_has(folder, OURS));
	OK(staged_note_add(folder, OURS, OTHERS));
	assert_true(staged_note_has(folder, OURS) && !staged_note_has(folder, OTHERS));
}

TEST(what_is_no_note_names_nothing)
{
	OK(staged_note_add(folder, OURS, ""));
	assert_false(staged_note_has(folder, ""));
	assert_false(staged_note_has(folder, "aaaa"));
	FAILS(staged_note_add(folder, "aaaa", ""), KB_EINVAL);
	folder_put(NOTE, OURS); /* without the end of its line */
	assert_false(staged_note_has(folder, OURS));
	folder_run("rm " NOTE "; ln -s /dev/zero " NOTE);
	assert_false(staged_note_has(folder, OURS));
	folder_run("rm -r keelboot");
	assert_false(staged_note_has(folder, OURS));
	FAILS(staged_note_add(folder, OURS, ""), KB_ENOENT);
	OK(staged_note_drop(folder));
}

TEST_MAIN("staged_note", .set_up = made_folder, .tear_down = folder_remove)
