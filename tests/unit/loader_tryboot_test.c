/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autoboot.txt in a partition as the loader's store, in a folder that stands for /dev, sysfs and
 * the device tree; and a harness: a model of the firmware, which follows Raspberry Pi's page of
 * autoboot.txt, starts what is there, and power cuts at the write. No firmware is run.
 */
#include "lib/bytes.h"
#include "selector/loader/loader_tryboot.h"
#include "selector/state.h"
#include "tests/unit/fat_sector.h"
#include "tests/unit/folder.h"

#define SIZE	(1u << 20)
#define ROOT	(5 * 512u)
#define DATA	(37 * 512u)
#define FILE_AT (DATA + 512) /* of cluster 3 */
#define PAGE	"[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n"
#define STORE	"dev/mmcblk0p1"
#define TREE	"proc/device-tree/chosen/bootloader/"

static struct loader l = { .kind = CONF_LOADER_TRYBOOT };
static struct loader_choice c;
static uint8_t bytes[SIZE];

/* ---------------------------------------------------------------- the card */

static enum { WHOLE, LOST, TORN } fate;
static unsigned writes, syncs;

ssize_t pwrite(int fd, const void *buf, size_t n, off_t off)
{
	writes++;
	if (fate == WHOLE)
		return folder_pwrite(fd, buf, n, off);
	if (fate == TORN)
		folder_pwrite(fd, buf, FILE_AT % 4096 + 30, off);
	return (ssize_t)n;
}

int fsync(int fd)
{
	syncs++;
	return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	syncs++;
	return (int)syscall(SYS_fdatasync, fd);
}

static void put_store(void)
{
	folder_bytes(STORE, bytes, sizeof(bytes));
	writes = syncs = 0;
}

static void put_entry(uint32_t at, uint32_t length)
{
	uint8_t *e = bytes + at;

	memset(e, 0, 64);
	memcpy(e, "BOOT       ", 11);
	e[11] = 0x08;
	memcpy(e + 32, "AUTOBOOTTXT", 11);
	e[32 + 11] = 0x20;
	bytes_put16(e + 32 + 26, 3);
	bytes_put32(e + 32 + 28, length);
}

/* FAT12, with clusters of a sector. */
static void put_text(const char *text, size_t room)
{
	fat_sector_put(bytes, sizeof(bytes), 1);
	put_entry(ROOT, (uint32_t)room);
	memset(bytes + FILE_AT, '\n', room);
	memcpy(bytes + FILE_AT, text, strlen(text));
	memset(bytes + FILE_AT + 512, 0x5a, 512);
	put_store();
}

static void get_store(void)
{
	FILE *f = fopen(folder_at(STORE), "r");

	assert_non_null(f);
	assert_int_equal(fread(bytes, 1, sizeof(bytes), f), sizeof(bytes));
	assert_int_equal(fclose(f), 0);
}

static void has_text(const char *text)
{
	get_store();
	if (memcmp(bytes + FILE_AT, text, strlen(text)) != 0)
		fail_msg("%.100s", (const char *)bytes + FILE_AT);
}

/* ---------------------------------------------------------------- the machine */

static void tree_says(const char *name, uint32_t value)
{
	uint8_t be[4] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
			  (uint8_t)value };

	folder_bytes(strf(TREE "%s", name), be, sizeof(be));
}

static void add_partition(const char *disk, const char *name, unsigned number)
{
	folder_run("mkdir -p sys/devices/%s/queue sys/devices/%s/%s sys/class/block dev && "
		   "echo 512 >sys/devices/%s/queue/logical_block_size && "
		   "cd sys/devices/%s/%s && echo %u >partition && echo 8192 >start && "
		   "echo 8192 >size && ln -sf ../../devices/%s/%s ../../../class/block/",
		   disk, disk, name, disk, disk, name, number, disk, name);
}

static void set_up(void)
{
	fate = WHOLE;
	folder_make();
	folder_run("mkdir -p " TREE);
	for (unsigned i = 1; i <= 4; i++)
		add_partition("mmcblk0", strf("mmcblk0p%u", i), i);
	l.root = folder;
	l.where = "/dev/mmcblk0p1,a=/dev/mmcblk0p2,b=/dev/mmcblk0p3";
	put_text(PAGE, 128);
}

static void reads(int preset, int once)
{
	OK(loader_read(&l, &c));
	EQUAL((c.preset, preset), (c.once, once));
}

static void refuses(enum kb_err err, const char *why)
{
	FAILS(loader_read(&l, &c), err);
	if (strstr(l.why, why) == NULL)
		fail_msg("%s", l.why);
	assert_true(strstr(l.why, "a=/dev") == NULL || err == KB_EINVAL);
}

