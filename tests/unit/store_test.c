/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store_disk.h"

#include "selector/cell.h"

static struct state s;

static void set_up(void)
{
	bdev_sim_init(&disk, STORE_MIN_SIZE);
	bdev_sim_init(&trial_disk, STORE_MIN_SIZE);
}

static void tear_down(void)
{
	cut_disk_free(&disk);
	cut_disk_free(&trial_disk);
}

static void lose_region(struct cut_disk *d, int r, bool unreadable)
{
	uint64_t from = STORE_REGION(r), len = (uint64_t)STORE_CELLS * STORE_CELL;

	if (!unreadable) {
		bdev_sim_scribble(d, from, len, 99);
		return;
	}
	kill_bytes(d, (unsigned)r, from, len, READS | WRITES);
}

/* ---- load */

TEST(new_partition_is_blank)
{
	load(&disk, &s);
	EQUAL((found, STORE_BLANK), (st.has_record[0], false), (st.has_record[1], false));
	disk.durable.blank = 0xff;
	load(&disk, &s);
	EQUAL((found, STORE_BLANK), (disk.own.ops, 0));
}

TEST(anything_else_without_a_record_is_lost)
{
	bdev_sim_scribble(&disk, STORE_REGION(1) + 63 * STORE_CELL, 512, 1);
	load(&disk, &s);
	EQUAL((found, STORE_LOST), (disk.own.ops, 0));
}

TEST(blank_beside_an_unreadable_region_is_lost)
{
	lose_region(&disk, 0, true);
	load(&disk, &s);
	assert_int_equal(found, STORE_LOST);
	lose_region(&disk, 1, true);
	FAILS(store_load(&st, &disk.bdev, &s, &found), KB_EIO);
}

TEST(partition_may_not_be_too_small)
{
	disk.bdev.size -= BDEV_ALIGN;
	FAILS(store_load(&st, &disk.bdev, &s, &found), KB_EINVAL);
	disk.bdev.size += BDEV_ALIGN;
}

TEST(what_is_saved_is_loaded_through_many_rounds_of_both_rings)
{
	for (uint64_t i = 1; i <= 300; i++) {
		save_mark(&disk, i);
		EQUAL((loaded_mark(&disk), i), (st.seq, i), (st.region, (i - 1) % 2));
		assert_int_equal(st.cell, (i - 1) / 2 % STORE_CELLS);
	}
	load(&disk, &s);
	EQUAL((s.seq, 300), (s.format, STATE_FORMAT));
}

TEST(one_unreadable_cell_costs_that_cell_only)
{
	save_marks(&disk, 1, 2);
	kill_bytes(&disk, 0, STORE_REGION(1), STORE_CELL, READS);
	EQUAL((loaded_mark(&disk), 1), (st.region_dead[1], false));
}

/* The disk, with one read that fails, or is wrong, and would be right the next time. */
static struct flaky {
	struct bdev bdev;
	unsigned reads, bad;
	bool wrong, stays; /* it is wrong; every read after it fails as well */
	bool blank;	   /* it is zeroes */
} flaky;

static enum kb_err flaky_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	struct flaky *f = (struct flaky *)b;
	uint8_t *p = buf;

	OK(bdev_read(&disk.bdev, off, buf, len));
	if (++f->reads != f->bad && !(f->stays && f->bad != 0 && f->reads > f->bad))
		return KB_OK;
	for (size_t at = 0; at < len; at += BDEV_ALIGN)
		p[at + 100] ^= 1;
	if (f->blank)
		memset(buf, 0, len);
	return f->wrong ? KB_OK : KB_EIO;
}

static enum kb_err flaky_write(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	return bdev_write(&disk.bdev, off, buf, len);
}

static enum kb_err flaky_flush(struct bdev *b)
{
	return bdev_flush(&disk.bdev);
}

/* The disk, of which this read fails; 0: none. */
static struct bdev *make_flaky(unsigned bad)
{
	static const struct bdev_ops ops = { .read = flaky_read,
					     .write = flaky_write,
					     .flush = flaky_flush };

	flaky = (struct flaky){ .bdev = { .ops = &ops, .size = disk.bdev.size }, .bad = bad };
	return &flaky.bdev;
}

static unsigned load_flaky(unsigned bad, bool wrong, uint64_t *mark)
{
	struct state to;

	make_flaky(bad);
	flaky.wrong = wrong;
	OK(store_load(&st, &flaky.bdev, &to, &found));
	assert_int_equal(found, STORE_FOUND);
	*mark = to.floor;
	return flaky.reads;
}

/* Else the state goes back to the record before, for good: the next save goes over the newest. */
TEST(read_that_fails_once_costs_no_record)
{
	unsigned reads;
	uint64_t mark;

	save_marks(&disk, 1, 5);
	reads = load_flaky(0, false, &mark);
	for (unsigned bad = 1; bad <= reads; bad++) {
		load_flaky(bad, false, &mark);
		assert_int_equal(mark, 5);
		load_flaky(bad, true, &mark);
		assert_int_equal(mark, 5);
	}
}

/* Else process 1 would write a state that it made anew over one that is there. */
TEST(state_that_was_there_and_cannot_be_read_any_more_is_not_lost)
{
	unsigned reads, errors = 0;
	uint64_t mark;

	save_marks(&disk, 1, 5);
	reads = load_flaky(0, false, &mark);
	for (unsigned bad = 1; bad <= reads; bad++) {
		enum kb_err err;

		make_flaky(bad);
		flaky.stays = true;
		err = store_load(&st, &flaky.bdev, &s, &found);
		errors += err == KB_EIO;
		assert_true(err == KB_EIO || (err == KB_OK && found == STORE_FOUND));
	}
	assert_true(errors >= 2);
}

