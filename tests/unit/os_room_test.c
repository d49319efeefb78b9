/* SPDX-License-Identifier: Apache-2.0 */
/* What file systems of this machine have room for. */
#include "lib/os_room.h"

#include "tests/unit/folder.h"
#include "tests/unit/test.h"

TEST(room_is_told)
{
	struct os_room room;

	OK(os_room(folder, &room));
	assert_true(room.free_bytes <= room.bytes && room.bytes > 0);
	assert_true(room.free_files <= room.files);
	assert_false(room.read_only);
	FAILS(os_room(folder_at("none"), &room), KB_ENOENT);
}

TEST(file_system_that_counts_no_files_has_no_bound)
{
	struct os_room room;

	OK(os_room("/proc/self", &room));
	EQUAL((room.files, 0), (room.free_files, 0));
}

TEST_MAIN("os_room", .set_up = folder_make, .tear_down = folder_remove)
