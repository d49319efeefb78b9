/* SPDX-License-Identifier: Apache-2.0 */
/* GRUB's environment on a partition: durable, read back, and whole after a cut. */
#include "selector/loader/loader_block.h"
#include "selector/loader/loader_grub.h"
#include "selector/state.h"
#include "tests/sim/bdev_sim.h"
#include "tests/unit/fat_sector.h"
#include "tests/unit/faulty.h"
#include "tests/unit/folder.h"

#define SIZE   (1u << 20)
#define HEADER "# GRUB Environment Block\n"
#define START  HEADER "other=1\nkeelboot_default=a\nkeelboot_once=\n"

#define ROOT  (5 * 512u)
#define DATA  (37 * 512u)
#define BLOCK (DATA + 1024) /* its second sector lies in another page */

static struct cut_disk disk;
static struct faulty faulty;
static struct loader l = { .kind = CONF_LOADER_GRUB, .where = "/dev/vda5", .root = "" };
/* What was on the disk before. */
static uint8_t bytes[SIZE] __attribute__((aligned(BDEV_ALIGN)));
static struct loader_choice c;

static void put_bytes(void)
{
	OK(bdev_write(&disk.bdev, 0, bytes, sizeof(bytes)));
	OK(bdev_flush(&disk.bdev));
}

static uint8_t *put_entry(unsigned n, const char *name, uint8_t attributes)
{
	uint8_t *e = bytes + ROOT + n * 32;

	memcpy(e, name, 11);
	e[11] = attributes;
	return e;
}

/* As mkfs.vfat -s 2 makes one of a MiB, with a label, something deleted, half of a long name, a
 * folder and the file. */
static void put_file_system(void)
{
	uint8_t *e;

	fat_sector_put(bytes, sizeof(bytes), 2);
	put_entry(0, "GRUBENV    ", 0x08);
	put_entry(1, "\xe5RUBENV    ", 0x20);
	put_entry(2, "GRUBENV    ", 0x0f);
	put_entry(3, "GRUBENV    ", 0x10);
	e = put_entry(4, "GRUBENV    ", 0x20);
	bytes_put16(e + 26, 3);
	bytes_put32(e + 28, LOADER_BLOCK);
}

static void put_block(const char *text)
{
	put_file_system();
	memset(bytes + BLOCK, '#', LOADER_BLOCK);
	memset(bytes + BLOCK + LOADER_BLOCK, 0x5a, 1024);
	memcpy(bytes + BLOCK, text, strlen(text));
	put_bytes();
}

static void set_up(void)
{
	bdev_sim_init(&disk, SIZE);
	put_block(START);
	faulty_init(&faulty, &disk.bdev);
	l.why[0] = '\0';
}

static void tear_down(void)
{
	cut_disk_free(&disk);
}

static void forget_ops(void)
{
	memset(faulty.op, 0, sizeof(faulty.op));
	faulty.nops = 0;
}

static enum kb_err set_choice(struct bdev *dev, int preset, int once)
{
	const struct loader_choice want = { (int8_t)preset, (int8_t)once, 0 };

	return loader_grub_write_to(&l, dev, &want);
}

TEST(words_are_durable_when_they_are_set)
{
	OK(set_choice(&faulty.bdev, 0, 1));
	EQUAL((faulty.op, "fwf"));
	bdev_sim_cut(&disk, 0);
	OK(loader_grub_read_from(&l, &disk.bdev, &c));
	EQUAL((c.preset, 0), (c.once, 1));
}

TEST(only_the_first_sector_of_the_file_changes)
{
	static uint8_t after[SIZE] __attribute__((aligned(BDEV_ALIGN)));

	OK(set_choice(&disk.bdev, 1, STATE_NONE));
	OK(bdev_read(&disk.bdev, 0, after, sizeof(after)));
	assert_memory_not_equal(after + BLOCK, bytes + BLOCK, LOADER_BLOCK_SECTOR);
	memcpy(after + BLOCK, bytes + BLOCK, LOADER_BLOCK_SECTOR);
	assert_memory_equal(after, bytes, SIZE);
}

TEST(cut_leaves_the_old_words_or_the_new_ones)
{
	for (unsigned at = 1; at <= 3; at++) {
		for (uint64_t seed = 0; seed < 40; seed++) {
			/* Every fourth leaves a sector of garbage: no disk that keeps its word. */
			if (seed > 1 && seed % 4 == 0)
				continue;
			put_block(START);
			disk.own = (struct cut_power){ .cut_at = at };
			disk.power = &disk.own;
			assert_true(set_choice(&disk.bdev, 1, 2) != KB_OK);
			bdev_sim_cut(&disk, seed);
			OK(loader_grub_read_from(&l, &disk.bdev, &c));
			if (c.preset == 0)
				EQUAL((c.once, STATE_NONE));
			else
				EQUAL((c.preset, 1), (c.once, 2));
		}
	}
}

