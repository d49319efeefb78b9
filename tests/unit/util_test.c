/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

static int opened;

static void open_and_leave(void)
{
	KB_CLEANUP_FD int fd = open("/dev/null", O_RDONLY);

	opened = fd;
}

TEST(a_descriptor_is_closed_at_the_end_of_its_scope)
{
	open_and_leave();
	assert_true(opened >= 0);
	EQUAL((fcntl(opened, F_GETFD), -1), (errno, EBADF));
}

static int give_away(void)
{
	KB_CLEANUP_FD int fd = open("/dev/null", O_RDONLY);

	return util_take(&fd);
}

TEST(a_descriptor_that_is_given_away_stays_open)
{
	int fd = give_away();

	assert_true(fcntl(fd, F_GETFD) >= 0);
	assert_int_equal(close(fd), 0);
}

TEST(closing_keeps_errno)
{
	int bad = 9999;

	errno = ENOSPC;
	util_close(&bad); /* EBADF */
	EQUAL((errno, ENOSPC), (bad, -1));
	util_close(&bad);
	assert_int_equal(errno, ENOSPC);
}

TEST(a_closed_descriptor_is_not_closed_again)
{
	int fd = open("/dev/null", O_RDONLY), copy = fd, other;

	util_close(&fd);
	other = open("/dev/null", O_RDONLY); /* takes the number */
	assert_int_equal(other, copy);
	util_close(&fd);
	assert_true(fcntl(other, F_GETFD) >= 0);
	close(other);
}

/* Of a file of 4 GiB and a page, mmap() would map the page on a processor of 32 bits. */
TEST(what_has_no_address_cannot_be_mapped)
{
	EQUAL((util_maps(4096), true), (util_maps((4ull << 30) + 4096), sizeof(size_t) > 4));
}

TEST(what_cannot_be_printed_is_replaced)
{
	char out[300], in[256];

	util_print_safe(out, sizeof(out), "a\x1b[2Jb\nc\td\x7f\x80\xff~ ");
	assert_string_equal(out, "a?[2Jb?c?d???~ ");
	for (int i = 1; i < 256; i++)
		in[i - 1] = (char)i;
	in[255] = '\0';
	util_print_safe(out, sizeof(out), in);
	assert_int_equal(strlen(out), 255);
	for (int i = 0; i < 255; i++)
		assert_true(out[i] >= ' ' && out[i] <= '~');
}

TEST(text_is_cut_to_its_room)
{
	char out[8];

	memset(out, 'z', sizeof(out));
	util_print_safe(out, 4, "abcdef");
	assert_memory_equal(out, "abc\0zzzz", 8);
	util_print_safe(out, 1, "abc");
	assert_string_equal(out, "");
	out[0] = 'q';
	util_print_safe(out, 0, "abc");
	assert_int_equal(out[0], 'q');
}

TEST_MAIN("util")
