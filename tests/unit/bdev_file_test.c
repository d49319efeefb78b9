/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bdev.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define BLOCKS 40

static char path[64];
static uint8_t buf[4 * BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));

static int set_up(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/bdev_file_test.XXXXXX");
	fd = mkstemp(path);
	if (fd < 0 || ftruncate(fd, BLOCKS * BDEV_ALIGN + 100) < 0)
		return -1;
	close(fd);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

static void a_file_is_written_and_read(void **state)
{
	static const unsigned flags[] = { BDEV_FILE_WRITE, BDEV_FILE_WRITE | BDEV_FILE_DIRECT };
	struct bdev_file f;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(bdev_file_open(&f, path, flags[i]), KB_OK);
		assert_false(f.block);
		assert_true(f.bdev.size == BLOCKS * BDEV_ALIGN); /* the odd tail is left out */
		memset(buf, 0x11 + (int)i, sizeof(buf));
		assert_int_equal(bdev_write(&f.bdev, BDEV_ALIGN, buf, sizeof(buf)), KB_OK);
		assert_int_equal(bdev_flush(&f.bdev), KB_OK);
		assert_int_equal(bdev_drop_cache(&f.bdev, 0, f.bdev.size), KB_OK);
		memset(buf, 0, sizeof(buf));
		assert_int_equal(bdev_read(&f.bdev, 4 * BDEV_ALIGN, buf, 2 * BDEV_ALIGN), KB_OK);
		assert_int_equal(buf[BDEV_ALIGN - 1], 0x11 + (int)i);
		assert_int_equal(buf[BDEV_ALIGN], 0);
		bdev_file_close(&f);
		assert_int_equal(f.fd, -1);
		bdev_file_close(&f);
	}
}

static void zeroes_keep_the_size(void **state)
{
	struct bdev_file f;
	struct stat st;

	(void)state;
	assert_int_equal(bdev_file_open(&f, path, BDEV_FILE_WRITE), KB_OK);
	memset(buf, 0x11, sizeof(buf));
	assert_int_equal(bdev_write(&f.bdev, (BLOCKS - 4) * BDEV_ALIGN, buf, sizeof(buf)), KB_OK);
	assert_int_equal(bdev_zero(&f.bdev, (BLOCKS - 2) * BDEV_ALIGN, 2 * BDEV_ALIGN), KB_OK);
	assert_int_equal(bdev_read(&f.bdev, (BLOCKS - 4) * BDEV_ALIGN, buf, sizeof(buf)), KB_OK);
	assert_int_equal(buf[2 * BDEV_ALIGN - 1], 0x11);
	for (size_t i = 2 * BDEV_ALIGN; i < 4 * BDEV_ALIGN; i++)
		assert_int_equal(buf[i], 0);
	assert_int_equal(bdev_discard(&f.bdev, 0, BDEV_ALIGN), KB_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, BLOCKS * BDEV_ALIGN + 100);
	bdev_file_close(&f);
}

static void a_file_that_was_opened_to_read_is_not_written(void **state)
{
	struct bdev_file f;

	(void)state;
	assert_int_equal(bdev_file_open(&f, path, 0), KB_OK);
	assert_int_equal(bdev_read(&f.bdev, 0, buf, sizeof(buf)), KB_OK);
	assert_int_equal(bdev_write(&f.bdev, 0, buf, BDEV_ALIGN), KB_EPERM);
	assert_int_equal(bdev_zero(&f.bdev, 0, BDEV_ALIGN), KB_EPERM);
	bdev_file_close(&f);
}

static void a_file_that_shrank_is_an_error(void **state)
{
	struct bdev_file f;

	(void)state;
	assert_int_equal(bdev_file_open(&f, path, 0), KB_OK);
	assert_int_equal(truncate(path, BDEV_ALIGN), 0);
	assert_int_equal(bdev_read(&f.bdev, 0, buf, 2 * BDEV_ALIGN), KB_EIO);
	bdev_file_close(&f);
}

static void a_write_that_ends_halfway_is_an_error(void **state)
{
	struct rlimit limit, old;
	struct bdev_file f;

	(void)state;
	assert_int_equal(bdev_file_open(&f, path, BDEV_FILE_WRITE), KB_OK);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = (struct rlimit){ 2 * BDEV_ALIGN, old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_int_equal(bdev_write(&f.bdev, BDEV_ALIGN, buf, 2 * BDEV_ALIGN), KB_ENOSPC);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(bdev_write(&f.bdev, BDEV_ALIGN, buf, 2 * BDEV_ALIGN), KB_OK);
	bdev_file_close(&f);
}

static void a_flush_that_fails_is_told(void **state)
{
	struct bdev_file f;
	int fds[2];

	(void)state;
	assert_int_equal(bdev_file_open(&f, path, BDEV_FILE_WRITE), KB_OK);
	assert_int_equal(bdev_flush(&f.bdev), KB_OK);
	/* What cannot be made durable at all, in its place. */
	assert_int_equal(pipe(fds), 0);
	assert_true(dup2(fds[1], f.fd) == f.fd);
	assert_int_equal(bdev_flush(&f.bdev), KB_EIO);
	close(fds[0]);
	close(fds[1]);
	bdev_file_close(&f);
}

static void what_cannot_be_opened_is_told_apart(void **state)
{
	struct bdev_file f;

	(void)state;
	assert_int_equal(bdev_file_open(&f, "/nowhere/x", 0), KB_ENOENT);
	assert_int_equal(f.fd, -1);
	assert_int_equal(bdev_file_open(&f, "/tmp", 0), KB_EINVAL);
	assert_int_equal(f.fd, -1);
	assert_int_equal(bdev_file_open(&f, "/dev/null", BDEV_FILE_WRITE), KB_EINVAL);
	assert_int_equal(f.fd, -1);
}

static void a_borrowed_descriptor_works(void **state)
{
	struct bdev_file f;
	int fd = open(path, O_RDWR);

	(void)state;
	assert_int_equal(bdev_file_from_fd(&f, fd), KB_OK);
	assert_int_equal(f.fd, fd);
	assert_int_equal(bdev_write(&f.bdev, 0, buf, BDEV_ALIGN), KB_OK);
	assert_int_equal(close(fd), 0);
	assert_int_equal(bdev_file_from_fd(&f, fd), KB_EIO);
	assert_int_equal(f.fd, -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_written_and_read),
		TEST(zeroes_keep_the_size),
		TEST(a_file_that_was_opened_to_read_is_not_written),
		TEST(a_file_that_shrank_is_an_error),
		TEST(a_write_that_ends_halfway_is_an_error),
		TEST(a_flush_that_fails_is_told),
		TEST(what_cannot_be_opened_is_told_apart),
		TEST(a_borrowed_descriptor_works),
	};

	return cmocka_run_group_tests_name("bdev_file", tests, NULL, NULL);
}