/* ---------------------------------------------------------------- its words */

TEST(partitions_of_the_file_are_slots)
{
	reads(0, 1);
	put_text("tryboot_a_b=1\nboot_partition=3\n", 128);
	reads(1, STATE_NONE);
	put_text("tryboot_a_b=1\nboot_partition=4\n[tryboot]\nboot_partition=2\n", 128);
	reads(STATE_NONE, 0);
}

TEST(once_is_durable_and_one_write)
{
	put_text("[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=2\n", 128);
	OK(loader_set_once(&l, 1));
	EQUAL((writes, 1));
	assert_true(syncs > 0);
	has_text(PAGE);
	reads(0, 1);
	OK(loader_set_once(&l, 1));
	EQUAL((writes, 1));
}

/* The way back from the pair that was tried: the preset is asked for, and the try of the other one
 * ends. The file says of a try of the preset what it says of none. */
TEST(preset_may_be_asked_for_as_well)
{
	OK(loader_set_once(&l, 0));
	reads(0, STATE_NONE);
	has_text("[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=2\n\n");
	OK(loader_set_once(&l, 0));
	EQUAL((writes, 1));
}

/* So a restart that asks for a try by hand does not start what an install writes. */
TEST(preset_is_what_is_tried_too)
{
	OK(loader_set_preset(&l, 0));
	has_text("[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=2\n\n");
	reads(0, STATE_NONE);
	OK(loader_set_preset(&l, 1));
	has_text("[all]\ntryboot_a_b=1\nboot_partition=3\n[tryboot]\nboot_partition=3\n\n");
	reads(1, STATE_NONE);
	OK(loader_came_up(&l));
	EQUAL((writes, 2));
}

TEST(nothing_but_the_file_is_written)
{
	static uint8_t before[SIZE];

	memcpy(before, bytes, sizeof(before));
	OK(loader_set_preset(&l, 1));
	get_store();
	memset(before + FILE_AT, 0, 128);
	memset(bytes + FILE_AT, 0, 128);
	assert_memory_equal(before, bytes, sizeof(bytes));
}

TEST(write_that_is_lost_is_noticed)
{
	fate = LOST;
	FAILS(loader_set_once(&l, 0), KB_EIO);
	EQUAL((l.why, "/dev/mmcblk0p1 reads back other bytes than were written"));
}

TEST(damaged_file_is_not_believed_and_made_anew_by_a_preset)
{
	memset(bytes + FILE_AT, 0xff, 128);
	put_store();
	refuses(KB_EFORMAT, "/dev/mmcblk0p1: autoboot.txt has bytes that are no text");
	FAILS(loader_set_once(&l, 1), KB_EFORMAT);
	EQUAL((writes, 0));
	OK(loader_set_preset(&l, 1));
	reads(1, STATE_NONE);
}

TEST(file_system_of_another_kind_or_without_the_file_is_refused)
{
	bytes[510] = 0;
	put_store();
	refuses(KB_EFORMAT, "is no file system of FAT: the firmware finds no autoboot.txt there");
	put_text(PAGE, 128);
	bytes[ROOT + 32] = 0xe5;
	put_store();
	refuses(KB_EFORMAT, "has no file autoboot.txt");
	put_text(PAGE, 128);
	put_entry(ROOT, 513);
	put_store();
	refuses(KB_EFORMAT, "is damaged, or has more than 512 bytes");
	put_entry(ROOT, 0);
	put_store();
	refuses(KB_EFORMAT, "is damaged");
}

/* Its top folder is a file. */
TEST(fat32_is_read_and_written)
{
	put_text(PAGE, 128);
	bytes_put16(bytes + 17, 0);
	bytes_put16(bytes + 22, 0);
	bytes_put32(bytes + 36, 18); /* data begins at sector 37, as before */
	bytes_put32(bytes + 44, 4);
	put_entry(DATA + 2 * 512, 128);
	put_store();
	reads(0, 1);
	OK(loader_set_preset(&l, 1));
	reads(1, STATE_NONE);
	get_store();
	for (uint32_t root = 0; root < 2; root++) {
		bytes_put32(bytes + 44, root);
		put_store();
		refuses(KB_EFORMAT, "is no file system of FAT");
	}
	bytes_put32(bytes + 44, 0x0fffffff);
	put_store();
	refuses(KB_EFORMAT, "is no file system of FAT");
}

