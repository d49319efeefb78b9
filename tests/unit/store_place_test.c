/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where region 1 lies: at the end of a partition that is larger than it has to be, at 8 MiB where a
 * state is older, or was taken on by an older Keelboot. That one is this one on a disk that is cut
 * to the least size: it sees nothing of the rest.
 */
#include "tests/unit/store_disk.h"

#include "selector/cell.h"

#define MIB   ((uint64_t)1 << 20)
#define LARGE (96 * MIB)
#define END   (LARGE - 8 * MIB)
#define RING  ((uint64_t)STORE_CELLS * STORE_CELL)

static void set_up(void)
{
	bdev_sim_init(&disk, LARGE);
	bdev_sim_init(&trial_disk, LARGE);
}

static void tear_down(void)
{
	disk.bdev.size = trial_disk.bdev.size = LARGE;
	cut_disk_free(&disk);
	cut_disk_free(&trial_disk);
}

/* By a Keelboot that knows of 16 MiB and no more. */
static void old_save_mark(struct cut_disk *d, uint64_t n)
{
	uint64_t size = d->bdev.size;

	d->bdev.size = STORE_MIN_SIZE;
	save_mark(d, n);
	d->bdev.size = size;
}

static void lose(struct cut_disk *d, uint64_t from, uint64_t len)
{
	bdev_sim_scribble(d, from, len, from + 7);
}

static bool is_record(struct cut_disk *d, uint64_t at)
{
	OK(bdev_read(&d->bdev, at, cell_bytes, STORE_CELL));
	return memcmp(cell_bytes, "KEELSTAT", 8) == 0;
}

/* ---- a new state */

TEST(second_region_is_as_far_as_the_partition_lets_it)
{
	assert_true(store_second_of(STORE_MIN_SIZE) == 8 * MIB);
	assert_true(store_second_of(24 * MIB - 4096) == 8 * MIB); /* both places would overlap */
	EQUAL((store_second_of(24 * MIB), 16 * MIB), (store_second_of(72 * MIB), 64 * MIB));
	assert_int_equal(store_second_of(72 * MIB + MIB - 512), 64 * MIB);
}

TEST(new_state_has_its_regions_at_both_ends)
{
	EQUAL((loaded_mark(&disk), UINT64_MAX), (found, STORE_BLANK));
	for (uint64_t i = 1; i <= 300; i++) {
		save_mark(&disk, i);
		EQUAL((loaded_mark(&disk), i), (st.second, END), (st.seq, i));
		assert_int_equal(st.region, (i - 1) % 2);
	}
	assert_true(st.has_record[0] && st.has_record[1]);
	assert_true(is_record(&disk, 0) && is_record(&disk, END) && !is_record(&disk, 8 * MIB));
	/* An erase group of 64 MiB goes, and with it all that is not at the end. */
	lose(&disk, 0, 64 * MIB);
	assert_true(loaded_mark(&disk) == 300);
	save_mark(&disk, 301);
	assert_true(loaded_mark(&disk) == 301 && st.second == END);
	lose(&disk, END, 8 * MIB);
	assert_true(loaded_mark(&disk) == 301 && st.second == END);
}

TEST(state_of_the_least_size_is_as_it_always_was)
{
	old_save_mark(&disk, 1);
	old_save_mark(&disk, 2);
	for (int r = 0; r < 2; r++) {
		OK(bdev_read(&disk.bdev, STORE_REGION(r), cell_bytes, STORE_CELL));
		assert_true(bytes_all(cell_bytes + 36, CELL_HEADER - 36, 0));
	}
}

/* ---- a state of before */

TEST(older_state_stays_where_it_is)
{
	for (uint64_t i = 1; i <= 5; i++)
		old_save_mark(&disk, i);
	assert_true(loaded_mark(&disk) == 5 && st.second == 8 * MIB);
	for (uint64_t i = 6; i <= 10; i++) {
		save_mark(&disk, i);
		assert_true(loaded_mark(&disk) == i && st.second == 8 * MIB);
	}
	assert_false(is_record(&disk, END));
	/* One region is lost, then the other: it does not move for that, since what was lost may
	 * come back. */
	lose(&disk, 8 * MIB, RING);
	assert_true(loaded_mark(&disk) >= 9 && st.second == 8 * MIB);
	save_marks(&disk, 11, 12);
	lose(&disk, 0, RING);
	assert_true(loaded_mark(&disk) >= 11 && st.second == 8 * MIB);
}

