/* SPDX-License-Identifier: Apache-2.0 */
/* What the store makes of a medium that fails at one point: nothing that is not known to be durable
 * counts as written, and nothing that did not come back as it was counts as read. */
#include "tests/unit/faulty.h"
#include "tests/unit/states.h"

#include "selector/store_internal.h"
#include "tests/sim/bdev_sim.h"

#define ALWAYS         \
	{              \
		1, ~0u \
	}
#define SCAN_READS 10u /* of both regions, by 16 cells, and of the cell behind the newest */

static struct cut_disk disk, other_disk;
static struct faulty dev;
static struct store st;
static enum store_finding found;
static struct state s;

static void set_up(void)
{
	bdev_sim_init(&disk, STORE_MIN_SIZE);
	bdev_sim_init(&other_disk, STORE_MIN_SIZE);
	faulty_init(&dev, &disk.bdev);
}

static void tear_down(void)
{
	cut_disk_free(&disk);
	cut_disk_free(&other_disk);
}

/* Loads from d, with the floor as a mark: what it finds there, 0 for nothing. */
static uint64_t load(struct bdev *d, struct state *to)
{
	OK(store_load(&st, d, to, &found));
	if (found == STORE_FOUND)
		return to->floor;
	states_fresh(to);
	return 0;
}

static enum kb_err save(struct bdev *d, uint64_t mark)
{
	struct state to;

	load(d, &to);
	to.floor = mark;
	return store_save(&st, &to);
}

/* ---- reading */

TEST(record_that_fails_once_found_is_not_that_of_another_time)
{
	for (uint64_t mark = 1; mark <= 2; mark++)
		OK(save(&dev.bdev, mark));
	/* What was read last stands in the same place of its ring. */
	for (uint64_t mark = 21; mark <= 22; mark++)
		OK(save(&other_disk.bdev, mark));
	dev.reads = 0;
	dev.fail_read = (struct faulty_when){ SCAN_READS + 1, 2 };
	assert_int_equal(load(&dev.bdev, &s), 1);
}

/* It may answer again, and would be written over then: floor and ledgers gone. */
TEST(state_whose_disk_goes_offline_once_found_is_not_lost)
{
	static const enum kb_err says[] = { KB_EIO, KB_ENODEV, KB_ETIMEDOUT, KB_EPERM };

	for (uint64_t mark = 1; mark <= 2; mark++)
		OK(save(&dev.bdev, mark));
	for (unsigned i = 0; i < KB_ARRAY_LEN(says); i++) {
		dev.reads = 0;
		dev.read_err = says[i];
		dev.fail_read = (struct faulty_when){ SCAN_READS + 1, 100 };
		FAILS(store_load(&st, &dev.bdev, &s, &found), KB_EIO);
	}
}

TEST(record_that_reads_wrong_once_found_gives_way)
{
	OK(save(&dev.bdev, 2));
	load(&dev.bdev, &s);
	/* A line of a newer writer, so that the bit that changes lies in what the CRC covers. */
	s.extra_len = STATE_PAYLOAD_MAX - 1000;
	memset(s.extra, 'x', s.extra_len);
	s.extra[s.extra_len - 1] = '\n';
	s.floor = 3;
	OK(store_save(&st, &s));
	dev.reads = 0;
	dev.flip_read = (struct faulty_when){ SCAN_READS + 1, 2 };
	assert_int_equal(load(&dev.bdev, &s), 2);
}

/* The first read of 16 cells changes the ninth: where the newest record is, after 17. */
TEST(record_that_came_wrong_into_the_cache_is_read_past_it)
{
	for (uint64_t mark = 1; mark <= 17; mark++)
		OK(save(&dev.bdev, mark));
	dev.reads = 0;
	dev.flip_read = (struct faulty_when){ 1, 1 };
	EQUAL((load(&dev.bdev, &s), 17), (st.region, 0), (st.cell, 8));
}