TEST(write_that_lands_wrong_is_noticed)
{
	faulty.flip_write = (struct faulty_when){ 1, 1 };
	FAILS(set_choice(&faulty.bdev, 1, STATE_NONE), KB_EIO);
	EQUAL((l.why, "/dev/vda5 reads back other bytes than were written"));
}

/* A bit in the padding is enough: no later boot could set anything. */
TEST(block_that_landed_wrong_is_put_back)
{
	static uint8_t after[SIZE] __attribute__((aligned(BDEV_ALIGN)));

	faulty.flip_write = (struct faulty_when){ 1, 1 };
	FAILS(set_choice(&faulty.bdev, 1, STATE_NONE), KB_EIO);
	bdev_sim_cut(&disk, 0);
	OK(bdev_read(&disk.bdev, 0, after, sizeof(after)));
	assert_memory_equal(after, bytes, SIZE);
}

TEST(write_that_is_lost_is_noticed)
{
	faulty.lose_write = (struct faulty_when){ 1, 1 };
	FAILS(set_choice(&faulty.bdev, 1, STATE_NONE), KB_EIO);
}

/* A write whose flush failed stands in a cache: a reset would lose what it says. */
TEST(what_is_read_is_durable)
{
	faulty.fail_flush = (struct faulty_when){ 2, 1 };
	FAILS(set_choice(&faulty.bdev, 1, STATE_NONE), KB_EIO);
	OK(loader_grub_read_from(&l, &faulty.bdev, &c));
	EQUAL((c.preset, 1));
	bdev_sim_cut(&disk, 0);
	OK(loader_grub_read_from(&l, &disk.bdev, &c));
	EQUAL((c.preset, 1));
}

/* What lies beside the words is written with them. */
TEST(page_that_reads_wrong_once_is_not_written)
{
	OK(loader_grub_read_from(&l, &faulty.bdev, &c));
	forget_ops();
	faulty.flip_read = (struct faulty_when){ 2 * faulty.reads + 1, 1 };
	FAILS(set_choice(&faulty.bdev, 1, STATE_NONE), KB_EIO);
	EQUAL((l.why, "/dev/vda5 reads as other bytes the second time"), (faulty.op, "f"));
}

TEST(device_that_fails_is_named)
{
	faulty.fail_read = (struct faulty_when){ 1, 1 };
	FAILS(loader_grub_read_from(&l, &faulty.bdev, &c), KB_EIO);
	EQUAL((l.why, "/dev/vda5: cannot read: input/output error"));
	faulty.fail_write = (struct faulty_when){ 1, 1 };
	FAILS(set_choice(&faulty.bdev, 1, STATE_NONE), KB_EIO);
	EQUAL((l.why, "/dev/vda5: cannot write: input/output error"));
	faulty.fail_flush = (struct faulty_when){ faulty.flushes + 1, 1 };
	FAILS(set_choice(&faulty.bdev, 1, STATE_NONE), KB_EIO);
	EQUAL((l.why, "/dev/vda5: cannot flush: input/output error"));
}

TEST(block_with_litter_is_not_written)
{
	put_block(HEADER "litter\n");
	FAILS(set_choice(&faulty.bdev, 1, STATE_NONE), KB_EFORMAT);
	EQUAL((faulty.op, "f"));
}

/* A disk that does not keep its word about sectors. */
TEST(torn_sector_is_read_as_a_slot_or_refused)
{
	for (unsigned at = 0; at < LOADER_BLOCK_SECTOR; at++) {
		for (unsigned garbage = 0; garbage < 2; garbage++) {
			put_block(START);
			memset(bytes + BLOCK + at, garbage ? 0xff : 0, LOADER_BLOCK_SECTOR - at);
			put_bytes();
			FAILS(loader_grub_read_from(&l, &disk.bdev, &c), KB_EFORMAT);
		}
	}
}

/* ---------------------------------------------------------------- its file system */

static void is_refused(const char *why)
{
	put_bytes();
	FAILS(loader_grub_read_from(&l, &disk.bdev, &c), KB_EFORMAT);
	EQUAL((l.why, why));
	forget_ops();
	FAILS(set_choice(&faulty.bdev, 0, 1), KB_EFORMAT);
	EQUAL((faulty.op, "f"));
}

TEST(partition_without_a_file_system_is_refused)
{
	static const char *const why =
		"/dev/vda5 is no file system of FAT: GRUB keeps no variables there";

	memcpy(bytes, START, sizeof(START));
	is_refused(why);
	memset(bytes, 0xff, sizeof(bytes));
	is_refused(why);
	put_file_system();
	bytes_put16(bytes + 17, 0); /* FAT32 */
	is_refused(why);
	put_file_system();
	bytes[13] = 1;
	is_refused("/dev/vda5 has clusters below 1024 bytes: make it by mkfs.vfat -s 4");
}