/* What an earlier state of this partition left at its end says nothing, whatever its sequence. */
TEST(end_of_an_earlier_state_is_not_believed)
{
	for (uint64_t i = 100; i < 120; i++)
		save_mark(&disk, i);
	old_save_mark(&trial_disk, 1); /* a small image, written over the beginning */
	old_save_mark(&trial_disk, 2);
	for (uint64_t at = 0; at < STORE_MIN_SIZE; at += STORE_CELL) {
		OK(bdev_read(&trial_disk.bdev, at, cell_bytes, STORE_CELL));
		OK(bdev_write(&disk.bdev, at, cell_bytes, STORE_CELL));
	}
	OK(bdev_flush(&disk.bdev));
	assert_true(loaded_mark(&disk) == 2 && st.second == 8 * MIB);
	lose(&disk, 8 * MIB, RING);
	assert_true(loaded_mark(&disk) == 1 && st.second == 8 * MIB);
	save_marks(&disk, 3, 4);
	lose(&disk, 0, RING);
	assert_true(loaded_mark(&disk) >= 3 && loaded_mark(&disk) <= 4);
}

TEST(lost_state_of_before_is_rebuilt_where_its_manifests_are)
{
	struct store_manifest m = { .sequence = 5, .len = 6 };

	old_save_mark(&disk, 1);
	old_save_mark(&disk, 2);
	assert_true(loaded_mark(&disk) == 2);
	OK(store_manifest_write(&st, 1, &m, "abcdef"));
	lose(&disk, 0, 8 * MIB);
	lose(&disk, 8 * MIB, RING);
	EQUAL((loaded_mark(&disk), UINT64_MAX), (found, STORE_LOST), (st.second, 8 * MIB));
	OK(store_manifest_read(&st, 1, &m, NULL, 0));
}

/* ---- an older Keelboot on a state of today */

TEST(older_keelboot_may_miss_one_record_and_is_followed)
{
	for (unsigned n = 2; n <= 5; n++) {
		uint64_t size = disk.bdev.size;

		cut_disk_free(&disk);
		bdev_sim_init(&disk, size);
		save_marks(&disk, 1, n);
		disk.bdev.size = STORE_MIN_SIZE;
		assert_true(loaded_mark(&disk) == n - (n % 2 == 0)); /* at worst the newest */
		disk.bdev.size = size;
		for (uint64_t i = 50; i < 60; i++) {
			old_save_mark(&disk, i);
			assert_true(loaded_mark(&disk) == i && st.second == 8 * MIB);
		}
		/* Nor does the end win when region 0 is gone. */
		save_marks(&disk, 60, 61);
		assert_true(st.second == 8 * MIB);
		lose(&disk, 0, RING);
		assert_true(loaded_mark(&disk) >= 60);
	}
}

/* ---- a partition of another size */

TEST(image_keeps_its_place_in_a_larger_partition)
{
	disk.bdev.size = 40 * MIB;
	save_marks(&disk, 1, 4);
	assert_true(st.second == 32 * MIB);
	disk.bdev.size = LARGE;
	assert_true(loaded_mark(&disk) == 4 && st.second == 32 * MIB);
	save_marks(&disk, 5, 6);
	EQUAL((loaded_mark(&disk), 6), (st.second, 32 * MIB), (is_record(&disk, END), false));
	/* A new state forgets both places. */
	for (unsigned i = 0; i < 2; i++) {
		struct store before = st;

		kill_bytes(&disk, 0, i == 0 ? 32 * MIB : END, STORE_CELL, WRITES);
		FAILS(store_erase(&st), KB_EIO);
		st = before;
	}
}

