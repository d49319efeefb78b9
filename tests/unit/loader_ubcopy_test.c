/* SPDX-License-Identifier: Apache-2.0 */
/* What a copy of U-Boot's environment has in itself. */
#include "selector/loader/loader_ubcopy.h"
#include "tests/unit/folder.h"

#include "lib/bytes.h"

#define SIZE 4096u
#define AT   512u /* in its file: of no page's beginning */

static struct loader_fwenv_copy where;
static struct loader_ubcopy is;
static uint8_t file[2 * SIZE];

static void put(uint8_t count, const char *text, size_t len)
{
	uint32_t crc;

	memset(file, 0xee, sizeof(file));
	memset(file + AT, 0, SIZE);
	file[AT + 4] = count;
	memcpy(file + AT + 5, text, len);
	crc = bytes_crc32(0, file + AT + 5, SIZE - 5);
	memcpy(file + AT, &crc, sizeof(crc));
	folder_bytes("env", file, sizeof(file));
}

static void set_up(void)
{
	folder_make();
	where = (struct loader_fwenv_copy){ .offset = AT, .size = SIZE };
	snprintf(where.dev, sizeof(where.dev), "%s/env", folder);
	put(7, "a=1", sizeof("a=1"));
}

TEST(sound_copy_has_its_count)
{
	OK(loader_ubcopy_read(&is, &where));
	EQUAL((is.sound, true), (is.count, 7));
	assert_string_equal(is.flags, "");
	where.offset = AT - (int64_t)sizeof(file);
	OK(loader_ubcopy_read(&is, &where));
	EQUAL((is.sound, true), (is.count, 7));
}

TEST(damaged_copy_counts_for_nothing)
{
	put(7, ".flags=a:sr", sizeof(".flags=a:sr"));
	file[AT + SIZE - 1] = 1;
	folder_bytes("env", file, sizeof(file));
	OK(loader_ubcopy_read(&is, &where));
	EQUAL((is.sound, false));
	assert_string_equal(is.flags, "");
}

TEST(copy_beyond_what_can_be_read_is_none)
{
	where.offset = sizeof(file) - SIZE + 1;
	FAILS(loader_ubcopy_read(&is, &where), KB_EINVAL);
	where.offset = 3 * sizeof(file);
	FAILS(loader_ubcopy_read(&is, &where), KB_EINVAL);
	where.offset = -3 * (int64_t)sizeof(file);
	FAILS(loader_ubcopy_read(&is, &where), KB_EINVAL);
	snprintf(where.dev, sizeof(where.dev), "/dev/null");
	FAILS(loader_ubcopy_read(&is, &where), KB_EINVAL);
	snprintf(where.dev, sizeof(where.dev), "%s/other", folder);
	FAILS(loader_ubcopy_read(&is, &where), KB_ENOENT);
}

TEST(attributes_are_those_of_the_last_line)
{
	static const char text[] = ".flags=a:sr\0a=.flags=c\0.flags=b:ma,c:d\0z=1";

	put(1, text, sizeof(text));
	OK(loader_ubcopy_read(&is, &where));
	assert_string_equal(is.flags, "b:ma,c:d");
}

TEST(text_without_an_end_ends_with_its_copy)
{
	static char text[SIZE - 5];

	memset(text, 'x', sizeof(text));
	memcpy(text, ".flags=", 7);
	put(1, text, sizeof(text));
	OK(loader_ubcopy_read(&is, &where));
	assert_int_equal(strlen(is.flags), SIZE - 5 - 7);
}

TEST(copy_is_cleared_where_nothing_else_lies_in_its_pages)
{
	uint8_t is_now[sizeof(file)];
	int fd;

	FAILS(loader_ubcopy_clear(&where), KB_EINVAL);
	where.offset = 2 * SIZE;
	FAILS(loader_ubcopy_clear(&where), KB_EINVAL);
	where.offset = SIZE;
	where.size = SIZE / 2;
	FAILS(loader_ubcopy_clear(&where), KB_EINVAL);
	where.size = SIZE;
	OK(loader_ubcopy_clear(&where));
	memset(file + SIZE, 0, SIZE);
	fd = open(where.dev, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, is_now, sizeof(is_now)), sizeof(is_now));
	close(fd);
	assert_memory_equal(is_now, file, sizeof(file));
}

TEST(attributes_are_looked_up_by_the_whole_name)
{
	static const char flags[] = "eth\\d*addr:ma,serial#:so,a,b:d";

	assert_true(loader_ubcopy_has(flags, "serial#"));
	assert_true(loader_ubcopy_has(flags, "b"));
	assert_true(loader_ubcopy_has(flags, "a,b")); /* libubootenv takes that for a name */
	assert_false(loader_ubcopy_has(flags, "a"));
	assert_false(loader_ubcopy_has(flags, "serial"));
	assert_false(loader_ubcopy_has(flags, "so"));
	assert_false(loader_ubcopy_has("", ""));
	assert_false(loader_ubcopy_has("", "a"));
}

TEST_MAIN("loader_ubcopy", .set_up = set_up, .tear_down = folder_remove)