/* As dosfstools and mtools make it: the commands of docs/KERNEL.md. */
TEST(file_system_of_others_is_read_and_written)
{
	if (system("PATH=$PATH:/usr/sbin; command -v mkfs.vfat mcopy >/dev/null") != 0)
		skip();
	for (unsigned i = 0; i < 3; i++) {
		folder_run("rm -f " STORE " && PATH=$PATH:/usr/sbin mkfs.vfat -s 1 -F %u -C " STORE
			   " %u >/dev/null",
			   i == 0 ? 12 : 16 * i, i == 0 ? 1024 : 20000 * i);
		folder_put("autoboot.txt", PAGE);
		folder_run("mcopy -i " STORE " autoboot.txt ::");
		OK(loader_set_preset(&l, 1));
		folder_run("mtype -i " STORE " ::autoboot.txt | grep -q ^boot_partition=3");
	}
}

/* ---------------------------------------------------------------- where they are */

TEST(list_of_partitions_is_checked)
{
	static const char *const lists[] = { "/dev/mmcblk0p1", ",a=/dev/mmcblk0p2",
					     "/dev/mmcblk0p1,x", "/dev/mmcblk0p1,i=/dev/mmcblk0p2",
					     "/dev/mmcblk0p1,a=/dev/mmcblk0p2,a=/dev/mmcblk0p3" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(lists); i++) {
		l.where = lists[i];
		refuses(KB_EINVAL, "expected the partition with autoboot.txt");
	}
	l.where = "/dev/mmcblk0p1,a=/dev/mmcblk0p9";
	refuses(KB_ENODEV, "/dev/mmcblk0p9: the kernel has no such partition");
	l.where = "/dev/mmcblk0p1,a=/dev/mmcblk0p2";
	FAILS(loader_set_once(&l, 1), KB_EINVAL);
	assert_non_null(strstr(l.why, "slot b has no pair"));
}

TEST(partitions_of_another_disk_are_refused)
{
	add_partition("sda", "sda3", 3);
	l.where = "/dev/mmcblk0p1,a=/dev/mmcblk0p2,b=/dev/sda3";
	refuses(KB_EINVAL, "are on two disks");
	add_partition("mmcblk0", "mmcblk0p63", 63);
	l.where = "/dev/mmcblk0p1,a=/dev/mmcblk0p63";
	refuses(KB_EINVAL, "starts none behind partition 62");
}

/* ---------------------------------------------------------------- what was started */

static void started(int slot)
{
	int is = 9;

	OK(loader_booted(&l, &is));
	assert_int_equal(is, slot);
}

static void says_not(const char *why)
{
	int is;

	FAILS(loader_booted(&l, &is), KB_ENOENT);
	assert_int_equal(is, STATE_NONE);
	if (strstr(l.why, why) == NULL)
		fail_msg("%s", l.why);
}

TEST(device_tree_says_whose_kernel_runs)
{
	says_not("does not say which partition");
	tree_says("partition", 2);
	started(0);
	tree_says("partition", 3);
	started(1);
	tree_says("partition", 1);
	says_not("partition 1 was started, which is no pair's");
	folder_put(TREE "partition", "\2");
	says_not("does not say which partition");
}

/* A stick with the same partitions, or the network. */
TEST(firmware_of_another_disk_proves_nothing)
{
	tree_says("partition", 2);
	tree_says("boot-mode", 1);
	started(0);
	for (uint32_t mode = 2; mode < 8; mode++) {
		tree_says("boot-mode", mode);
		says_not("the firmware came from another disk");
	}
	tree_says("boot-mode", 0);
	started(0);
}

TEST(disks_are_known_by_how_the_firmware_reads_them)
{
	tree_says("partition", 2);
	add_partition("nvme0n1", "nvme0n1p1", 1);
	add_partition("nvme0n1", "nvme0n1p2", 2);
	l.where = "/dev/nvme0n1p1,a=/dev/nvme0n1p2";
	tree_says("boot-mode", 6);
	started(0);
	tree_says("boot-mode", 1);
	says_not("another disk");
	add_partition("sda", "sda1", 1);
	add_partition("sda", "sda2", 2);
	l.where = "/dev/sda1,a=/dev/sda2";
	says_not("another disk");
	for (uint32_t mode = 4; mode <= 5; mode++) {
		tree_says("boot-mode", mode);
		started(0);
	}
}

TEST(what_the_firmware_can_is_looked_at)
{
	struct loader_tryboot_is is;

	OK(loader_tryboot_look(&l, &is));
	EQUAL((is.number, 1), (is.is_too_old, false));
	tree_says("capabilities", 0x7f);
	OK(loader_tryboot_look(&l, &is));
	EQUAL((is.is_too_old, false));
	tree_says("capabilities", 0x7b);
	OK(loader_tryboot_look(&l, &is));
	EQUAL((is.is_too_old, true));
}