TEST(place_beyond_the_end_is_not_used)
{
	save_marks(&disk, 1, 5);
	disk.bdev.size = 40 * MIB;
	assert_true(loaded_mark(&disk) == 5 && st.second == 32 * MIB);
	save_marks(&disk, 6, 7);
	assert_true(loaded_mark(&disk) == 7 && st.has_record[0] && st.has_record[1]);
	disk.bdev.size = STORE_MIN_SIZE;
	assert_true(loaded_mark(&disk) == 7 && st.second == 8 * MIB);
}

/* Copied to where it does not belong, as by a partition that was moved inside its image. */
TEST(cell_of_another_place_is_not_believed)
{
	save_marks(&disk, 1, 2);
	OK(bdev_read(&disk.bdev, END, cell_bytes, STORE_CELL));
	OK(bdev_write(&disk.bdev, 8 * MIB, cell_bytes, STORE_CELL));
	lose(&disk, END, RING);
	assert_true(loaded_mark(&disk) == 1 && st.second == END);
}

/* ---- loss of power, and errors */

/* One save, cut at each of its operations, in each way. */
static void cut_one_save(uint64_t old, uint64_t new)
{
	for (unsigned at = 1; at <= 3; at++) {
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			uint64_t is;

			bdev_sim_copy(&trial_disk, &disk);
			trial_disk.own.cut_at = trial_disk.own.ops + at;
			if (try_mark(&trial_disk, new) == KB_OK)
				assert_true(at == 3);
			bdev_sim_cut(&trial_disk, seed);
			is = loaded_mark(&trial_disk);
			EQUAL((is == old || is == new, true), (at < 3 || is == new, true));
			/* What was read holds: the next save is above it. */
			save_and_load_mark(&trial_disk, 99);
		}
	}
}

TEST(cut_leaves_the_old_record_or_the_new_one)
{
	save_mark(&disk, 1);
	for (uint64_t i = 2; i < 8; i++) {
		cut_one_save(i - 1, i);
		save_mark(&disk, i);
	}
	/* The same when an older Keelboot was here: the state moves with a save of ours. */
	old_save_mark(&disk, 10);
	for (uint64_t i = 11; i < 15; i++) {
		cut_one_save(i - 1, i);
		save_mark(&disk, i);
	}
	assert_true(loaded_mark(&disk) == 14 && st.second == 8 * MIB);
}

TEST(cut_in_the_making_of_a_state_leaves_none_or_it)
{
	for (unsigned at = 1; at <= 6; at++) {
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			struct state s;
			uint64_t is;
			enum kb_err err;

			bdev_sim_copy(&trial_disk, &disk);
			load(&trial_disk, &s);
			states_fresh(&s);
			s.floor = 5;
			trial_disk.own.cut_at = trial_disk.own.ops + at;
			err = store_save_both(&st, &s);
			bdev_sim_cut(&trial_disk, seed);
			is = loaded_mark(&trial_disk);
			assert_true(is == 5 || (is == UINT64_MAX && err != KB_OK));
			assert_true(st.second == END);
		}
	}
}

/* Both copies of what must not come back are there before the first byte of a slot is written. */
TEST(no_lost_region_brings_back_what_was_saved_over_in_both)
{
	const uint64_t from[] = { 0, END };
	struct state s;

	save_marks(&disk, 1, 3);
	load(&disk, &s);
	s.floor = 9;
	OK(store_save_both(&st, &s));
	for (unsigned i = 0; i < 2; i++) {
		bdev_sim_copy(&trial_disk, &disk);
		lose(&trial_disk, from[i], 8 * MIB);
		assert_true(loaded_mark(&trial_disk) == 9);
	}
}

TEST(manifests_are_at_both_ends)
{
	struct store_manifest m = { .sequence = 5, .len = 6 };
	char blob[8];

	save_marks(&disk, 1, 2);
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		OK(store_manifest_write(&st, i, &m, "abcdef"));
	lose(&disk, 0, 64 * MIB);
	assert_true(loaded_mark(&disk) == 2);
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		OK(store_manifest_read(&st, i, &m, blob, sizeof(blob)));
	OK(store_manifest_clear(&st, 3));
	FAILS(store_manifest_read(&st, 3, &m, blob, sizeof(blob)), KB_EBLANK);
	assert_true(loaded_mark(&disk) == 2);
}