TEST(cell_in_a_wrong_place_is_not_believed)
{
	save_marks(&disk, 1, 2); /* region 1, cell 0 */
	OK(bdev_read(&disk.bdev, STORE_REGION(1), cell_bytes, STORE_CELL));
	bdev_sim_scribble(&disk, STORE_REGION(1), STORE_CELL, 5);
	OK(bdev_write(&disk.bdev, STORE_REGION(1) + 5 * STORE_CELL, cell_bytes, STORE_CELL));
	assert_true(loaded_mark(&disk) == 1);
	OK(bdev_write(&disk.bdev, STORE_REGION(0) + STORE_CELL, cell_bytes, STORE_CELL));
	assert_true(loaded_mark(&disk) == 1);
}

/* Puts a text with a right CRC into a cell. */
static void put_record(int region, unsigned index, uint64_t seq, uint16_t min_reader,
		       const char *text)
{
	struct cell_info info = {
		.format = min_reader,
		.min_reader = min_reader,
		.len = (uint32_t)strlen(text),
		.size = STORE_CELL,
		.region = (uint8_t)region,
		.index = (uint16_t)index,
		.seq = seq,
	};

	memset(cell_bytes, 0, sizeof(cell_bytes));
	memcpy(cell_bytes + CELL_HEADER, text, strlen(text));
	cell_seal(cell_bytes, "KEELSTAT", &info);
	OK(bdev_write(&disk.bdev, STORE_REGION(region) + index * STORE_CELL, cell_bytes,
		      STORE_CELL));
	OK(bdev_flush(&disk.bdev));
}

TEST(record_that_can_not_be_read_gives_way_to_an_older_one)
{
	save_mark(&disk, 1);
	put_record(1, 9, 5, 1, "no slots here\n");
	assert_true(loaded_mark(&disk) == 1);
	assert_true(st.seq == 5); /* what is written next goes above it */
	put_record(1, 9, 0, 1, "nslots=2\n");
	assert_true(loaded_mark(&disk) == 1);
}

TEST(sequences_are_compared_in_64_bits)
{
	put_record(0, 3, 0x00000001ffffffffu, 1, "nslots=2\nfloor=1\n");
	put_record(1, 3, 0x0000000200000000u, 1, "nslots=2\nfloor=2\n");
	put_record(0, 4, 0x00000000ffffffffu, 1, "nslots=2\nfloor=3\n");
	assert_true(loaded_mark(&disk) == 2);
}

/* Only somebody who forges a record gets there; what it says holds, and all goes on. */
static void forge_the_last_sequence(void)
{
	put_record(0, 5, UINT64_MAX, 1, "nslots=2\nfloor=1\n");
	put_record(0, 7, UINT64_MAX - 1, 1, "nslots=2\nfloor=3\n");
	put_record(1, 5, UINT64_MAX - 2, 1, "nslots=2\nfloor=4\n");
	put_record(1, 6, 12, 1, "nslots=2\nfloor=5\n");
	load(&disk, &s);
}

TEST(sequences_begin_anew_at_their_end)
{
	forge_the_last_sequence();
	s.open = 1;
	s.open_token = 0;
	for (uint64_t n = 10; n < 20; n++) {
		s.floor = n;
		OK(store_save(&st, &s));
		EQUAL((s.seq, STORE_SEQ_ANEW + n - 9), (loaded_mark(&disk), n));
	}
	assert_true(s.open_token == STORE_SEQ_ANEW + 1);
	lose_region(&disk, st.region, false);
	assert_true(loaded_mark(&disk) == 18);
}

/* Slow storage, and a watchdog that ends each boot in the middle: each gets further. */
TEST(sequences_begin_anew_in_boots_that_are_short)
{
	unsigned boots = 0;
	enum kb_err err;

	for (unsigned i = 0; i < 2 * STORE_CELLS; i++)
		put_record((int)(i % 2), i / 2, UINT64_MAX - i, 1, "nslots=2\nfloor=1\n");
	do {
		load(&disk, &s);
		assert_true(s.floor == 1);
		s.floor = 10;
		disk.own.cut_at = disk.own.ops + 21;
		err = store_save(&st, &s);
		bdev_sim_cut(&disk, boots++);
	} while (err != KB_OK && boots < 100);
	assert_int_equal(err, KB_OK);
	assert_in_range(boots, 10, 14);
	assert_true(loaded_mark(&disk) == 10);
}

/* A forged record that looked cleared would be above all that is saved after it. */
TEST(no_read_that_is_blank_once_brings_back_what_is_behind)
{
	for (unsigned bad = 1; bad == 1 || flaky.reads >= flaky.bad; bad++) {
		for (unsigned stuck = 0; stuck < 2; stuck++) {
			forge_the_last_sequence();
			OK(store_load(&st, make_flaky(0), &s, &found));
			s.floor = 10;
			flaky.reads = 0;
			flaky.bad = bad;
			flaky.wrong = flaky.blank = true;
			kill_bytes(&disk, 0, STORE_REGION(1) + 5 * STORE_CELL, stuck * STORE_CELL,
				   WRITES);
			if (store_save(&st, &s) == KB_OK)
				assert_true(loaded_mark(&disk) == 10);
			kill_bytes(&disk, 0, 0, 0, 0);
		}
	}
	assert_true(flaky.bad > 2 * STORE_CELLS);
}