/* ---------------------------------------------------------------- the harness */

#define NOTHING_STARTS 0

/* The firmware, by Raspberry Pi's page "autoboot.txt" and, for PARTITION_WALK, by that of the
 * EEPROM: filters apply to the lines behind them, and the last value counts. */
static struct firmware {
	bool walks;
	/* partitions that it can start */
	bool bootable[5];
} firmware;

static unsigned walk_from(unsigned wanted)
{
	if (wanted < KB_ARRAY_LEN(firmware.bootable) && firmware.bootable[wanted])
		return wanted;
	for (unsigned i = 1; firmware.walks && i < KB_ARRAY_LEN(firmware.bootable); i++)
		if (firmware.bootable[i])
			return i;
	return NOTHING_STARTS;
}

/* A flag is set by the restart, and is gone once this was called. */
static unsigned firmware_starts(bool tryboot)
{
	unsigned wanted = 1;
	bool passes = true, is_ab = false;
	char text[513];

	get_store();
	memcpy(text, bytes + FILE_AT, 512);
	text[bytes_get32(bytes + ROOT + 32 + 28)] = '\0';
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		if (line[0] == '[')
			passes = strcmp(line, "[all]") == 0 ||
				 (tryboot && strcmp(line, "[tryboot]") == 0);
		else if (passes && strncmp(line, "boot_partition=", 15) == 0)
			wanted = (unsigned)atoi(line + 15);
		else if (passes && strcmp(line, "tryboot_a_b=1") == 0)
			is_ab = true;
	}
	/* it would load tryboot.txt, which no pair has */
	return tryboot && !is_ab ? NOTHING_STARTS : walk_from(wanted);
}

static void has_firmware(bool walks)
{
	firmware = (struct firmware){ .walks = walks, .bootable = { [2] = true, [3] = true } };
}

TEST(firmware_starts_once_what_it_is_asked_to_and_then_the_preset)
{
	has_firmware(false);
	OK(loader_set_preset(&l, 0));
	EQUAL((firmware_starts(false), 2), (firmware_starts(true), 2));
	OK(loader_set_once(&l, 1));
	EQUAL((firmware_starts(true), 3), (firmware_starts(false), 2));
	OK(loader_set_preset(&l, 1));
	EQUAL((firmware_starts(false), 3), (firmware_starts(true), 3));
}

/* A disk writes a sector as a whole: what is there is the old file or the new one. */
TEST(cut_at_the_write_leaves_the_old_preset_or_the_new_one)
{
	has_firmware(false);
	for (unsigned to = 0; to < 2; to++) {
		put_text(PAGE, 128);
		fate = LOST;
		FAILS(loader_set_preset(&l, (int)to), KB_EIO);
		fate = WHOLE;
		EQUAL((firmware_starts(false), 2));
		OK(loader_set_preset(&l, (int)to));
		EQUAL((firmware_starts(false), 2 + to));
	}
	put_text("tryboot_a_b=1\nboot_partition=2\n", 128);
	fate = LOST;
	FAILS(loader_set_once(&l, 1), KB_EIO);
	fate = WHOLE;
	/* the flag is volatile: without power there is none */
	EQUAL((firmware_starts(false), 2));
}

/* A card that tears a sector: a firmware that walks starts the first pair, whose init sets it
 * right. One that does not starts nothing. */
TEST(torn_file_starts_the_first_pair_where_the_firmware_walks)
{
	has_firmware(true);
	fate = TORN;
	FAILS(loader_set_preset(&l, 1), KB_EIO);
	fate = WHOLE;
	memset(bytes + FILE_AT, 0xff, 128);
	put_store();
	EQUAL((firmware_starts(false), 2));
	refuses(KB_EFORMAT, "autoboot.txt");
	OK(loader_set_preset(&l, 0));
	EQUAL((firmware_starts(false), 2));
	has_firmware(false);
	memset(bytes + FILE_AT, 0xff, 128);
	put_store();
	EQUAL((firmware_starts(false), NOTHING_STARTS));
}

TEST(pair_that_was_cut_in_its_copy_is_no_partition_that_starts)
{
	has_firmware(true);
	OK(loader_set_preset(&l, 0));
	firmware.bootable[3] = false;
	EQUAL((firmware_starts(false), 2), (firmware_starts(true), 2));
	OK(loader_set_once(&l, 1));
	EQUAL((firmware_starts(true), 2), (firmware_starts(false), 2));
}

TEST_MAIN("loader_tryboot", .set_up = set_up, .tear_down = folder_remove)
