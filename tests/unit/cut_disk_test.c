/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/cut_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZE (1u << 20)

static struct cut_power power;
static struct cut_disk disk;
static uint8_t buf[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));

static int set_up(void **ctx)
{
	(void)ctx;
	cut_power_init(&power);
	cut_disk_init(&disk, &power, SIZE);
	return 0;
}

static int tear_down(void **ctx)
{
	(void)ctx;
	cut_disk_free(&disk);
	return 0;
}

static enum kb_err write_page(unsigned page, int value)
{
	memset(buf, value, sizeof(buf));
	return bdev_write(&disk.bdev, (uint64_t)page * BDEV_ALIGN, buf, sizeof(buf));
}

static int read_page(unsigned page)
{
	memset(buf, 0x55, sizeof(buf));
	if (bdev_read(&disk.bdev, (uint64_t)page * BDEV_ALIGN, buf, sizeof(buf)) != KB_OK)
		return -1;
	for (unsigned i = 1; i < sizeof(buf); i++)
		if (buf[i] != buf[0])
			return -2;
	return buf[0];
}

static int durable_page(unsigned page)
{
	const uint8_t *p = cut_content_page(&disk.durable, page);

	return p == NULL ? 0 : p[0];
}

static void reads_see_the_newest_write(void **ctx)
{
	(void)ctx;
	assert_int_equal(read_page(3), 0);
	assert_int_equal(write_page(3, 1), KB_OK);
	assert_int_equal(write_page(3, 2), KB_OK);
	assert_int_equal(read_page(3), 2);
	assert_int_equal(durable_page(3), 0);
}

static void a_flush_makes_the_newest_durable(void **ctx)
{
	(void)ctx;
	assert_int_equal(write_page(3, 1), KB_OK);
	assert_int_equal(write_page(3, 2), KB_OK);
	assert_int_equal(bdev_flush(&disk.bdev), KB_OK);
	assert_int_equal(durable_page(3), 2);
	assert_int_equal(disk.nversions, 0);
	assert_int_equal(read_page(3), 2);
}

static void after_a_cut_every_call_fails_and_nothing_lands(void **ctx)
{
	(void)ctx;
	power.cut_at = 2;
	assert_int_equal(write_page(1, 1), KB_OK);
	assert_int_equal(write_page(2, 2), KB_EIO);
	assert_int_equal(disk.nversions, 16); /* the one that was under way was issued */
	assert_int_equal(write_page(3, 3), KB_EIO);
	assert_int_equal(bdev_flush(&disk.bdev), KB_EIO);
	assert_int_equal(bdev_discard(&disk.bdev, 0, BDEV_ALIGN), KB_EIO);
	assert_int_equal(bdev_zero(&disk.bdev, 0, BDEV_ALIGN), KB_EIO);
	assert_int_equal(read_page(1), -1);
	assert_int_equal(disk.nversions, 16);
	assert_int_equal(durable_page(1), 0);
	assert_int_equal(power.ops, 2);
}

static void a_cut_in_a_flush_leaves_it_to_chance(void **ctx)
{
	(void)ctx;
	power.cut_at = 2;
	assert_int_equal(write_page(1, 1), KB_OK);
	assert_int_equal(bdev_flush(&disk.bdev), KB_EIO);
	assert_int_equal(disk.nversions, 8);
}

static void disks_share_the_power(void **ctx)
{
	struct cut_disk other;

	(void)ctx;
	cut_disk_init(&other, &power, SIZE);
	power.cut_at = 2;
	assert_int_equal(write_page(1, 1), KB_OK);
	assert_int_equal(bdev_flush(&other.bdev), KB_EIO);
	assert_int_equal(write_page(1, 1), KB_EIO);
	cut_disk_free(&other);
}

static void a_discarded_range_reads_as_the_disk_likes(void **ctx)
{
	static const int want[3] = { 7, 0, -2 };

	(void)ctx;
	for (int mode = 0; mode < 3; mode++) {
		disk.discarded = (enum cut_discarded)mode;
		assert_int_equal(write_page(1, 7), KB_OK);
		assert_int_equal(bdev_flush(&disk.bdev), KB_OK);
		assert_int_equal(bdev_discard(&disk.bdev, 0, 4 * BDEV_ALIGN), KB_OK);
		assert_int_equal(read_page(1), want[mode]);
		assert_int_equal(write_page(2, 9), KB_OK);
		assert_int_equal(read_page(2), 9);
		assert_int_equal(bdev_flush(&disk.bdev), KB_OK);
		assert_int_equal(read_page(1), want[mode]);
		assert_int_equal(read_page(2), 9);
	}
}

static void zeroing_costs_no_memory_and_is_a_write(void **ctx)
{
	(void)ctx;
	assert_int_equal(write_page(1, 7), KB_OK);
	assert_int_equal(bdev_flush(&disk.bdev), KB_OK);
	assert_int_equal(bdev_zero(&disk.bdev, 0, SIZE), KB_OK);
	assert_int_equal(read_page(1), 0);
	assert_int_equal(durable_page(1), 7);
	assert_int_equal(bdev_flush(&disk.bdev), KB_OK);
	assert_int_equal(durable_page(1), 0);
	assert_int_equal(disk.durable.hash, 0);
}

