/* SPDX-License-Identifier: Apache-2.0 */
/* The state during the boot, on a simulated device: health, and what a save promises. */
#include "tests/unit/states.h"

#include "tests/sim/os_sim_here.h"

#include "initramfs/record.h"
#include "selector/store_internal.h"
#include "tests/sim/bdev_sim.h"

#define DEV  "/dev/vda1"
#define BOTH 3 /* both slots are mountable */

static struct cut_disk disk;
static struct record r;
static struct state s;

static void set_up(void)
{
	memset(&r, 0, sizeof(r));
	os_sim_reset();
	os_sim_log_level(LOG_LEVEL_WARNING);
	bdev_sim_init(&disk, STORE_MIN_SIZE);
	os_sim_bdev(DEV, &disk.bdev);
	states_fresh(&s);
}

static void tear_down(void)
{
	record_part_close(&r.part);
	cut_disk_free(&disk);
}

static void put(struct state *to)
{
	enum store_finding found;
	struct state old;
	struct store st;

	OK(store_load(&st, &disk.bdev, &old, &found));
	OK(store_save_both(&st, to));
	bdev_sim_cut(&disk, 1);
}

static void put_and_load(void)
{
	put(&s);
	record_load(&r, DEV, 2, BOTH, BOTH);
}

static struct state get(void)
{
	enum store_finding found;
	struct state to;
	struct store st;

	OK(store_load(&st, &disk.bdev, &to, &found));
	assert_int_equal(found, STORE_FOUND);
	return to;
}

TEST(a_valid_record_is_found_without_a_write)
{
	states_trial(&s);
	put_and_load();
	EQUAL((r.health, RECORD_FOUND), (state_same(&r.s, &s), true));
	assert_true(state_same(&r.disk, &s));
	OK(record_save(&r, &r.s));
	assert_int_equal(disk.own.ops, 0);
}

TEST(a_blank_partition_gets_a_state_from_what_mounts)
{
	record_load(&r, DEV, 3, 2, 2);
	EQUAL((r.health, RECORD_BLANK), (get().nslots, 3), (get().slot[0].st, STATE_EMPTY));
	EQUAL((get().slot[1].st, STATE_TRIAL), (get().pref, 1), (state_same(&r.s, &r.disk), true));
}

TEST(a_lost_state_is_told_from_a_blank_one)
{
	put(&s);
	for (int i = 0; i < 2; i++)
		bdev_sim_scribble(&disk, STORE_REGION(i), (uint64_t)STORE_CELLS * STORE_CELL, 7);
	record_load(&r, DEV, 2, BOTH, BOTH);
	EQUAL((r.health, RECORD_REBUILT), (get().rebuilt, true));
}

TEST(a_new_state_that_cannot_be_saved_boots_and_is_saved_later)
{
	disk.fail_at = 1;
	disk.fail_stays = true;
	record_load(&r, DEV, 2, BOTH, BOTH);
	EQUAL((r.health, RECORD_UNWRITABLE), (r.s.slot[0].st, STATE_TRIAL));
	disk.fail_at = 0;
	OK(record_save(&r, &r.s));
	EQUAL((r.health, RECORD_FOUND), (get().slot[0].st, STATE_TRIAL));
}

TEST(without_a_partition_slots_are_unnamed_trials)
{
	record_load(&r, "", 3, BOTH, BOTH);
	EQUAL((r.health, RECORD_MISSING), (r.s.slot[0].st, STATE_TRIAL));
	EQUAL((r.s.slot[0].tries, STATE_TRIES), (r.s.slot[2].st, STATE_EMPTY));
	FAILS(record_save(&r, &r.s), KB_ENODEV);
	FAILS(record_reload(&r), KB_ENODEV);
	record_history(&r, HISTORY_BOOT, 0, "", "");
	assert_int_equal(disk.own.ops, 0);
}

TEST(a_partition_that_does_not_open_or_is_too_small_is_as_missing)
{
	struct cut_disk small;

	record_load(&r, "/dev/vda9", 2, BOTH, BOTH);
	assert_int_equal(r.health, RECORD_MISSING);
	bdev_sim_init(&small, STORE_MIN_SIZE - BDEV_ALIGN);
	os_sim_bdev("/dev/vda2", &small.bdev);
	record_load(&r, "/dev/vda2", 2, BOTH, BOTH);
	EQUAL((r.health, RECORD_MISSING), (small.own.ops, 0));
	record_part_close(&r.part);
	cut_disk_free(&small);
}

TEST(a_read_only_partition_is_read)
{
	put(&s);
	os_sim_fail("open " DEV " rw", 0, KB_EPERM);
	record_load(&r, DEV, 2, BOTH, BOTH);
	EQUAL((r.health, RECORD_FOUND), (r.s.slot[0].st, STATE_GOOD));
	r.s.floor = 5;
	assert_int_not_equal(record_save(&r, &r.s), KB_OK);
	assert_int_equal(r.health, RECORD_UNWRITABLE);
}

