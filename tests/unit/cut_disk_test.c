/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/cut_disk.h"
#include "tests/unit/test.h"

#define SIZE (1u << 20)

static struct cut_power power;
static struct cut_disk disk;
static uint8_t buf[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));

static void set_up(void)
{
	cut_power_init(&power);
	cut_disk_init(&disk, &power, SIZE);
}

static void tear_down(void)
{
	cut_disk_free(&disk);
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

TEST(reads_see_the_newest_write)
{
	assert_int_equal(read_page(3), 0);
	OK(write_page(3, 1));
	OK(write_page(3, 2));
	EQUAL((read_page(3), 2), (durable_page(3), 0));
}

TEST(a_flush_of_a_range_leaves_the_rest_pending)
{
	OK(write_page(3, 1));
	OK(write_page(5, 2));
	OK(write_page(3, 4));
	OK(write_page(5, 3));
	OK(bdev_flush_range(&disk.bdev, 3 * BDEV_ALIGN, 2 * BDEV_ALIGN));
	EQUAL((durable_page(3), 4), (durable_page(5), 0), (read_page(5), 3));
	OK(write_page(3, 6));
	EQUAL((read_page(3), 6), (durable_page(3), 4));
	OK(bdev_flush(&disk.bdev));
	EQUAL((durable_page(3), 6), (durable_page(5), 3), (disk.nversions, 0));
}

TEST(a_flush_makes_the_newest_durable)
{
	OK(write_page(3, 1));
	OK(write_page(3, 2));
	OK(bdev_flush(&disk.bdev));
	EQUAL((durable_page(3), 2), (disk.nversions, 0), (read_page(3), 2));
}

TEST(after_a_cut_every_call_fails_and_nothing_lands)
{
	power.cut_at = 2;
	OK(write_page(1, 1));
	FAILS(write_page(2, 2), KB_EIO);
	assert_int_equal(disk.nversions, 16); /* the one that was under way was issued */
	FAILS(write_page(3, 3), KB_EIO);
	FAILS(bdev_flush(&disk.bdev), KB_EIO);
	FAILS(bdev_discard(&disk.bdev, 0, BDEV_ALIGN), KB_EIO);
	FAILS(bdev_zero(&disk.bdev, 0, BDEV_ALIGN), KB_EIO);
	EQUAL((read_page(1), -1), (disk.nversions, 16), (durable_page(1), 0), (power.ops, 2));
}

TEST(a_cut_in_a_flush_leaves_it_to_chance)
{
	power.cut_at = 2;
	OK(write_page(1, 1));
	FAILS(bdev_flush(&disk.bdev), KB_EIO);
	assert_int_equal(disk.nversions, 8);
}

TEST(disks_share_the_power)
{
	struct cut_disk other;

	cut_disk_init(&other, &power, SIZE);
	power.cut_at = 2;
	OK(write_page(1, 1));
	FAILS(bdev_flush(&other.bdev), KB_EIO);
	FAILS(write_page(1, 1), KB_EIO);
	cut_disk_free(&other);
}

TEST(a_discarded_range_reads_as_the_disk_likes)
{
	static const int want[3] = { 7, 0, -2 };

	for (int mode = 0; mode < 3; mode++) {
		disk.discarded = (enum cut_discarded)mode;
		OK(write_page(1, 7));
		OK(bdev_flush(&disk.bdev));
		OK(bdev_discard(&disk.bdev, 0, 4 * BDEV_ALIGN));
		assert_int_equal(read_page(1), want[mode]);
		OK(write_page(2, 9));
		assert_int_equal(read_page(2), 9);
		OK(bdev_flush(&disk.bdev));
		EQUAL((read_page(1), want[mode]), (read_page(2), 9));
	}
}

TEST(zeroing_costs_no_memory_and_is_a_write)
{
	OK(write_page(1, 7));
	OK(bdev_flush(&disk.bdev));
	OK(bdev_zero(&disk.bdev, 0, SIZE));
	EQUAL((read_page(1), 0), (durable_page(1), 7));
	OK(bdev_flush(&disk.bdev));
	EQUAL((durable_page(1), 0), (disk.durable.hash, 0));
}

TEST(copies_share_until_they_differ)
{
	struct cut_content copy = { .size = 0 };
	uint64_t hash;

	OK(write_page(1, 7));
	OK(bdev_flush(&disk.bdev));
	cut_content_copy(&copy, &disk.durable);
	hash = copy.hash;
	assert_ptr_equal(cut_content_page(&copy, 1), cut_content_page(&disk.durable, 1));
	OK(write_page(1, 8));
	OK(bdev_flush(&disk.bdev));
	EQUAL((cut_content_page(&copy, 1)[0], 7), (durable_page(1), 8));
	assert_int_not_equal(disk.durable.hash, hash);
	OK(write_page(1, 7));
	OK(bdev_flush(&disk.bdev));
	assert_true(disk.durable.hash == hash);
	cut_content_free(&copy);
}

TEST(the_hash_tells_places_apart)
{
	uint64_t one;

	assert_int_equal(disk.durable.hash, 0);
	OK(write_page(1, 7));
	OK(bdev_flush(&disk.bdev));
	one = disk.durable.hash;
	OK(write_page(1, 0));
	OK(write_page(2, 7));
	OK(bdev_flush(&disk.bdev));
	assert_int_not_equal(disk.durable.hash, one);
	assert_int_not_equal(disk.durable.hash, 0);
}

TEST(a_bad_sector_heals_when_it_is_written)
{
	cut_content_set_bad(&disk.durable, 9);
	EQUAL((read_page(1), -1), (read_page(0), 0));
	OK(write_page(1, 3));
	assert_int_equal(read_page(1), 3);
	OK(bdev_flush(&disk.bdev));
	EQUAL((disk.durable.nbad, 0), (read_page(1), 3));
}

TEST(single_operations_fail_as_told)
{
	disk.fail_at = 1;
	disk.flip_at = 2;
	FAILS(write_page(1, 1), KB_EIO);
	assert_int_equal(read_page(1), 0);
	OK(write_page(1, 1));
	assert_int_equal(read_page(1), -2);
	disk.fail_at = 3;
	disk.fail_lands = disk.fail_stays = true;
	FAILS(write_page(2, 2), KB_EIO);
	assert_int_equal(read_page(2), 2);
	FAILS(write_page(2, 3), KB_EIO);
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

TEST(each_operation_is_told_of)
{
	power.watch = watch;
	power.ctx = &seen;
	OK(write_page(1, 1));
	OK(bdev_flush(&disk.bdev));
	assert_int_equal(seen, 2);
}

TEST(many_pending_sectors_are_found_again)
{
	for (unsigned i = 0; i < SIZE / BDEV_ALIGN; i++)
		OK(write_page(i, (int)(i & 0x7f) + 1));
	for (unsigned i = 0; i < SIZE / BDEV_ALIGN; i++)
		assert_int_equal(read_page(i), (int)(i & 0x7f) + 1);
	OK(bdev_flush(&disk.bdev));
	assert_int_equal(durable_page(200), (200 & 0x7f) + 1);
}

TEST_MAIN("cut_disk", .set_up = set_up, .tear_down = tear_down)
