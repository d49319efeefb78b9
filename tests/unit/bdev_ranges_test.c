/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bdev_ranges.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#define PART   ((size_t)1 << 20)
/* The kernel holds neighbours together: between the two nothing is in memory. */
#define SECOND ((uint64_t)3 << 20)
#define SIZE   ((off_t)4 << 20)
#define TIMES  200 /* by itself, the kernel may begin to write what is to stay dirty */

/* Linux 6.5; the headers of Debian 12 lack it. */
#define CACHESTAT 451

static char path[64];
static uint8_t buf[PART] __attribute__((aligned(BDEV_ALIGN)));
static struct bdev_file writer, readback;
static int page;
static int fail_msync;
static struct {
	unsigned calls;
	unsigned long long at; /* in the file */
	size_t len;
	int flags;
} synced;

static void set_up(void)
{
	int fd;

	page = (int)getauxval(AT_PAGESZ);
	fail_msync = 0;
	memset(&synced, 0, sizeof(synced));
	strcpy(path, "/var/tmp/bdev_ranges_test.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	close(fd);
	OK(bdev_file_open(&writer, path, BDEV_FILE_WRITE));
	OK(bdev_file_open(&readback, path, BDEV_FILE_DIRECT));
	memset(buf, 0x11, sizeof(buf));
}

static void tear_down(void)
{
	bdev_file_close(&readback);
	bdev_file_close(&writer);
	assert_int_equal(unlink(path), 0);
}

/* Where in the file a mapping begins. */
static unsigned long long place_of(const void *at)
{
	unsigned long long from, off = 1;
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%llx-%*x %*s %llx", &from, &off) == 2 && from == (uintptr_t)at)
			break;
	fclose(f);
	return off;
}

/* These are in place of the C library's. */
int getpagesize(void)
{
	return page;
}

int msync(void *at, size_t len, int flags)
{
	synced.calls++;
	synced.at = place_of(at);
	synced.len = len;
	synced.flags = flags;
	errno = fail_msync;
	return fail_msync != 0 ? -1 : (int)syscall(SYS_msync, at, len, flags);
}

static void write_both(void)
{
	OK(bdev_flush(&writer.bdev));
	OK(bdev_write(&writer.bdev, 0, buf, PART));
	OK(bdev_write(&writer.bdev, SECOND, buf, PART));
}

/* Pages of such a megabyte that nobody has begun to write. -1: this kernel does not say. */
static int dirty(uint64_t at)
{
	const uint64_t range[2] = { at, PART };
	struct {
		uint64_t cache, dirty, writeback, evicted, recently;
	} s;

	return syscall(CACHESTAT, writer.fd, range, &s, 0) == 0 ? (int)s.dirty : -1;
}

/* In memory, as /tmp may be, nothing is dirty. A busy kernel may write it at once. */
static void need_dirty_pages(void)
{
	for (unsigned i = 0; i < 10; i++) {
		write_both();
		if (dirty(0) != 0)
			break;
		usleep(10000);
	}
	if (dirty(0) <= 0)
		skip();
	bdev_ranges_use(&readback, &writer);
}

TEST(a_range_is_flushed_alone)
{
	bool alone = false;

	need_dirty_pages();
	for (unsigned i = 0; i < TIMES && !alone; i++) {
		write_both();
		OK(bdev_flush_range(&readback.bdev, SECOND, PART));
		alone = dirty(0) > 0;
		assert_int_equal(dirty(SECOND), 0);
		usleep(alone ? 0 : 10000);
	}
	assert_true(alone);
}

TEST(what_is_written_out_is_on_its_way)
{
	bool alone = false;

	need_dirty_pages();
	for (unsigned i = 0; i < TIMES && !alone; i++) {
		write_both();
		bdev_write_out(&readback.bdev, SECOND, PART);
		alone = dirty(0) > 0;
		assert_int_equal(dirty(SECOND), 0);
		usleep(alone ? 0 : 10000);
	}
	assert_true(alone);
}

TEST(the_range_is_that_which_was_asked_for)
{
	bdev_ranges_use(&readback, &writer);
	OK(bdev_flush_range(&readback.bdev, SECOND, PART));
	EQUAL((synced.calls, 1), (synced.at, SECOND), (synced.len, PART), (synced.flags, MS_SYNC));
}

/* Of 64 KiB on some AArch64. */
TEST(a_range_begins_with_a_page)
{
	page = 65536;
	bdev_ranges_use(&readback, &writer);
	OK(bdev_flush_range(&readback.bdev, SECOND + BDEV_ALIGN, BDEV_ALIGN));
	EQUAL((synced.at, SECOND), (synced.len, 2 * BDEV_ALIGN));
}

TEST(an_error_of_a_range_is_said)
{
	bdev_ranges_use(&readback, &writer);
	fail_msync = EIO;
	FAILS(bdev_flush_range(&readback.bdev, SECOND, PART), KB_EIO);
	assert_int_equal(synced.calls, 1);
}

/* Linux would flush nothing, and say that it did. */
TEST(what_cannot_be_written_to_flushes_no_range)
{
	struct bdev_file other;

	OK(bdev_file_open(&other, path, 0));
	bdev_ranges_use(&readback, &other);
	assert_null(readback.bdev.ops->flush_range);
	OK(bdev_flush_range(&readback.bdev, 0, PART));
	assert_int_equal(synced.calls, 0);
	bdev_file_close(&other);
}

TEST(without_a_mapping_all_is_flushed)
{
	write_both();
	bdev_ranges_use(&readback, &writer);
	readback.writer = -1;
	OK(bdev_flush_range(&readback.bdev, 0, PART));
	assert_int_equal(synced.calls, 0);
	EQUAL((dirty(0) <= 0, true), (dirty(SECOND) <= 0, true));
}

TEST_MAIN("bdev_ranges", .set_up = set_up, .tear_down = tear_down)