TEST(slots_that_the_configuration_adds_are_empty)
{
	put(&s);
	record_load(&r, DEV, 4, 15, 15);
	EQUAL((r.s.nslots, 4), (r.s.slot[3].st, STATE_EMPTY));
	OK(record_reload(&r));
	EQUAL((r.s.nslots, 4), (r.disk.nslots, 2));
}

TEST(after_a_failed_save_the_next_one_writes_even_what_was_there)
{
	struct state charged;

	states_trial(&s);
	put_and_load();
	charged = r.s;
	charged.slot[1].tries--;
	os_sim_fail("flush " DEV, 1, KB_EIO);
	os_sim_fail("flush " DEV, 2, KB_EIO);
	FAILS(record_save(&r, &charged), KB_EIO);
	assert_int_equal(r.health, RECORD_UNWRITABLE);
	assert_int_equal(get().slot[1].tries, STATE_TRIES - 1); /* it landed */
	OK(record_save(&r, &r.s));
	EQUAL((get().slot[1].tries, STATE_TRIES), (r.health, RECORD_FOUND));
}

TEST(what_another_process_wrote_is_loaded_and_written_behind)
{
	uint64_t seq;

	put_and_load();
	s.floor = 9;
	put(&s);
	seq = get().seq;
	OK(record_reload(&r));
	assert_int_equal(r.s.floor, 9);
	r.s.floor = 10;
	OK(record_save(&r, &r.s));
	assert_true(get().seq > seq);
	assert_int_equal(get().floor, 10);
}

TEST(a_state_that_is_lost_meanwhile_is_not_written_over)
{
	put_and_load();
	disk.dead[0].to = STORE_MIN_SIZE;
	disk.dead[0].reads = true;
	assert_int_not_equal(record_reload(&r), KB_OK);
	assert_int_equal(r.s.slot[0].st, STATE_GOOD);
	r.s.floor = 3;
	FAILS(record_save(&r, &r.s), KB_ENODEV);
	assert_int_equal(disk.own.ops, 0);
}

/* A partition that a driver asks for long before it says that it cannot read. */
static enum kb_err slow_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	os_sim_advance(30000);
	(void)b, (void)off, (void)buf, (void)len;
	return KB_EIO;
}

static void count_idle(void *fed)
{
	++*(unsigned *)fed;
}

TEST(each_slow_read_of_the_state_feeds_the_watchdog_and_the_first_one_is_said)
{
	static const struct bdev_ops failing = { .read = slow_read };
	struct bdev dev = { .ops = &failing, .size = STORE_MIN_SIZE, .sector = 512 };
	unsigned fed = 0;

	os_sim_bdev(DEV, &dev);
	r.part.idle = count_idle;
	r.part.ctx = &fed;
	record_load(&r, DEV, 2, BOTH, BOTH);
	assert_int_equal(r.health, RECORD_MISSING);
	assert_true(fed >= 2 * STORE_CELLS);
	assert_int_equal(os_sim_count("# state: " DEV " is slow: one call took 30 s"), 1);
}

TEST(settling_rejects_a_trial_without_tries_and_tells)
{
	const struct reset_evidence ev = { .watchdog_fired = true };

	states_open(&s);
	s.slot[1].tries = 0;
	put_and_load();
	os_sim_log_level(LOG_LEVEL_NOTICE);
	record_settle(&r, &ev, true, STATE_NONE);
	EQUAL((r.cause, RESET_CRASH), (r.s.slot[1].st, STATE_BAD));
	assert_int_equal(os_sim_count("# slot b is rejected: crashed or hung"), 1);
	assert_int_equal(get().slot[1].st, STATE_TRIAL); /* the next charge writes it */
}

/* Else a device whose slots could not be seen in the boot that lost its state never boots again. */
TEST(a_state_made_of_nothing_is_made_anew_when_slots_are_seen)
{
	record_load(&r, DEV, 2, 0, 0);
	EQUAL((get().slot[0].st, STATE_EMPTY), (get().slot[1].st, STATE_EMPTY));
	record_part_close(&r.part);
	record_load(&r, DEV, 2, 0, 0);
	assert_int_equal(r.health, RECORD_FOUND);
	record_part_close(&r.part);
	record_load(&r, DEV, 2, BOTH, BOTH);
	EQUAL((r.health, RECORD_REBUILT), (get().slot[0].st, STATE_TRIAL));
	assert_int_equal(get().slot[1].st, STATE_TRIAL);
}

static bool count_event(void *ctx, const struct history_event *e)
{
	*(unsigned *)ctx += e->kind == HISTORY_BAD && e->slot == 1;
	return true;
}

static unsigned rejections(void)
{
	unsigned n = 0;

	OK(store_history_read(&r.store, 0, count_event, &n));
	return n;
}