/* What could not be cleared because it could not be read is not the newest when it can. */
TEST(region_that_comes_back_is_older_than_what_began_anew)
{
	put_record(0, 5, UINT64_MAX, 1, "nslots=2\nfloor=1\n");
	put_record(1, 5, 500, 1, "nslots=2\nfloor=4\n");
	lose_region(&disk, 1, true);
	save_mark(&disk, 10);
	disk.dead[1].reads = disk.dead[1].writes = false;
	assert_true(loaded_mark(&disk) == 10);
}

/* Nor do cells that are dead, among them the one that would be written. */
TEST(dead_cells_keep_no_sequence_at_its_end)
{
	forge_the_last_sequence();
	kill_bytes(&disk, 0, STORE_REGION(1) + 6 * STORE_CELL, 14 * STORE_CELL, READS | WRITES);
	save_and_load_mark(&disk, 10);
}

/* It is not taken for the newest forever because it cannot be read as a record. */
TEST(last_sequence_without_a_record_stops_nothing)
{
	put_record(0, 5, UINT64_MAX, 1, "nonsense\n");
	save_and_load_mark(&disk, 2);
	put_record(1, 9, UINT64_MAX, 1, "nonsense\n");
	save_and_load_mark(&disk, 3);
}

TEST(forged_record_that_can_not_be_cleared_is_no_success)
{
	forge_the_last_sequence();
	/* it would be the newest */
	kill_bytes(&disk, 0, STORE_REGION(0) + 7 * STORE_CELL, STORE_CELL, WRITES);
	s.floor = 10;
	FAILS(store_save(&st, &s), KB_EIO);
	assert_true(loaded_mark(&disk) == 1);
}

/* Nothing new can be written: the newest record stays. */
TEST(sequences_that_cannot_begin_anew_end_nothing)
{
	put_record(0, 5, UINT64_MAX, 1, "nslots=2\nfloor=1\n");
	load(&disk, &s);
	lose_region(&disk, 1, true);
	disk.dead[1].reads = false;
	kill_bytes(&disk, 0, STORE_REGION(0) + 6 * STORE_CELL, (STORE_CELLS - 6) * STORE_CELL,
		   WRITES);
	s.floor = 10;
	FAILS(store_save(&st, &s), KB_EIO);
	assert_true(loaded_mark(&disk) == 1);
}

/* A write that fails uses one up, and so does the second one. */
TEST(last_sequences_are_enough_for_a_write_that_fails)
{
	lose_region(&disk, 1, true);
	disk.dead[1].reads = false;
	for (uint64_t left = 0; left < 4; left++) {
		put_record(0, 5, UINT64_MAX - left, 1, "nslots=2\nfloor=1\n");
		save_and_load_mark(&disk, 10 + left);
		save_and_load_mark(&disk, 20 + left);
	}
}

TEST(cell_that_can_not_be_cleared_is_no_success)
{
	forge_the_last_sequence();
	kill_bytes(&disk, 0, STORE_REGION(0) + 5 * STORE_CELL, STORE_CELL, WRITES);
	s.floor = 10;
	s.open = 1;
	s.open_token = 0;
	FAILS(store_save(&st, &s), KB_EIO);
	assert_true(s.seq == UINT64_MAX && s.open_token == 0);
	disk.dead[0].reads = true; /* it may come back */
	FAILS(store_save(&st, &s), KB_EIO);
	disk.dead[0].reads = false;
	assert_true(loaded_mark(&disk) == 1);
	disk.dead[0].writes = false;
	save_and_load_mark(&disk, 10);
}

TEST(newer_record_keeps_its_format_and_lines)
{
	put_record(0, 0, 1, 7, "nslots=2\na.st=trial\na.tries=3\nmagic=v7\n");
	load(&disk, &s);
	assert_true(s.newer && s.format == 7 && s.min_reader == 7);
	s.slot[0].tries = 2;
	OK(store_save(&st, &s));
	load(&disk, &s);
	EQUAL((s.newer, true), (s.format, 7), (s.min_reader, 7), (s.slot[0].tries, 2), (s.seq, 2));
	OK(bdev_read(&disk.bdev, STORE_REGION(1), cell_bytes, STORE_CELL));
	assert_non_null(memmem(cell_bytes, STORE_CELL, "\nmagic=v7\n", 10));
}

/* ---- save */

TEST(attempt_that_is_handed_over_has_its_token)
{
	save_mark(&disk, 1);
	load(&disk, &s);
	s.open = 0;
	s.open_token = 0;
	s.handed = 1;
	OK(store_save(&st, &s));
	load(&disk, &s);
	assert_true(s.open_token == 2 && s.handed == 2);
	s.open_token = 0;
	s.handed = 0;
	OK(store_save(&st, &s));
	load(&disk, &s);
	assert_true(s.open_token == 3 && s.handed == 0);
}

TEST(open_token_is_the_sequence_of_the_charge)
{
	save_mark(&disk, 1);
	load(&disk, &s);
	s.open = 0;
	s.open_token = 0;
	OK(store_save(&st, &s));
	assert_true(s.open_token == 2 && s.seq == 2);
	OK(store_save(&st, &s)); /* not a new charge */
	assert_true(s.open_token == 2 && s.seq == 3);
	load(&disk, &s);
	assert_true(s.open_token == 2);
	s.open_token = 0;
	OK(store_save_both(&st, &s));
	assert_true(s.open_token == 4 && s.seq == 5);
	disk.fail_at = disk.own.ops + 1;
	disk.fail_stays = true;
	s.open_token = 0;
	FAILS(store_save(&st, &s), KB_EIO);
	assert_true(s.open_token == 0 && s.seq == 5);
}

