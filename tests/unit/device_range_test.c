/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device/device_range.h"

#include "tests/unit/test.h"

#define ALL (64 * 1024)

static struct bdev_file file;
static uint8_t buf[ALL] __attribute__((aligned(BDEV_ALIGN)));

static void open_file(void)
{
	char path[] = "/tmp/device_range_test.XXXXXX";
	int fd = mkstemp(path);

	unlink(path);
	memset(buf, 0x11, sizeof(buf));
	assert_true(fd >= 0);
	assert_int_equal(write(fd, buf, sizeof(buf)), (ssize_t)sizeof(buf));
	OK(bdev_file_from_fd(&file, fd));
}

static void close_file(void)
{
	bdev_file_close(&file);
}

TEST(only_ranges_inside_the_device_are_taken)
{
	static const struct {
		uint64_t off, size;
		enum kb_err want;
	} cases[] = {
		{ 0, ALL, KB_OK },
		{ 4096, 4096, KB_OK },
		{ ALL - 4096, 4096, KB_OK },
		{ ALL, 4096, KB_EINVAL },
		{ 0, ALL + 4096, KB_EINVAL },
		{ 4096, 0, KB_EINVAL },
		{ 100, 4096, KB_EINVAL },
		{ 4096, 100, KB_EINVAL },
		{ UINT64_MAX - 4095, 8192, KB_EINVAL },
	};
	struct device_range r;

	for (size_t i = 0; i < KB_ARRAY_LEN(cases); i++)
		assert_int_equal(device_range_init(&r, &file.bdev, cases[i].off, cases[i].size),
				 cases[i].want);
}

static bool holds(size_t from, size_t to, uint8_t value)
{
	return bytes_all(buf + from, to - from, value);
}

TEST(writes_land_in_the_range_and_nowhere_else)
{
	struct device_range r;

	OK(device_range_init(&r, &file.bdev, 8192, 16384));
	memset(buf, 0x22, 4096);
	OK(bdev_write(&r.bdev, 4096, buf, 4096));
	OK(bdev_zero(&r.bdev, 8192, 4096));
	OK(bdev_flush(&r.bdev));
	OK(bdev_drop_cache(&r.bdev, 0, 16384));
	FAILS(bdev_write(&r.bdev, 16384, buf, 4096), KB_EINVAL);
	FAILS(bdev_read(&r.bdev, 12288, buf, 8192), KB_EINVAL);
	OK(bdev_read(&file.bdev, 0, buf, ALL));
	assert_true(holds(0, 12288, 0x11) && holds(12288, 16384, 0x22));
	assert_true(holds(16384, 20480, 0) && holds(20480, ALL, 0x11));
}

TEST_MAIN("device_range", .first = open_file, .last = close_file)