/* Else a boot that dies in between tells it again, and one that is forced writes after all. */
/* Threat 34: a record that says of each slot that nothing, or half an image, is there. */
TEST(a_state_that_lets_nothing_boot_is_made_anew)
{
	static const enum state_st st[] = { STATE_EMPTY, STATE_WRITING };

	for (unsigned n = 0; n < 8; n++) {
		tear_down();
		set_up();
		states_fresh(&s);
		s.slot[0].st = st[n & 1];
		s.slot[1].st = st[n >> 1 & 1];
		s.newer = n >> 2;
		s.min_reader = s.newer ? STATE_FORMAT + 1 : s.min_reader;
		s.floor = UINT64_MAX;
		put(&s);
		/* With nothing to mount it stands: an install at its work has sealed the slot. */
		record_load(&r, DEV, 2, 0, 0);
		assert_int_equal(r.health, RECORD_FOUND);
		record_part_close(&r.part);
		record_load(&r, DEV, 2, 2, 2);
		EQUAL((r.health, RECORD_REBUILT), (r.s.slot[0].st, STATE_EMPTY));
		EQUAL((r.s.slot[1].st, STATE_TRIAL), (r.s.floor, 0));
		assert_true(get().rebuilt && !get().newer);
	}
}

/* root-filesystem= names a slot mountable that an install has sealed: the record of it stays. */
TEST(a_state_with_a_slot_being_written_stays_when_only_a_name_is_there)
{
	s.slot[0].st = STATE_WRITING;
	s.slot[1].st = STATE_EMPTY;
	s.rebuilt = true;
	s.floor = 7;
	put(&s);
	record_load(&r, DEV, 2, BOTH, 0);
	EQUAL((r.health, RECORD_FOUND), (get().slot[0].st, STATE_WRITING), (get().floor, 7));
	record_part_close(&r.part);
	record_load(&r, DEV, 2, BOTH, 1);
	assert_int_equal(r.health, RECORD_REBUILT);
}

/* A boot that saw nothing made it; where no install is under way, a name is worth a try. */
TEST(a_state_made_of_nothing_is_made_anew_for_a_name_too)
{
	record_load(&r, DEV, 2, 0, 0);
	assert_int_equal(get().slot[0].st, STATE_EMPTY);
	record_part_close(&r.part);
	record_load(&r, DEV, 2, BOTH, 0);
	EQUAL((r.health, RECORD_REBUILT), (get().slot[0].st, STATE_TRIAL));
}

/* More slots than there are hide nothing. */
TEST(a_state_with_a_slot_that_is_not_there_is_made_anew_too)
{
	s.nslots = 3;
	s.slot[0].st = s.slot[1].st = STATE_WRITING;
	s.slot[2].st = STATE_BAD;
	put_and_load();
	assert_int_equal(r.health, RECORD_REBUILT);
}

TEST(a_state_by_which_nothing_boots_is_renewed_if_it_may_be_its_fault)
{
	states_trial(&s);
	s.slot[0].st = STATE_WRITING;
	put_and_load();
	assert_false(
		record_renew(&r, 2, BOTH, 2)); /* nothing was seen on the one that it holds back */
	EQUAL((disk.own.ops, 0), (record_renew(&r, 2, 1, 1), true), (r.health, RECORD_REBUILT));
	EQUAL((get().slot[0].st, STATE_TRIAL), (get().slot[1].st, STATE_EMPTY));
	assert_false(record_renew(&r, 2, 1, 1)); /* it holds back nothing any more */
	record_part_close(&r.part);
	states_trial(&s);
	s.newer = true;
	s.min_reader = STATE_FORMAT + 1;
	put_and_load();
	EQUAL((r.s.newer, true), (record_renew(&r, 2, BOTH, 0), true), (get().newer, false));
	assert_int_equal(get().slot[0].st, STATE_TRIAL); /* what could not be looked into, too */
	r.health = RECORD_UNWRITABLE;
	r.s.newer = true;
	assert_false(record_renew(&r, 2, BOTH, BOTH));
}

TEST(a_rejection_is_history_once_it_is_durable)
{
	const struct reset_evidence ev = { .watchdog_fired = true };

	states_open(&s);
	s.slot[1].tries = 0;
	put_and_load();
	record_settle(&r, &ev, true, STATE_NONE);
	assert_int_equal(disk.own.ops, 0);
	disk.dead[0].from = 0;
	disk.dead[0].to = STORE_MIN_SIZE;
	disk.dead[0].writes = true;
	FAILS(record_save(&r, &r.s), KB_EIO);
	assert_int_equal(rejections(), 0);
	disk.dead[0].to = 0;
	OK(record_save(&r, &r.s));
	assert_int_equal(rejections(), 1);
	r.s.floor++;
	OK(record_save(&r, &r.s));
	assert_int_equal(rejections(), 1);
}

TEST(every_health_has_a_name)
{
	static const char *const names[] = { "found", "blank", "rebuilt", "unwritable", "missing" };

	for (unsigned i = 0; i < 5; i++)
		assert_string_equal(record_health_name((enum record_health)i), names[i]);
}

TEST_MAIN("record", .set_up = set_up, .tear_down = tear_down)