TEST(save_costs_one_write_and_one_flush)
{
	save_mark(&disk, 1);
	EQUAL((disk.writes, 1), (disk.flushes, 1));
}

TEST(write_that_lands_wrong_is_noticed)
{
	save_mark(&disk, 1);
	disk.flip_at = disk.own.ops + 1;
	save_mark(&disk, 2);
	assert_int_equal(disk.writes, 3); /* read back, and written elsewhere */
	EQUAL((loaded_mark(&disk), 2), (st.region, 0));
}

TEST(region_that_can_not_be_written_is_passed_by)
{
	save_mark(&disk, 1);
	kill_bytes(&disk, 0, STORE_REGION(1), STORE_CELLS * STORE_CELL, WRITES);
	for (uint64_t i = 2; i < 200; i++) {
		save_mark(&disk, i);
		EQUAL((loaded_mark(&disk), i), (st.region, 0));
	}
}

TEST(worn_cell_is_passed_by_at_the_next_try)
{
	save_mark(&disk, 1);
	kill_bytes(&disk, 0, STORE_REGION(1), STORE_CELL, WRITES);
	load(&disk, &s);
	OK(store_save(&st, &s));
	assert_int_equal(st.region, 0);
	OK(store_save(&st, &s));
	EQUAL((st.region, 1), (st.cell, 1));
}

TEST(newest_record_is_never_written_over)
{
	save_mark(&disk, 1);
	load(&disk, &s);
	disk.fail_stays = true;
	for (unsigned i = 0; i < 2 * STORE_CELLS; i++) {
		disk.fail_at = disk.own.ops + 1;
		FAILS(store_save(&st, &s), KB_EIO);
	}
	bdev_sim_cut(&disk, 1);
	assert_true(loaded_mark(&disk) == 1);
}

/* Each cut of op(): old or new, new if it was told to be done, and what is loaded can be saved
 * over.
 */
static void assert_every_cut(enum kb_err (*op)(struct store *, struct state *), uint64_t old)
{
	bool done = false;

	for (unsigned cut = 1; !done; cut++)
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			struct state to;
			uint64_t mark;
			enum kb_err err;

			bdev_sim_copy(&trial_disk, &disk);
			load(&trial_disk, &to);
			to.floor = old + 1;
			trial_disk.own.cut_at = cut;
			err = op(&st, &to);
			done = !trial_disk.own.off;
			assert_int_equal(err == KB_OK, done);
			bdev_sim_cut(&trial_disk, seed);
			mark = loaded_mark(&trial_disk);
			assert_true(mark == old + 1 || (mark == old && !done));
			save_and_load_mark(&trial_disk, old + 2);
		}
}

TEST(cut_while_sequences_begin_anew_gives_old_or_new)
{
	forge_the_last_sequence();
	assert_every_cut(store_save, 1);
}

TEST(cut_save_gives_old_or_new)
{
	for (uint64_t n = 1; n <= 3; n++) {
		save_mark(&disk, 10 * n);
		assert_every_cut(store_save, 10 * n);
	}
}

TEST(cut_save_both_gives_old_or_new)
{
	for (uint64_t n = 1; n <= 3; n++) {
		save_mark(&disk, 10 * n);
		assert_every_cut(store_save_both, 10 * n);
	}
}

TEST(cut_after_a_wrapped_ring_gives_old_or_new)
{
	save_marks(&disk, 1, 2 * STORE_CELLS + 1);
	assert_every_cut(store_save, 2 * STORE_CELLS + 1);
}

TEST(failed_save_leaves_old_or_new)
{
	save_mark(&disk, 1);
	for (unsigned at = 1; at <= 4; at++)
		for (int how = 0; how < 4; how++) {
			uint64_t mark;
			enum kb_err err;

			bdev_sim_copy(&trial_disk, &disk);
			load(&trial_disk, &s);
			s.floor = 2;
			trial_disk.fail_at = at;
			trial_disk.fail_lands = how & 1;
			trial_disk.fail_stays = how & 2;
			err = store_save(&st, &s);
			assert_true((how & 2 && at <= 2) == (err != KB_OK));
			bdev_sim_cut(&trial_disk, 1);
			mark = loaded_mark(&trial_disk);
			assert_true(mark == 2 || (err != KB_OK && mark == 1));
		}
}

TEST(after_save_both_no_lost_region_brings_back_the_old)
{
	for (unsigned before = 1; before <= 4; before++) {
		save_mark(&disk, before);
		for (int r = 0; r < 2; r++)
			for (int how = 0; how < 2; how++) {
				bdev_sim_copy(&trial_disk, &disk);
				load(&trial_disk, &s);
				s.floor = 77;
				OK(store_save_both(&st, &s));
				bdev_sim_cut(&trial_disk, 0);
				lose_region(&trial_disk, r, how == 1);
				assert_true(loaded_mark(&trial_disk) == 77);
			}
	}
}

TEST(after_one_save_a_lost_region_may_bring_back_the_old)
{
	save_marks(&disk, 1, 2);
	lose_region(&disk, st.region, false);
	assert_true(loaded_mark(&disk) == 1);
}

