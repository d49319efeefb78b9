/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bdev_ranges.h"
#include "tests/unit/test.h"

#include <sys/syscall.h>

#define HALF ((size_t)1 << 20)

/* Linux 6.5; the headers of Debian 12 lack it. */
#define CACHESTAT 451

static char path[64];
static uint8_t buf[2 * HALF] __attribute__((aligned(BDEV_ALIGN)));
static struct bdev_file writer, readback;

static void set_up(void)
{
	int fd;

	strcpy(path, "/var/tmp/bdev_ranges_test.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 2 * HALF), 0);
	close(fd);
	OK(bdev_file_open(&writer, path, BDEV_FILE_WRITE));
	OK(bdev_file_open(&readback, path, BDEV_FILE_DIRECT));
	memset(buf, 0x11, sizeof(buf));
	OK(bdev_flush(&writer.bdev));
	OK(bdev_write(&writer.bdev, 0, buf, sizeof(buf)));
}

static void tear_down(void)
{
	bdev_file_close(&readback);
	bdev_file_close(&writer);
	assert_int_equal(unlink(path), 0);
}

/* Pages of this half that nobody has begun to write. -1: this kernel does not say. */
static int dirty(unsigned half)
{
	const uint64_t range[2] = { half * HALF, HALF };
	struct {
		uint64_t cache, dirty, writeback, evicted, recently;
	} s;

	if (syscall(CACHESTAT, writer.fd, range, &s, 0) != 0)
		return -1;
	return (int)s.dirty;
}

/* In memory, as /tmp may be, nothing is dirty. */
static void need_dirty_pages(void)
{
	if (dirty(0) <= 0)
		skip();
}

TEST(a_range_is_flushed_alone)
{
	need_dirty_pages();
	bdev_ranges_use(&readback, &writer);
	OK(bdev_flush_range(&readback.bdev, 0, HALF));
	EQUAL((dirty(0), 0), (dirty(1) > 0, true));
	OK(bdev_flush_range(&readback.bdev, HALF, HALF));
	assert_int_equal(dirty(1), 0);
}

TEST(what_is_written_out_is_on_its_way)
{
	need_dirty_pages();
	bdev_ranges_use(&readback, &writer);
	bdev_write_out(&readback.bdev, HALF, HALF);
	EQUAL((dirty(0) > 0, true), (dirty(1), 0));
}

/* Linux would flush nothing, and say that it did. */
TEST(what_cannot_be_written_to_flushes_no_range)
{
	struct bdev_file other;

	OK(bdev_file_open(&other, path, 0));
	bdev_ranges_use(&readback, &other);
	assert_null(readback.bdev.ops->flush_range);
	OK(bdev_flush_range(&readback.bdev, 0, HALF));
	assert_true(dirty(0) <= 0);
	bdev_file_close(&other);
}

TEST(without_a_mapping_all_is_flushed)
{
	bdev_ranges_use(&readback, &writer);
	readback.writer = -1;
	OK(bdev_flush_range(&readback.bdev, 0, HALF));
	EQUAL((dirty(0) <= 0, true), (dirty(1) <= 0, true));
}

TEST_MAIN("bdev_ranges", .set_up = set_up, .tear_down = tear_down)
