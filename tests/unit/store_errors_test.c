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

static struct bdev_sim disk, other_disk;
static struct faulty dev;
static struct store st;
static enum store_finding found;

static int set_up(void **ctx)
{
	(void)ctx;
	bdev_sim_init(&disk, STORE_MIN_SIZE);
	bdev_sim_init(&other_disk, STORE_MIN_SIZE);
	faulty_init(&dev, &disk.bdev);
	return 0;
}

static int tear_down(void **ctx)
{
	(void)ctx;
	bdev_sim_free(&disk);
	bdev_sim_free(&other_disk);
	return 0;
}

/* Loads from d, with the floor as a mark: what it finds there, 0 for nothing. */
static uint64_t load(struct bdev *d, struct state *s)
{
	assert_int_equal(store_load(&st, d, s, &found), KB_OK);
	if (found == STORE_FOUND)
		return s->floor;
	states_fresh(s);
	return 0;
}

static enum kb_err save(struct bdev *d, uint64_t mark)
{
	struct state s;

	load(d, &s);
	s.floor = mark;
	return store_save(&st, &s);
}

/* ---- reading */

static void record_that_fails_once_found_is_not_that_of_another_time(void **ctx)
{
	struct state s;

	(void)ctx;
	for (uint64_t mark = 1; mark <= 2; mark++)
		assert_int_equal(save(&dev.bdev, mark), KB_OK);
	/* What was read last stands in the same place of its ring. */
	for (uint64_t mark = 21; mark <= 22; mark++)
		assert_int_equal(save(&other_disk.bdev, mark), KB_OK);
	dev.reads = 0;
	dev.fail_read = (struct faulty_when){ SCAN_READS + 1, 2 };
	assert_int_equal(load(&dev.bdev, &s), 1);
}

static void record_that_reads_wrong_once_found_gives_way(void **ctx)
{
	struct state s;

	(void)ctx;
	assert_int_equal(save(&dev.bdev, 2), KB_OK);
	load(&dev.bdev, &s);
	/* A line of a newer writer, so that the bit that changes lies in what the CRC covers. */
	s.extra_len = STATE_PAYLOAD_MAX - 1000;
	memset(s.extra, 'x', s.extra_len);
	s.extra[s.extra_len - 1] = '\n';
	s.floor = 3;
	assert_int_equal(store_save(&st, &s), KB_OK);
	dev.reads = 0;
	dev.flip_read = (struct faulty_when){ SCAN_READS + 1, 2 };
	assert_int_equal(load(&dev.bdev, &s), 2);
}

/* The first read of 16 cells changes the ninth: where the newest record is, after 17. */
static void record_that_came_wrong_into_the_cache_is_read_past_it(void **ctx)
{
	struct state s;

	(void)ctx;
	for (uint64_t mark = 1; mark <= 17; mark++)
		assert_int_equal(save(&dev.bdev, mark), KB_OK);
	dev.reads = 0;
	dev.flip_read = (struct faulty_when){ 1, 1 };
	assert_int_equal(load(&dev.bdev, &s), 17);
	assert_int_equal(st.region, 0);
	assert_int_equal(st.cell, 8);
}

/* Nothing is written where nothing seems to be: the older record would be the newest for good. */
static void record_that_came_back_blank_is_asked_for_again(void **ctx)
{
	struct state s;

	(void)ctx;
	for (uint64_t mark = 1; mark <= 2 * STORE_CELLS + 40; mark++) {
		assert_int_equal(save(&dev.bdev, mark), KB_OK);
		for (unsigned n = 1; n <= SCAN_READS; n++) {
			faulty_init(&dev, &disk.bdev);
			dev.blank_read = (struct faulty_when){ n, 1 };
			assert_int_equal(load(&dev.bdev, &s), mark);
		}
		faulty_init(&dev, &disk.bdev);
	}
}

/* ---- writing */

static void what_only_the_page_cache_has_is_not_saved(void **ctx)
{
	struct state s;

	(void)ctx;
	assert_int_equal(save(&dev.bdev, 1), KB_OK);
	load(&dev.bdev, &s);
	dev.lose_write = (struct faulty_when)ALWAYS;
	assert_int_equal(store_save(&st, &s), KB_EIO);
}

static void cache_that_can_not_be_dropped_proves_nothing(void **ctx)
{
	(void)ctx;
	dev.fail_drop = (struct faulty_when)ALWAYS;
	assert_int_equal(save(&dev.bdev, 1), KB_EIO);
}