TEST(dead_region_puts_both_copies_into_the_living_one)
{
	for (int r = 0; r < 2; r++)
		for (unsigned before = 1; before <= 2; before++) {
			int cell;

			bdev_sim_cut(&disk, 0);
			save_mark(&disk, before);
			save_mark(&disk, before);
			lose_region(&disk, r, true);
			load(&disk, &s);
			assert_true(st.region_dead[r] && !st.region_dead[1 - r]);
			s.floor = 50;
			cell = st.cell;
			OK(store_save_both(&st, &s));
			EQUAL((st.region, 1 - r), (st.cell, (cell + 2) % (int)STORE_CELLS));
			assert_int_equal(loaded_mark(&disk), 50);
			bdev_sim_scribble(&disk,
					  STORE_REGION(1 - r) + (unsigned)st.cell * STORE_CELL,
					  STORE_CELL, 4);
			assert_true(loaded_mark(&disk) == 50);
		}
}

TEST(dead_region_survives_cuts)
{
	save_marks(&disk, 1, 2);
	for (unsigned cut = 1; cut <= 5; cut++)
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			uint64_t mark;

			bdev_sim_copy(&trial_disk, &disk);
			lose_region(&trial_disk, 0, true);
			load(&trial_disk, &s);
			s.floor = 3;
			trial_disk.own.cut_at = cut;
			(void)!store_save_both(&st, &s);
			bdev_sim_cut(&trial_disk, seed);
			lose_region(&trial_disk, 0, true);
			mark = loaded_mark(&trial_disk);
			assert_true(mark == 2 || mark == 3);
		}
}

/* ---- manifests */

static uint8_t blob[STORE_MANIFEST_MAX], got[STORE_MANIFEST_MAX];

static struct store_manifest manifest_of(uint8_t n, size_t len)
{
	struct store_manifest m = { .sequence = n, .floor = n / 2u, .version = "1.0", .len = len };

	memset(m.release, n, sizeof(m.release));
	for (size_t i = 0; i < len; i++)
		blob[i] = (uint8_t)(i * 7 + n);
	return m;
}

/* The release in a slot's cell: its n; 0 for none, 255 for damaged. */
static int read_manifest(struct cut_disk *d, int slot)
{
	struct store_manifest m;
	struct state to;
	enum kb_err err;

	load(d, &to);
	err = store_manifest_read(&st, slot, &m, got, sizeof(got));
	if (err == KB_EBLANK)
		return 0;
	if (err != KB_OK)
		return 255;
	for (size_t i = 0; i < m.len; i++)
		assert_int_equal(got[i], (uint8_t)(i * 7 + m.release[0]));
	return m.release[0];
}

static void write_manifest(struct cut_disk *d, int slot, uint8_t n, size_t len)
{
	struct store_manifest m = manifest_of(n, len);
	struct state to;

	load(d, &to);
	OK(store_manifest_write(&st, slot, &m, blob));
}

TEST(manifest_comes_back_for_each_slot)
{
	static const size_t lens[] = { 0,    1,	    4095,  4096,
				       4097, 20000, 65536, STORE_MANIFEST_MAX - 4096 };
	struct store_manifest m;

	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		write_manifest(&disk, i, (uint8_t)(i + 1), lens[i]);
	for (int i = 0; i < STATE_SLOTS_MAX; i++) {
		assert_int_equal(read_manifest(&disk, i), i + 1);
		OK(store_manifest_read(&st, i, &m, NULL, 0));
		EQUAL((m.len, lens[i]), (m.sequence, (uint64_t)i + 1));
		EQUAL((m.floor, ((uint64_t)i + 1) / 2), (m.version, "1.0"));
	}
	FAILS(store_manifest_read(&st, 7, &m, got, 100), KB_ENOSPC);
	save_and_load_mark(&disk, 1); /* the map does not overlap */
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		assert_int_equal(read_manifest(&disk, i), i + 1);
}

TEST(manifest_arguments_are_checked)
{
	struct store_manifest m = { .len = STORE_MANIFEST_MAX - 4096 + 1 };

	load(&disk, &s);
	FAILS(store_manifest_write(&st, 0, &m, blob), KB_EINVAL);
	m.len = 0;
	FAILS(store_manifest_write(&st, 8, &m, blob), KB_EINVAL);
	FAILS(store_manifest_write(&st, -1, &m, blob), KB_EINVAL);
	FAILS(store_manifest_clear(&st, 8), KB_EINVAL);
	FAILS(store_manifest_read(&st, -1, &m, NULL, 0), KB_EINVAL);
}

TEST(manifest_survives_the_loss_of_either_copy)
{
	for (int copy = 0; copy < 2; copy++) {
		write_manifest(&disk, 2, 9, 5000);
		bdev_sim_scribble(&disk, STORE_MANIFEST(copy, 2), 512, 1);
		assert_int_equal(read_manifest(&disk, 2), 9);
		write_manifest(&disk, 2, 9, 5000);
		bdev_sim_scribble(&disk, STORE_MANIFEST(copy, 2) + 8192, 512, 1);
		assert_int_equal(read_manifest(&disk, 2), 9);
	}
	bdev_sim_scribble(&disk, STORE_MANIFEST(0, 2), 512, 1);
	assert_int_equal(read_manifest(&disk, 2), 255);
}