/* Nothing is written where nothing seems to be: the older record would be the newest for good. */
TEST(record_that_came_back_blank_is_asked_for_again)
{
	for (uint64_t mark = 1; mark <= 2 * STORE_CELLS + 40; mark++) {
		OK(save(&dev.bdev, mark));
		for (unsigned n = 1; n <= SCAN_READS; n++) {
			faulty_init(&dev, &disk.bdev);
			dev.blank_read = (struct faulty_when){ n, 1 };
			assert_int_equal(load(&dev.bdev, &s), mark);
		}
		faulty_init(&dev, &disk.bdev);
	}
}

/* ---- writing */

TEST(what_only_the_page_cache_has_is_not_saved)
{
	OK(save(&dev.bdev, 1));
	load(&dev.bdev, &s);
	dev.lose_write = (struct faulty_when)ALWAYS;
	FAILS(store_save(&st, &s), KB_EIO);
}

TEST(cache_that_can_not_be_dropped_proves_nothing)
{
	dev.fail_drop = (struct faulty_when)ALWAYS;
	FAILS(save(&dev.bdev, 1), KB_EIO);
}

TEST(both_means_both)
{
	OK(save(&dev.bdev, 1));
	load(&dev.bdev, &s);
	/* The first copy fails in either region; the second would not. */
	dev.writes = 0;
	dev.fail_write = (struct faulty_when){ 1, 2 };
	FAILS(store_save_both(&st, &s), KB_EIO);
}

TEST(dead_region_is_left_alone)
{
	for (uint64_t mark = 1; mark <= 2; mark++)
		OK(save(&dev.bdev, mark));
	for (int r = 0; r < 2; r++) {
		disk.dead[0].from = STORE_REGION(r);
		disk.dead[0].to = STORE_REGION(r) + (uint64_t)STORE_CELLS * STORE_CELL;
		disk.dead[0].reads = true;
		load(&dev.bdev, &s);
		dev.writes = 0;
		OK(store_save_both(&st, &s));
		assert_int_equal(dev.writes, 2);
	}
}

TEST(lock_of_nothing_fails_at_once)
{
	FAILS(store_lock(-1, 100), KB_EIO);
}

/* ---- manifests */

#define BLOB_LEN (3 * BDEV_ALIGN)

static uint8_t blob[BLOB_LEN];

/* All pages alike, so that one stands for another that did not come. */
static struct store_manifest manifest(uint8_t n)
{
	struct store_manifest m = { .sequence = n, .len = BLOB_LEN };

	memset(m.release, n, sizeof(m.release));
	memset(blob, n, sizeof(blob));
	return m;
}

static enum kb_err write_manifest(uint8_t n)
{
	struct store_manifest m = manifest(n);
	struct state to;

	load(&dev.bdev, &to);
	dev.reads = dev.writes = dev.flushes = dev.drops = dev.nops = 0;
	return store_manifest_write(&st, 0, &m, blob);
}

/* Written, by these operations. */
static void manifest_takes(uint8_t n, const char *operations)
{
	OK(write_manifest(n));
	dev.op[dev.nops] = '\0';
	assert_string_equal(dev.op, operations);
}

TEST(blob_is_durable_before_its_header_is_written)
{
	manifest_takes(1, "wwwfwfwwwfwf");
}

TEST(header_is_not_written_over_a_blob_that_may_be_lost)
{
	dev.fail_flush = (struct faulty_when){ 1, 1 };
	manifest_takes(1, "wwwfwwwfwf");
	dev.fail_flush.n = 0;
	dev.fail_write = (struct faulty_when){ 2, 1 };
	manifest_takes(2, "wwwwwfwf");
}

TEST(blob_that_only_the_page_cache_has_is_not_written)
{
	for (unsigned page = 1; page <= 3; page++) {
		dev.lose_write = (struct faulty_when){ page, 1 };
		manifest_takes((uint8_t)page, "wwwfwwwfwf"); /* no header in the first copy */
	}
	dev.lose_write = (struct faulty_when)ALWAYS;
	FAILS(write_manifest(9), KB_EIO);
}