static void both_means_both(void **ctx)
{
	struct state s;

	(void)ctx;
	assert_int_equal(save(&dev.bdev, 1), KB_OK);
	load(&dev.bdev, &s);
	/* The first copy fails in either region; the second would not. */
	dev.writes = 0;
	dev.fail_write = (struct faulty_when){ 1, 2 };
	assert_int_equal(store_save_both(&st, &s), KB_EIO);
}

static void dead_region_is_left_alone(void **ctx)
{
	struct state s;

	(void)ctx;
	for (uint64_t mark = 1; mark <= 2; mark++)
		assert_int_equal(save(&dev.bdev, mark), KB_OK);
	for (int r = 0; r < 2; r++) {
		disk.dead[0].from = STORE_REGION(r);
		disk.dead[0].to = STORE_REGION(r) + (uint64_t)STORE_CELLS * STORE_CELL;
		disk.dead[0].reads = true;
		load(&dev.bdev, &s);
		dev.writes = 0;
		assert_int_equal(store_save_both(&st, &s), KB_OK);
		assert_int_equal(dev.writes, 2);
	}
}

static void lock_of_nothing_fails_at_once(void **ctx)
{
	(void)ctx;
	assert_int_equal(store_lock(-1, 100), KB_EIO);
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
	struct state s;

	load(&dev.bdev, &s);
	dev.reads = dev.writes = dev.flushes = dev.drops = dev.nops = 0;
	return store_manifest_write(&st, 0, &m, blob);
}

static void blob_is_durable_before_its_header_is_written(void **ctx)
{
	(void)ctx;
	assert_int_equal(write_manifest(1), KB_OK);
	dev.op[dev.nops] = '\0';
	assert_string_equal(dev.op, "wwwfwfwwwfwf");
}

static void header_is_not_written_over_a_blob_that_may_be_lost(void **ctx)
{
	(void)ctx;
	dev.fail_flush = (struct faulty_when){ 1, 1 };
	assert_int_equal(write_manifest(1), KB_OK);
	dev.op[dev.nops] = '\0';
	assert_string_equal(dev.op, "wwwfwwwfwf");
	dev.fail_flush.n = 0;
	dev.fail_write = (struct faulty_when){ 2, 1 };
	assert_int_equal(write_manifest(2), KB_OK);
	dev.op[dev.nops] = '\0';
	assert_string_equal(dev.op, "wwwwwfwf");
}

static void blob_that_only_the_page_cache_has_is_not_written(void **ctx)
{
	(void)ctx;
	for (unsigned page = 1; page <= 3; page++) {
		dev.lose_write = (struct faulty_when){ page, 1 };
		assert_int_equal(write_manifest((uint8_t)page), KB_OK);
		dev.op[dev.nops] = '\0';
		assert_string_equal(dev.op, "wwwfwwwfwf"); /* no header in the first copy */
	}
	dev.lose_write = (struct faulty_when)ALWAYS;
	assert_int_equal(write_manifest(9), KB_EIO);
}

static void blob_that_can_not_be_read_back_is_not_written(void **ctx)
{
	(void)ctx;
	for (unsigned page = 1; page <= 3; page++) {
		dev.fail_read = (struct faulty_when){ page, 1 };
		assert_int_equal(write_manifest((uint8_t)page), KB_OK);
		dev.op[dev.nops] = '\0';
		assert_string_equal(dev.op, "wwwfwwwfwf");
	}
	dev.fail_read.n = 0;
	dev.fail_drop = (struct faulty_when){ 2, 1 };
	assert_int_equal(write_manifest(9), KB_OK);
	dev.op[dev.nops] = '\0';
	assert_string_equal(dev.op, "wwwfwwwfwf");
}

/* Only what came back as zeroes is cleared; the other copy's zeroes are no proof. */
static void copy_that_can_not_be_read_back_is_not_cleared(void **ctx)
{
	struct state s;

	(void)ctx;
	assert_int_equal(write_manifest(1), KB_OK);
	load(&dev.bdev, &s);
	dev.reads = dev.writes = 0;
	dev.lose_write = (struct faulty_when){ 2, 1 };
	dev.fail_read = (struct faulty_when){ 2, 1 };
	faulty_forget(&dev, 0, dev.bdev.size, true);
	dev.cached = false;
	assert_int_equal(store_manifest_clear(&st, 0), KB_EIO);
}