TEST(manifest_in_a_wrong_place_is_not_believed)
{
	static uint8_t page[4096] __attribute__((aligned(BDEV_ALIGN)));

	write_manifest(&disk, 2, 9, 0);
	OK(bdev_read(&disk.bdev, STORE_MANIFEST(0, 2), page, 4096));
	OK(bdev_write(&disk.bdev, STORE_MANIFEST(0, 3), page, 4096));
	OK(bdev_write(&disk.bdev, STORE_MANIFEST(1, 4), page, 4096));
	EQUAL((read_manifest(&disk, 3), 255), (read_manifest(&disk, 4), 255));
	bytes_put16(page + 10, 2); /* its least reader */
	OK(bdev_write(&disk.bdev, STORE_MANIFEST(0, 2), page, 4096));
	OK(bdev_write(&disk.bdev, STORE_MANIFEST(1, 2), page, 4096));
	FAILS(store_manifest_read(&st, 2, &(struct store_manifest){ 0 }, NULL, 0), KB_ENEWER);
}

/* With the checksum of what it claims, which reaches into the next slot's cell. */
TEST(manifest_that_is_too_long_is_not_believed)
{
	static uint8_t cell[STORE_MANIFEST_MAX + 4096] __attribute__((aligned(BDEV_ALIGN)));
	const uint32_t len = STORE_MANIFEST_MAX - 4096 + 1;
	struct store_manifest m;

	write_manifest(&disk, 2, 9, 100);
	for (int copy = 0; copy < 2; copy++) {
		uint64_t base = STORE_MANIFEST(copy, 2);

		OK(bdev_read(&disk.bdev, base, cell, sizeof(cell)));
		bytes_put32(cell + 12, len);
		cell_put_crc(cell, bytes_crc32c(cell_crc_start(cell), cell + CELL_HEADER,
						4096 - CELL_HEADER + len));
		OK(bdev_write(&disk.bdev, base, cell, 4096));
	}
	FAILS(store_manifest_read(&st, 2, &m, NULL, 0), KB_EFORMAT);
	assert_true(store_manifest_lost(&st, 2));
}

TEST(cleared_manifest_is_blank)
{
	write_manifest(&disk, 1, 3, 9000);
	load(&disk, &s);
	OK(store_manifest_clear(&st, 1));
	EQUAL((read_manifest(&disk, 1), 0), (read_manifest(&disk, 0), 0));
}

static enum kb_err write_other_manifest(void)
{
	struct store_manifest m = manifest_of(4, 6000);

	return store_manifest_write(&st, 1, &m, blob);
}

static enum kb_err clear_manifest(void)
{
	return store_manifest_clear(&st, 1);
}

/* Each cut of a change of manifest 3: the release in the cell is `new` once that was said to be
 * done. Before, it may be 3, or `damaged`; and what is there can be written over. To clear takes a
 * copy that cannot be read for none, so its word counts only while there is power. */
static void assert_every_manifest_cut(enum kb_err (*change)(void), int new, int damaged)
{
	bool done = false;

	write_manifest(&disk, 1, 3, 9000);
	for (unsigned cut = 1; !done; cut++)
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			enum kb_err err;
			bool said;
			int n;

			bdev_sim_copy(&trial_disk, &disk);
			load(&trial_disk, &s);
			trial_disk.own.cut_at = cut;
			err = change();
			done = !trial_disk.own.off;
			assert_true(err == KB_OK || !done);
			bdev_sim_cut(&trial_disk, seed);
			n = read_manifest(&trial_disk, 1);
			said = err == KB_OK && (done || new != 0);
			assert_true(n == new || (!said && (n == 3 || n == damaged)));
			write_manifest(&trial_disk, 1, 5, 100);
			assert_int_equal(read_manifest(&trial_disk, 1), 5);
		}
}

TEST(cut_manifest_write_gives_old_or_new)
{
	assert_every_manifest_cut(write_other_manifest, 4, 3);
}

static enum kb_err raise_floor(void)
{
	struct store_manifest m = manifest_of(3, 9000);

	m.floor = 20;
	return store_manifest_change(&st, 1, &m, blob);
}

/* Without a manifest, a slot that is verified would not boot. */
TEST(cut_manifest_change_leaves_a_manifest)
{
	assert_every_manifest_cut(raise_floor, 3, 3);
	for (int copy = 0; copy < 2; copy++) {
		write_manifest(&disk, 1, 3, 9000);
		bdev_sim_scribble(&disk, STORE_MANIFEST(copy, 1), 4096, 1);
		for (unsigned cut = 1; cut < 12; cut++)
			for (uint64_t seed = 0; seed < SEEDS; seed++) {
				bdev_sim_copy(&trial_disk, &disk);
				load(&trial_disk, &s);
				trial_disk.own.cut_at = cut;
				(void)!raise_floor();
				bdev_sim_cut(&trial_disk, seed);
				assert_int_equal(read_manifest(&trial_disk, 1), 3);
			}
	}
}

TEST(changed_manifest_has_both_copies)
{
	struct store_manifest m;

	for (int copy = 0; copy < 2; copy++) {
		write_manifest(&disk, 1, 3, 9000);
		bdev_sim_scribble(&disk, STORE_MANIFEST(copy, 1), 512, 1);
		load(&disk, &s);
		OK(raise_floor());
		bdev_sim_scribble(&disk, STORE_MANIFEST(!copy, 1), 512, 1);
		OK(store_manifest_read(&st, 1, &m, NULL, 0));
		EQUAL((m.floor, 20), (m.sequence, 3));
	}
	m.len = STORE_MANIFEST_MAX;
	FAILS(store_manifest_change(&st, 1, &m, blob), KB_EINVAL);
	m.len = 0;
	FAILS(store_manifest_change(&st, 8, &m, blob), KB_EINVAL);
}

