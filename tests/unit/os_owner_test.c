/* SPDX-License-Identifier: Apache-2.0 */
/* Owner and mode of folders, on a file system of this machine. */
#include "lib/os_owner.h"

#include "tests/unit/folder.h"
#include "tests/unit/test.h"

static struct stat copied(void)
{
	char from[256];
	struct stat st;

	snprintf(from, sizeof(from), "%s", folder_at("slot"));
	OK(os_owner_copy(from, folder_at("upper")));
	assert_int_equal(stat(folder_at("upper"), &st), 0);
	return st;
}

static void set_up(void)
{
	folder_make();
	folder_run("mkdir -m 755 slot upper");
}

TEST(each_bit_of_the_mode_is_copied)
{
	static const mode_t modes[] = { 0700, 0555, 0777, 01777, 02775 };

	for (size_t i = 0; i < KB_ARRAY_LEN(modes); i++) {
		assert_int_equal(chmod(folder_at("slot"), modes[i]), 0);
		assert_int_equal(copied().st_mode & 07777, modes[i]);
	}
}

TEST(owner_and_group_are_copied)
{
	struct stat st;

	if (geteuid() == 0)
		assert_int_equal(chown(folder_at("slot"), 12, 34), 0);
	assert_int_equal(stat(folder_at("slot"), &st), 0);
	EQUAL((copied().st_uid, st.st_uid), (copied().st_gid, st.st_gid));
}

TEST(what_is_missing_is_told)
{
	FAILS(os_owner_copy(folder_at("none"), "/"), KB_ENOENT);
}

TEST_MAIN("os_owner", .set_up = set_up, .tear_down = folder_remove)