static void copies_share_until_they_differ(void **ctx)
{
	struct cut_content copy = { .size = 0 };
	uint64_t hash;

	(void)ctx;
	assert_int_equal(write_page(1, 7), KB_OK);
	assert_int_equal(bdev_flush(&disk.bdev), KB_OK);
	cut_content_copy(&copy, &disk.durable);
	hash = copy.hash;
	assert_ptr_equal(cut_content_page(&copy, 1), cut_content_page(&disk.durable, 1));
	assert_int_equal(write_page(1, 8), KB_OK);
	assert_int_equal(bdev_flush(&disk.bdev), KB_OK);
	assert_int_equal(cut_content_page(&copy, 1)[0], 7);
	assert_int_equal(durable_page(1), 8);
	assert_int_not_equal(disk.durable.hash, hash);
	assert_int_equal(write_page(1, 7), KB_OK);
	assert_int_equal(bdev_flush(&disk.bdev), KB_OK);
	assert_true(disk.durable.hash == hash);
	cut_content_free(&copy);
}

static void the_hash_tells_places_apart(void **ctx)
{
	uint64_t one;

	(void)ctx;
	assert_int_equal(disk.durable.hash, 0);
	assert_int_equal(write_page(1, 7), KB_OK);
	assert_int_equal(bdev_flush(&disk.bdev), KB_OK);
	one = disk.durable.hash;
	assert_int_equal(write_page(1, 0), KB_OK);
	assert_int_equal(write_page(2, 7), KB_OK);
	assert_int_equal(bdev_flush(&disk.bdev), KB_OK);
	assert_int_not_equal(disk.durable.hash, one);
	assert_int_not_equal(disk.durable.hash, 0);
}

static void a_bad_sector_heals_when_it_is_written(void **ctx)
{
	(void)ctx;
	cut_content_set_bad(&disk.durable, 9);
	assert_int_equal(read_page(1), -1);
	assert_int_equal(read_page(0), 0);
	assert_int_equal(write_page(1, 3), KB_OK);
	assert_int_equal(read_page(1), 3);
	assert_int_equal(bdev_flush(&disk.bdev), KB_OK);
	assert_int_equal(disk.durable.nbad, 0);
	assert_int_equal(read_page(1), 3);
}

static void single_operations_fail_as_told(void **ctx)
{
	(void)ctx;
	disk.fail_at = 1;
	disk.lose_at = 2;
	disk.flip_at = 3;
	disk.fail_read = 1;
	assert_int_equal(write_page(1, 1), KB_EIO);
	assert_int_equal(write_page(1, 1), KB_OK);
	assert_int_equal(read_page(1), -1);
	assert_int_equal(read_page(1), 0);
	assert_int_equal(write_page(1, 1), KB_OK);
	assert_int_equal(read_page(1), -2);
	disk.fail_at = 4;
	disk.fail_lands = disk.fail_stays = true;
	assert_int_equal(write_page(2, 2), KB_EIO);
	assert_int_equal(read_page(2), 2);
	assert_int_equal(write_page(2, 3), KB_EIO);
	assert_int_equal(read_page(2), 3);
}

static unsigned seen;

static void watch(void *ctx, const struct cut_op *op)
{
	assert_ptr_equal(ctx, &seen);
	assert_int_equal(op->kind, seen == 0 ? CUT_WRITE : CUT_FLUSH);
	assert_ptr_equal(op->disk, &disk);
	seen++;
}

static void each_operation_is_told_of(void **ctx)
{
	(void)ctx;
	power.watch = watch;
	power.ctx = &seen;
	assert_int_equal(write_page(1, 1), KB_OK);
	assert_int_equal(bdev_flush(&disk.bdev), KB_OK);
	assert_int_equal(seen, 2);
}

static void many_pending_sectors_are_found_again(void **ctx)
{
	(void)ctx;
	for (unsigned i = 0; i < SIZE / BDEV_ALIGN; i++)
		assert_int_equal(write_page(i, (int)(i & 0x7f) + 1), KB_OK);
	for (unsigned i = 0; i < SIZE / BDEV_ALIGN; i++)
		assert_int_equal(read_page(i), (int)(i & 0x7f) + 1);
	assert_int_equal(bdev_flush(&disk.bdev), KB_OK);
	assert_int_equal(durable_page(200), (200 & 0x7f) + 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(reads_see_the_newest_write),
		T(a_flush_makes_the_newest_durable),
		T(after_a_cut_every_call_fails_and_nothing_lands),
		T(a_cut_in_a_flush_leaves_it_to_chance),
		T(disks_share_the_power),
		T(a_discarded_range_reads_as_the_disk_likes),
		T(zeroing_costs_no_memory_and_is_a_write),
		T(copies_share_until_they_differ),
		T(the_hash_tells_places_apart),
		T(a_bad_sector_heals_when_it_is_written),
		T(single_operations_fail_as_told),
		T(each_operation_is_told_of),
		T(many_pending_sectors_are_found_again),
	};

	return cmocka_run_group_tests_name("cut_disk", tests, NULL, NULL);
}