TEST(cut_manifest_clear_gives_old_or_none)
{
	assert_every_manifest_cut(clear_manifest, 0, 255);
}

TEST(manifest_goes_on_with_one_dead_copy)
{
	struct store_manifest m;

	for (int copy = 0; copy < 2; copy++) {
		bdev_sim_cut(&disk, 0);
		write_manifest(&disk, 0, 3, 100);
		kill_bytes(&disk, 0, STORE_MANIFEST(copy, 0), STORE_MANIFEST_MAX, READS | WRITES);
		load(&disk, &s);
		OK(store_manifest_clear(&st, 0));
		m = manifest_of(4, 9000);
		OK(store_manifest_write(&st, 0, &m, blob));
		assert_int_equal(read_manifest(&disk, 0), 4);
	}
}

TEST(manifest_that_lands_wrong_is_noticed)
{
	struct store_manifest m = manifest_of(4, 6000);

	load(&disk, &s);
	for (unsigned at = 1; at <= 4; at++) { /* two pages, the flush, the first page: copy 0 */
		bdev_sim_cut(&disk, 1);
		OK(store_manifest_clear(&st, 0));
		disk.flip_at = disk.own.ops + at;
		OK(store_manifest_write(&st, 0, &m, blob));
		assert_int_equal(read_manifest(&disk, 0), 4); /* copy 1 */
	}
}

/* Nor does it become one by a read that is wrong just then. */
TEST(nor_is_a_stale_copy_none_for_a_bad_read)
{
	struct store_manifest m = { .sequence = 7, .len = 5000 };

	for (unsigned i = 0; i < 4; i++)
		for (unsigned bad = 1; bad < 12; bad++) {
			int copy = (int)(i & 1);
			enum kb_err err;

			write_manifest(&disk, 3, 9, 5000);
			st.dev = make_flaky(bad);
			flaky.wrong = true;
			kill_bytes(&disk, 0, STORE_MANIFEST(copy, 3), STORE_MANIFEST_MAX, WRITES);
			err = i < 2 ? store_manifest_write(&st, 3, &m, blob)
				    : store_manifest_clear(&st, 3);
			kill_bytes(&disk, 0, 0, 0, 0);
			assert_true(err != KB_OK || read_manifest(&disk, 3) != 9);
		}
}

TEST(stale_copy_that_can_not_be_changed_is_an_error)
{
	struct store_manifest m = manifest_of(4, 100);

	for (int copy = 0; copy < 2; copy++) {
		bdev_sim_cut(&disk, 0);
		write_manifest(&disk, 0, 3, 100);
		kill_bytes(&disk, 0, STORE_MANIFEST(copy, 0), STORE_MANIFEST_MAX, WRITES);
		load(&disk, &s);
		FAILS(store_manifest_clear(&st, 0), KB_EIO);
		m = manifest_of(4, 100);
		FAILS(store_manifest_write(&st, 0, &m, blob), KB_EIO);
	}
	bdev_sim_cut(&disk, 0);
	disk.fail_at = 1;
	disk.fail_stays = true;
	load(&disk, &s);
	FAILS(store_manifest_write(&st, 5, &m, blob), KB_EIO);
	FAILS(store_manifest_clear(&st, 5), KB_EIO);
}

/* ---- rebuild */

TEST(rebuilt_slots_are_trials)
{
	write_manifest(&disk, 1, 8, 100);
	write_manifest(&disk, 2, 6, 100);
	load(&disk, &s);
	disk.own.ops = 0;
	OK(store_rebuild(&st, 4, 0x05, &s));
	EQUAL((disk.own.ops, 0), (s.rebuilt, true), (s.nslots, 4), (s.slot[0].st, STATE_TRIAL));
	EQUAL((s.slot[0].has_release, false), (s.slot[1].st, STATE_TRIAL));
	EQUAL((s.slot[1].has_release, true), (s.slot[1].sequence, 8), (s.slot[1].release[5], 8));
	EQUAL((s.slot[1].version, "1.0"), (s.slot[2].tries, STATE_TRIES));
	EQUAL((s.slot[2].grace, STATE_GRACE), (s.slot[3].st, STATE_EMPTY), (s.pref, 1));
	assert_int_equal(s.floor, 4);
	FAILS(store_rebuild(&st, 0, 0, &s), KB_EINVAL);
	FAILS(store_rebuild(&st, 9, 0, &s), KB_EINVAL);
}

/* By its commit, behind its install. */
TEST(rebuilt_state_has_the_floor_that_was_committed)
{
	write_manifest(&disk, 0, 1, 100);
	write_manifest(&disk, 1, 3, 9000);
	load(&disk, &s);
	OK(raise_floor());
	OK(store_rebuild(&st, 2, 3, &s));
	EQUAL((s.floor, 20), (s.slot[1].sequence, 3));
}

TEST(rebuilding_from_nothing_gives_empty_slots)
{
	load(&disk, &s);
	OK(store_rebuild(&st, 2, 0, &s));
	EQUAL((s.slot[0].st, STATE_EMPTY), (s.pref, 0));
	OK(store_rebuild(&st, 2, 2, &s));
	assert_int_equal(s.pref, 1); /* a trial goes before an empty slot */
}