/* Region 0 cannot be read for a while: what was at the end is read by the partition's size. */
TEST(unreadable_region_0_hides_nothing)
{
	save_marks(&disk, 1, 4);
	kill_bytes(&disk, 0, 0, RING, READS | WRITES);
	assert_true(loaded_mark(&disk) == 4 && st.region_dead[0]);
	save_marks(&disk, 5, 6);
	disk.dead[0].to = 0;
	assert_true(loaded_mark(&disk) == 6 && st.second == END);
}

/* ---- what was there before */

TEST(erased_is_erased)
{
	disk.durable.blank = 0xff;
	for (uint64_t i = 1; i <= 9; i++)
		old_save_mark(&disk, i);
	assert_true(loaded_mark(&disk) == 9);
	OK(store_erase(&st));
	bdev_sim_cut(&disk, 0);
	EQUAL((loaded_mark(&disk), UINT64_MAX), (found, STORE_BLANK), (st.second, END));
	/* Every cell of each place was written: a hole in an image is not copied. */
	assert_true(cut_content_page(&disk.durable, 0) != NULL &&
		    cut_content_page(&disk.durable, 8 * MIB / BDEV_ALIGN + 63) != NULL &&
		    cut_content_page(&disk.durable, END / BDEV_ALIGN + 63) != NULL);
	for (unsigned i = 0; i < 3; i++) {
		const uint64_t at[] = { 0, 8 * MIB, END };

		assert_true(loaded_mark(&disk) == UINT64_MAX);
		kill_bytes(&disk, 0, at[i], STORE_CELL, WRITES);
		FAILS(store_erase(&st), KB_EIO);
	}
}

TEST(what_cannot_be_read_after_all_is_not_erased)
{
	struct state s;

	save_mark(&disk, 1);
	load(&disk, &s);
	kill_bytes(&disk, 0, 0, LARGE, READS);
	FAILS(store_erase(&st), KB_EIO);
}

TEST(forged_end_of_sequences_leaves_nothing_at_8_mib)
{
	static const uint64_t seq[] = { UINT64_MAX, UINT64_MAX - 5 };
	static const char text[] = "nslots=2\nfloor=1\n";

	for (int r = 0; r < 2; r++) {
		struct cell_info info = { .format = 1, .min_reader = 1, .size = STORE_CELL };

		info.region = (uint8_t)r;
		info.seq = seq[r];
		info.len = sizeof(text) - 1;
		info.second = r == 0 ? END : 0;
		memset(cell_bytes, 0, sizeof(cell_bytes));
		memcpy(cell_bytes + CELL_HEADER, text, sizeof(text) - 1);
		cell_seal(cell_bytes, "KEELSTAT", &info);
		OK(bdev_write(&disk.bdev, STORE_REGION(r), cell_bytes, STORE_CELL));
	}
	OK(bdev_flush(&disk.bdev));
	assert_true(loaded_mark(&disk) == 1 && st.second == END);
	/* What cannot be erased there would be newer than what begins anew. */
	kill_bytes(&disk, 0, 8 * MIB, STORE_CELL, WRITES);
	FAILS(try_mark(&disk, 9), KB_EIO);
	assert_true(loaded_mark(&disk) == 1);
	kill_bytes(&disk, 0, 0, 0, 0);
	for (uint64_t i = 10; i < 14; i++)
		save_and_load_mark(&disk, i);
}

TEST(state_is_seen_by_its_first_cells)
{
	assert_false(store_is_likely(&disk.bdev));
	save_marks(&disk, 1, 2);
	lose(&disk, 0, 64 * MIB);
	assert_true(store_is_likely(&disk.bdev));
	lose(&disk, END, RING);
	assert_false(store_is_likely(&disk.bdev));
	disk.bdev.size = 4096;
	assert_false(store_is_likely(&disk.bdev));
	disk.bdev.size = LARGE;
}

TEST_MAIN("tests", .set_up = set_up, .tear_down = tear_down)
