/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bdev.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define BLOCKS 40
#define SIZE   ((uint64_t)BLOCKS * BDEV_ALIGN)

static uint8_t disk[SIZE] __attribute__((aligned(BDEV_ALIGN)));
static uint8_t buf[2 * BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));
static unsigned calls;
static enum kb_err answer;

static enum kb_err ram_read(struct bdev *b, uint64_t off, void *out, size_t len)
{
	(void)b;
	calls++;
	memcpy(out, disk + off, len);
	return answer;
}

static enum kb_err ram_write(struct bdev *b, uint64_t off, const void *in, size_t len)
{
	(void)b;
	calls++;
	memcpy(disk + off, in, len);
	return answer;
}

static enum kb_err ram_flush(struct bdev *b)
{
	(void)b;
	calls++;
	return answer;
}

static enum kb_err ram_range(struct bdev *b, uint64_t off, uint64_t len)
{
	(void)b, (void)off, (void)len;
	calls++;
	return answer;
}

static const struct bdev_ops least = { .read = ram_read, .write = ram_write, .flush = ram_flush };
static const struct bdev_ops most = {
	.read = ram_read,
	.write = ram_write,
	.flush = ram_flush,
	.discard = ram_range,
	.zero = ram_range,
	.drop_cache = ram_range,
};
static struct bdev b;

static int set_up(void **state)
{
	(void)state;
	b = (struct bdev){ .ops = &most, .size = SIZE, .sector = 512 };
	calls = 0;
	answer = KB_OK;
	memset(disk, 0x5a, sizeof(disk));
	return 0;
}

static void a_range_goes_to_the_device(void **state)
{
	(void)state;
	memset(buf, 1, sizeof(buf));
	assert_int_equal(bdev_write(&b, BDEV_ALIGN, buf, BDEV_ALIGN), KB_OK);
	assert_int_equal(disk[BDEV_ALIGN - 1], 0x5a);
	assert_int_equal(disk[BDEV_ALIGN], 1);
	assert_int_equal(disk[2 * BDEV_ALIGN], 0x5a);
	assert_int_equal(bdev_read(&b, 0, buf, 2 * BDEV_ALIGN), KB_OK);
	assert_memory_equal(buf, disk, 2 * BDEV_ALIGN);
	assert_int_equal(bdev_read(&b, SIZE - BDEV_ALIGN, buf, BDEV_ALIGN), KB_OK);
	assert_int_equal(bdev_flush(&b), KB_OK);
	assert_int_equal(calls, 4);
}

static void a_range_beyond_the_end_never_reaches_it(void **state)
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

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(bdev_read(&b, bad[i].off, buf, bad[i].len), KB_EINVAL);
		assert_int_equal(bdev_write(&b, bad[i].off, buf, bad[i].len), KB_EINVAL);
		assert_int_equal(bdev_discard(&b, bad[i].off, bad[i].len), KB_EINVAL);
		assert_int_equal(bdev_zero(&b, bad[i].off, bad[i].len), KB_EINVAL);
		assert_int_equal(bdev_drop_cache(&b, bad[i].off, bad[i].len), KB_EINVAL);
	}
	assert_int_equal(calls, 0);
}

static void errors_of_the_device_come_back(void **state)
{
	(void)state;
	answer = KB_EIO;
	assert_int_equal(bdev_read(&b, 0, buf, BDEV_ALIGN), KB_EIO);
	assert_int_equal(bdev_write(&b, 0, buf, BDEV_ALIGN), KB_EIO);
	assert_int_equal(bdev_flush(&b), KB_EIO);
	assert_int_equal(bdev_discard(&b, 0, BDEV_ALIGN), KB_EIO);
	assert_int_equal(bdev_zero(&b, 0, BDEV_ALIGN), KB_EIO);
	assert_int_equal(bdev_drop_cache(&b, 0, BDEV_ALIGN), KB_EIO);
	b.ops = &least;
	assert_int_equal(bdev_zero(&b, 0, 20 * BDEV_ALIGN), KB_EIO);
	assert_int_equal(calls, 7);
}

static void zeroes_are_written_where_the_device_cannot(void **state)
{
	(void)state;
	b.ops = &least;
	assert_int_equal(bdev_zero(&b, BDEV_ALIGN, 38 * BDEV_ALIGN), KB_OK);
	assert_int_equal(disk[BDEV_ALIGN - 1], 0x5a);
	for (size_t i = BDEV_ALIGN; i < 39 * BDEV_ALIGN; i++)
		assert_int_equal(disk[i], 0);
	assert_int_equal(disk[39 * BDEV_ALIGN], 0x5a);
	assert_true(calls > 1);
	assert_int_equal(bdev_zero(&b, 0, 0), KB_OK);
}

static void what_a_device_lacks_is_no_error(void **state)
{
	(void)state;
	b.ops = &least;
	assert_int_equal(bdev_discard(&b, 0, SIZE), KB_OK);
	assert_int_equal(bdev_drop_cache(&b, 0, SIZE), KB_OK);
	assert_int_equal(calls, 0);
	assert_int_equal(disk[0], 0x5a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_range_goes_to_the_device, set_up),
		cmocka_unit_test_setup(a_range_beyond_the_end_never_reaches_it, set_up),
		cmocka_unit_test_setup(errors_of_the_device_come_back, set_up),
		cmocka_unit_test_setup(zeroes_are_written_where_the_device_cannot, set_up),
		cmocka_unit_test_setup(what_a_device_lacks_is_no_error, set_up),
	};

	return cmocka_run_group_tests_name("bdev", tests, NULL, NULL);
}