TEST(rebuilt_state_is_saved_above_what_was_lost)
{
	put_record(0, 5, 40, 1, "no slots\n");
	load(&disk, &s);
	assert_int_equal(found, STORE_LOST);
	OK(store_rebuild(&st, 2, 1, &s));
	OK(store_save_both(&st, &s));
	load(&disk, &s);
	EQUAL((found, STORE_FOUND), (s.seq, 42), (s.rebuilt, true));
}

/* ---- history */

static uint64_t told[300];
static unsigned ntold, stop_after;

static bool tell(void *ctx, const struct history_event *e)
{
	told[ntold++] = e->n;
	return ntold != stop_after;
}

static void read_history(unsigned max)
{
	ntold = 0;
	OK(store_history_read(&st, max, tell, NULL));
}

static enum kb_err try_event(void)
{
	return store_history_add(&st, &(struct history_event){ .kind = HISTORY_GOOD });
}

static void add_event(void)
{
	OK(try_event());
}

/* Nothing has happened, or nothing can be read: not the same. */
TEST(history_of_which_nothing_can_be_read_is_an_error)
{
	load(&disk, &s);
	read_history(0);
	assert_int_equal(ntold, 0);
	add_event();
	disk.dead[0].from = STORE_HISTORY;
	disk.dead[0].to = STORE_HISTORY + STORE_HISTORY_CELLS * HISTORY_CELL;
	disk.dead[0].reads = true;
	FAILS(store_history_read(&st, 0, tell, NULL), KB_EIO);
	assert_false(store_history_has(&st, 1, &(struct history_event){ .kind = HISTORY_GOOD }));
	load(&disk, &s);
	FAILS(try_event(), KB_EIO);
	disk.dead[0].to -= HISTORY_CELL;
	read_history(0);
	assert_int_equal(ntold, 0);
	disk.dead[0].from += HISTORY_CELL;
	read_history(0);
	assert_int_equal(ntold, 1);
}

TEST(history_is_told_newest_first)
{
	load(&disk, &s);
	read_history(0);
	assert_int_equal(ntold, 0);
	for (int i = 0; i < 300; i++) {
		if (i % 50 == 0)
			load(&disk, &s);
		add_event();
	}
	read_history(0);
	assert_int_equal(ntold, 256);
	for (unsigned i = 0; i < 256; i++)
		assert_true(told[i] == 300 - i);
	read_history(10);
	assert_int_equal(ntold, 10);
	stop_after = 3;
	read_history(0);
	assert_int_equal(ntold, 3);
	stop_after = 0;
}

TEST(damaged_event_is_left_out)
{
	load(&disk, &s);
	for (int i = 0; i < 5; i++)
		add_event();
	bdev_sim_scribble(&disk, STORE_HISTORY + 2 * HISTORY_CELL, HISTORY_CELL, 1);
	kill_bytes(&disk, 0, STORE_HISTORY + 3 * HISTORY_CELL, HISTORY_CELL, READS);
	read_history(0);
	EQUAL((ntold, 3), (told[0], 5), (told[1], 2), (told[2], 1));
}

TEST(cut_event_loses_that_event_only)
{
	load(&disk, &s);
	for (int i = 0; i < 256; i++)
		add_event();
	for (unsigned cut = 1; cut <= 2; cut++)
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			bdev_sim_copy(&trial_disk, &disk);
			load(&trial_disk, &s);
			trial_disk.own.cut_at = cut;
			FAILS(try_event(), KB_EIO);
			bdev_sim_cut(&trial_disk, seed);
			load(&trial_disk, &s);
			read_history(0);
			assert_in_range(ntold, 255, 256);
			assert_in_range(told[0], 256, 257);
			add_event();
		}
}

static void forge_the_last_event(void)
{
	struct state to;

	load(&disk, &to);
	st.history_n = UINT64_MAX - 1;
	add_event();
}

/* What was forged cannot be cleared: the event is not taken for told. */
TEST(history_that_cannot_begin_anew_says_so)
{
	forge_the_last_event();
	kill_bytes(&disk, 0, STORE_HISTORY + 100 * HISTORY_CELL, HISTORY_CELL, WRITES);
	for (unsigned i = 0; i < 2; i++) {
		load(&disk, &s);
		FAILS(try_event(), KB_EIO);
	}
	disk.dead[0].writes = false;
	add_event();
	read_history(0);
	EQUAL((ntold, 1), (told[0], 1));
}

TEST(history_that_has_no_next_number_begins_anew)
{
	forge_the_last_event();
	add_event();
	load(&disk, &s);
	add_event();
	read_history(0);
	EQUAL((ntold, 2), (told[0], 2));
}

/* ---- lock */

TEST(lock_is_waited_for_and_given_up)
{
	char path[] = "/tmp/keelboot-lock-XXXXXX";
	int a = mkstemp(path), b;

	assert_true(a >= 0);
	b = dup(a);
	OK(store_lock(a, 0));
	OK(store_lock(b, 0)); /* the same open file */
	close(b);
	FILE *other = fopen(path, "r+");

	assert_non_null(other);
	FAILS(store_lock(fileno(other), 30), KB_EBUSY);
	close(a);
	OK(store_lock(fileno(other), 30));
	fclose(other);
	unlink(path);
	assert_int_not_equal(store_lock(-1, 30), KB_OK);
}

TEST_MAIN("store", .set_up = set_up, .tear_down = tear_down)