TEST(blob_that_can_not_be_read_back_is_not_written)
{
	for (unsigned page = 1; page <= 3; page++) {
		dev.fail_read = (struct faulty_when){ page, 1 };
		manifest_takes((uint8_t)page, "wwwfwwwfwf");
	}
	dev.fail_read.n = 0;
	dev.fail_drop = (struct faulty_when){ 2, 1 };
	manifest_takes(9, "wwwfwwwfwf");
}

/* Only what came back as zeroes is cleared; the other copy's zeroes are no proof. */
TEST(copy_that_can_not_be_read_back_is_not_cleared)
{
	OK(write_manifest(1));
	load(&dev.bdev, &s);
	dev.reads = dev.writes = 0;
	dev.lose_write = (struct faulty_when){ 2, 1 };
	dev.fail_read = (struct faulty_when){ 2, 1 };
	faulty_forget(&dev, 0, dev.bdev.size, true);
	dev.cached = false;
	FAILS(store_manifest_clear(&st, 0), KB_EIO);
}

TEST(manifest_whose_headers_are_damaged_is_not_blank)
{
	struct store_manifest m;

	OK(write_manifest(1));
	for (int copy = 0; copy < 2; copy++)
		bdev_sim_scribble(&disk, STORE_MANIFEST(copy, 0), 512, 1);
	load(&dev.bdev, &s);
	FAILS(store_manifest_read(&st, 0, &m, NULL, 0), KB_EFORMAT);
}

TEST(manifest_is_lost_when_neither_copy_is_whole_or_blank)
{
	OK(write_manifest(1));
	load(&dev.bdev, &s);
	EQUAL((store_manifest_lost(&st, 0), false), (store_manifest_lost(&st, 1), false));
	for (int copy = 0; copy < 2; copy++) {
		bdev_sim_scribble(&disk, STORE_MANIFEST(copy, 0), 512, 1);
		bdev_sim_scribble(&disk, STORE_MANIFEST(copy, 1), 512, 1);
		assert_int_equal(store_manifest_lost(&st, 0), copy == 1);
		assert_int_equal(store_manifest_lost(&st, 1), copy == 1);
	}
	OK(store_manifest_clear(&st, 0));
	bdev_sim_scribble(&disk, STORE_MANIFEST(1, 0), 512, 1);
	assert_false(store_manifest_lost(&st, 0));
}

TEST(manifest_that_can_not_be_read_is_no_other)
{
	static uint8_t got[BLOB_LEN];
	struct store_manifest m;

	OK(write_manifest(1));
	load(&dev.bdev, &s);
	for (unsigned page = 1; page <= 4; page++) {
		dev.reads = 0;
		dev.fail_read = (struct faulty_when){ page, ~0u - page };
		FAILS(store_manifest_read(&st, 0, &m, got, sizeof(got)), KB_EIO);
	}
}

/* Both copies at once, as where a cable is loose for a moment. */
TEST(manifest_that_can_not_be_read_once_is_read)
{
	static uint8_t got[BLOB_LEN];
	struct store_manifest m;

	OK(write_manifest(1));
	load(&dev.bdev, &s);
	for (unsigned failures = 0; failures <= 2; failures += 2) {
		dev.reads = 0;
		dev.fail_read = (struct faulty_when){ 1, failures };
		OK(store_manifest_read(&st, 0, &m, got, sizeof(got)));
		assert_int_equal(dev.reads, failures + 1 + BLOB_LEN / BDEV_ALIGN);
	}
}

/* ---- history */

TEST(event_that_only_the_page_cache_has_is_not_written)
{
	struct history_event e = { .kind = HISTORY_GOOD, .slot = 0 };

	load(&dev.bdev, &s);
	dev.lose_write = (struct faulty_when)ALWAYS;
	FAILS(store_history_add(&st, &e), KB_EIO);
}

TEST_MAIN("store_errors", .set_up = set_up, .tear_down = tear_down)