TEST(file_that_is_missing_or_damaged_is_refused)
{
	static const char *const damaged =
		"/dev/vda5: its file grubenv is damaged, or has not 1024 bytes";
	uint8_t *e = bytes + ROOT + 4 * 32;

	bytes_put32(e + 28, 2048);
	is_refused(damaged);
	bytes_put32(e + 28, 1024);
	bytes_put16(e + 26, 1);
	is_refused(damaged);
	bytes_put16(e + 26, 0xfff0);
	is_refused(damaged);
	e[0] = 'g';
	is_refused("/dev/vda5 has no file grubenv: make one there by grub-editenv FILE create");
	memset(bytes + ROOT, 0xe5, DATA - ROOT);
	is_refused("/dev/vda5 has no file grubenv: make one there by grub-editenv FILE create");
}

/* No number in it leads out of the partition. */
TEST(each_byte_of_the_file_system_may_be_damaged)
{
	for (unsigned at = 0; at < ROOT + 5 * 32; at = at == 64 ? 506 : at == 514 ? ROOT : at + 1) {
		for (unsigned value = 0; value < 256; value += 5) {
			put_file_system();
			memcpy(bytes + BLOCK, HEADER, sizeof(HEADER) - 1);
			memset(bytes + BLOCK + sizeof(HEADER) - 1, '#',
			       LOADER_BLOCK - sizeof(HEADER) + 1);
			bytes[at] = (uint8_t)value;
			OK(bdev_write(&disk.bdev, 0, bytes, 6 * BDEV_ALIGN));
			if (loader_grub_read_from(&l, &disk.bdev, &c) == KB_OK)
				EQUAL((c.preset, STATE_NONE), (c.once, STATE_NONE));
		}
	}
}

/* ---------------------------------------------------------------- by its path */

static void make_partition(void)
{
	folder_make();
	folder_run("mkdir dev");
	set_up();
	folder_bytes("dev/vda5", bytes, sizeof(bytes));
	l.root = folder;
}

static void remove_partition(void)
{
	l.root = "";
	tear_down();
	folder_remove();
}

TEST_WITH(preset_clears_once, make_partition, remove_partition)
{
	OK(loader_set_once(&l, 1));
	OK(loader_read(&l, &c));
	EQUAL((c.preset, 0), (c.once, 1));
	OK(loader_set_preset(&l, 1));
	OK(loader_read(&l, &c));
	EQUAL((c.preset, 1), (c.once, STATE_NONE));
}

TEST_WITH(starts_of_a_preset_are_none_of_the_next_ones, make_partition, remove_partition)
{
	put_block(HEADER "keelboot_default=a\nkeelboot_starts=111\n");
	folder_bytes("dev/vda5", bytes, sizeof(bytes));
	OK(loader_set_once(&l, 1));
	OK(loader_read(&l, &c));
	EQUAL((c.starts, 3), (c.once, 1));
	OK(loader_came_up(&l));
	OK(loader_read(&l, &c));
	EQUAL((c.starts, 0), (c.preset, 0), (c.once, 1));
	folder_bytes("dev/vda5", bytes, sizeof(bytes));
	OK(loader_set_preset(&l, 1));
	OK(loader_read(&l, &c));
	EQUAL((c.preset, 1), (c.starts, 0));
}

TEST_WITH(once_is_not_set_where_nothing_good_would_follow, make_partition, remove_partition)
{
	put_block(HEADER "keelboot_default=x\n");
	folder_bytes("dev/vda5", bytes, sizeof(bytes));
	FAILS(loader_set_once(&l, 1), KB_EFORMAT);
	OK(loader_set_preset(&l, 0));
	OK(loader_set_once(&l, 1));
}

TEST_WITH(what_does_not_fit_is_refused_with_a_reason, make_partition, remove_partition)
{
	struct loader bad = { .kind = CONF_LOADER_GRUB, .where = "/dev/vda9", .root = folder };
	int slot;

	FAILS(loader_read(&bad, &c), KB_ENOENT);
	assert_non_null(strstr(bad.why, "/dev/vda9: cannot open: "));
	FAILS(loader_set_once(&l, 8), KB_EINVAL);
	FAILS(loader_set_preset(&l, STATE_NONE), KB_EINVAL);
	EQUAL((l.why, "-1 is no slot"));
	FAILS(loader_booted(&l, &slot), KB_ENOENT);
	bad.where = "";
	FAILS(loader_set_preset(&bad, 0), KB_EINVAL);
	bad.kind = CONF_LOADER_NONE;
	FAILS(loader_set_once(&bad, 0), KB_EINVAL);
	EQUAL((bad.why, "system.conf names no boot loader"));
	folder_bytes("dev/vda9", bytes, 512);
	bad = (struct loader){ .kind = CONF_LOADER_GRUB, .where = "/dev/vda9", .root = folder };
	FAILS(loader_read(&bad, &c), KB_EINVAL);
	EQUAL((bad.why, "/dev/vda9: cannot read: invalid value"));
}

TEST_MAIN("loader_grub", .set_up = set_up, .tear_down = tear_down)
