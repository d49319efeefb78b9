/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bdev.h"
#include "tests/unit/test.h"

#define BLOCKS 40
#define SIZE   ((uint64_t)BLOCKS * BDEV_ALIGN)

static uint8_t disk[SIZE] __attribute__((aligned(BDEV_ALIGN)));
static uint8_t buf[2 * BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));
static unsigned calls;
static enum kb_err answer;

static enum kb_err ram_read(struct bdev *b, uint64_t off, void *out, size_t len)
{
	calls++;
	memcpy(out, disk + off, len);
	return answer;
}

static enum kb_err ram_write(struct bdev *b, uint64_t off, const void *in, size_t len)
{
	calls++;
	memcpy(disk + off, in, len);
	return answer;
}

static enum kb_err ram_flush(struct bdev *b)
{
	calls++;
	return answer;
}

static enum kb_err ram_range(struct bdev *b, uint64_t off, uint64_t len)
{
	calls++;
	return answer;
}

static uint64_t written_out;

static void ram_write_out(struct bdev *b, uint64_t off, uint64_t len)
{
	written_out += len;
}

static const struct bdev_ops least = { .read = ram_read, .write = ram_write, .flush = ram_flush };
static const struct bdev_ops most = {
	.read = ram_read,
	.write = ram_write,
	.flush = ram_flush,
	.flush_range = ram_range,
	.write_out = ram_write_out,
	.discard = ram_range,
	.zero = ram_range,
	.drop_cache = ram_range,
};
static struct bdev b;

static void set_up(void)
{
	b = (struct bdev){ .ops = &most, .size = SIZE, .sector = 512 };
	calls = 0;
	answer = KB_OK;
	memset(disk, 0x5a, sizeof(disk));
}

TEST(a_range_goes_to_the_device)
{
	memset(buf, 1, sizeof(buf));
	OK(bdev_write(&b, BDEV_ALIGN, buf, BDEV_ALIGN));
	EQUAL((disk[BDEV_ALIGN - 1], 0x5a), (disk[BDEV_ALIGN], 1), (disk[2 * BDEV_ALIGN], 0x5a));
	OK(bdev_read(&b, 0, buf, 2 * BDEV_ALIGN));
	assert_memory_equal(buf, disk, 2 * BDEV_ALIGN);
	OK(bdev_read(&b, SIZE - BDEV_ALIGN, buf, BDEV_ALIGN));
	OK(bdev_flush(&b));
	assert_int_equal(calls, 4);
}

TEST(a_range_beyond_the_end_never_reaches_it)
{
	static const struct {
		uint64_t off, len;
	} bad[] = {
		{ SIZE, BDEV_ALIGN },
		{ SIZE - BDEV_ALIGN, 2 * BDEV_ALIGN },
		{ UINT64_MAX - BDEV_ALIGN + 1, BDEV_ALIGN },
		{ UINT64_MAX - BDEV_ALIGN + 1, 2 * BDEV_ALIGN },
		{ 0, SIZE + BDEV_ALIGN },
		{ 1, BDEV_ALIGN },
		{ 512, BDEV_ALIGN },
		{ 0, 1 },
		{ 0, BDEV_ALIGN + 512 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		FAILS(bdev_read(&b, bad[i].off, buf, bad[i].len), KB_EINVAL);
		FAILS(bdev_write(&b, bad[i].off, buf, bad[i].len), KB_EINVAL);
		FAILS(bdev_discard(&b, bad[i].off, bad[i].len), KB_EINVAL);
		FAILS(bdev_zero(&b, bad[i].off, bad[i].len), KB_EINVAL);
		FAILS(bdev_drop_cache(&b, bad[i].off, bad[i].len), KB_EINVAL);
		FAILS(bdev_flush_range(&b, bad[i].off, bad[i].len), KB_EINVAL);
		bdev_write_out(&b, bad[i].off, bad[i].len);
	}
	EQUAL((calls, 0), (written_out, 0));
}

TEST(errors_of_the_device_come_back)
{
	answer = KB_EIO;
	FAILS(bdev_read(&b, 0, buf, BDEV_ALIGN), KB_EIO);
	FAILS(bdev_write(&b, 0, buf, BDEV_ALIGN), KB_EIO);
	FAILS(bdev_flush(&b), KB_EIO);
	FAILS(bdev_discard(&b, 0, BDEV_ALIGN), KB_EIO);
	FAILS(bdev_zero(&b, 0, BDEV_ALIGN), KB_EIO);
	FAILS(bdev_drop_cache(&b, 0, BDEV_ALIGN), KB_EIO);
	FAILS(bdev_flush_range(&b, 0, BDEV_ALIGN), KB_EIO);
	b.ops = &least;
	FAILS(bdev_zero(&b, 0, 20 * BDEV_ALIGN), KB_EIO);
	FAILS(bdev_flush_range(&b, 0, BDEV_ALIGN), KB_EIO);
	assert_int_equal(calls, 9);
}

TEST(zeroes_are_written_where_the_device_cannot)
{
	b.ops = &least;
	OK(bdev_zero(&b, BDEV_ALIGN, 38 * BDEV_ALIGN));
	assert_int_equal(disk[BDEV_ALIGN - 1], 0x5a);
	for (size_t i = BDEV_ALIGN; i < 39 * BDEV_ALIGN; i++)
		assert_int_equal(disk[i], 0);
	EQUAL((disk[39 * BDEV_ALIGN], 0x5a), (calls > 1, true));
	OK(bdev_zero(&b, 0, 0));
}

TEST(what_a_device_lacks_is_no_error)
{
	b.ops = &least;
	OK(bdev_discard(&b, 0, SIZE));
	OK(bdev_drop_cache(&b, 0, SIZE));
	bdev_write_out(&b, 0, SIZE);
	EQUAL((calls, 0), (disk[0], 0x5a));
	/* Durable it has to become, if need be with all the rest. */
	OK(bdev_flush_range(&b, 0, BDEV_ALIGN));
	assert_int_equal(calls, 1);
}

TEST_MAIN("bdev", .set_up = set_up)