static void manifest_whose_headers_are_damaged_is_not_blank(void **ctx)
{
	struct store_manifest m;
	struct state s;

	(void)ctx;
	assert_int_equal(write_manifest(1), KB_OK);
	for (int copy = 0; copy < 2; copy++)
		bdev_sim_scribble(&disk, STORE_MANIFEST(copy, 0), 512, 1);
	load(&dev.bdev, &s);
	assert_int_equal(store_manifest_read(&st, 0, &m, NULL, 0), KB_EFORMAT);
}

static void manifest_is_lost_when_neither_copy_is_whole_or_blank(void **ctx)
{
	struct state s;

	(void)ctx;
	assert_int_equal(write_manifest(1), KB_OK);
	load(&dev.bdev, &s);
	assert_false(store_manifest_lost(&st, 0));
	assert_false(store_manifest_lost(&st, 1));
	for (int copy = 0; copy < 2; copy++) {
		bdev_sim_scribble(&disk, STORE_MANIFEST(copy, 0), 512, 1);
		bdev_sim_scribble(&disk, STORE_MANIFEST(copy, 1), 512, 1);
		assert_int_equal(store_manifest_lost(&st, 0), copy == 1);
		assert_int_equal(store_manifest_lost(&st, 1), copy == 1);
	}
	assert_int_equal(store_manifest_clear(&st, 0), KB_OK);
	bdev_sim_scribble(&disk, STORE_MANIFEST(1, 0), 512, 1);
	assert_false(store_manifest_lost(&st, 0));
}

static void manifest_that_can_not_be_read_is_no_other(void **ctx)
{
	static uint8_t got[BLOB_LEN];
	struct store_manifest m;
	struct state s;

	(void)ctx;
	assert_int_equal(write_manifest(1), KB_OK);
	load(&dev.bdev, &s);
	for (unsigned page = 1; page <= 4; page++) {
		dev.reads = 0;
		dev.fail_read = (struct faulty_when){ page, ~0u - page };
		assert_int_equal(store_manifest_read(&st, 0, &m, got, sizeof(got)), KB_EIO);
	}
}

/* Both copies at once, as where a cable is loose for a moment. */
static void manifest_that_can_not_be_read_once_is_read(void **ctx)
{
	static uint8_t got[BLOB_LEN];
	struct store_manifest m;
	struct state s;

	(void)ctx;
	assert_int_equal(write_manifest(1), KB_OK);
	load(&dev.bdev, &s);
	for (unsigned failures = 0; failures <= 2; failures += 2) {
		dev.reads = 0;
		dev.fail_read = (struct faulty_when){ 1, failures };
		assert_int_equal(store_manifest_read(&st, 0, &m, got, sizeof(got)), KB_OK);
		assert_int_equal(dev.reads, failures + 1 + BLOB_LEN / BDEV_ALIGN);
	}
}

/* ---- history */

static void event_that_only_the_page_cache_has_is_not_written(void **ctx)
{
	struct history_event e = { .kind = HISTORY_GOOD, .slot = 0 };
	struct state s;

	(void)ctx;
	load(&dev.bdev, &s);
	dev.lose_write = (struct faulty_when)ALWAYS;
	assert_int_equal(store_history_add(&st, &e), KB_EIO);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(record_that_fails_once_found_is_not_that_of_another_time),
		T(record_that_reads_wrong_once_found_gives_way),
		T(record_that_came_wrong_into_the_cache_is_read_past_it),
		T(record_that_came_back_blank_is_asked_for_again),
		T(what_only_the_page_cache_has_is_not_saved),
		T(cache_that_can_not_be_dropped_proves_nothing),
		T(both_means_both),
		T(dead_region_is_left_alone),
		T(lock_of_nothing_fails_at_once),
		T(blob_is_durable_before_its_header_is_written),
		T(header_is_not_written_over_a_blob_that_may_be_lost),
		T(blob_that_only_the_page_cache_has_is_not_written),
		T(blob_that_can_not_be_read_back_is_not_written),
		T(copy_that_can_not_be_read_back_is_not_cleared),
		T(manifest_whose_headers_are_damaged_is_not_blank),
		T(manifest_is_lost_when_neither_copy_is_whole_or_blank),
		T(manifest_that_can_not_be_read_is_no_other),
		T(manifest_that_can_not_be_read_once_is_read),
		T(event_that_only_the_page_cache_has_is_not_written),
	};

	return cmocka_run_group_tests_name("store_errors", tests, NULL, NULL);
}
