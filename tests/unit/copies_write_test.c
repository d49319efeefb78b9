/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new boot loader in the boot areas of an eMMC: in which order it is written, and what a power
 * cut leaves. The areas are the test's: each has what Linux holds of it, and what the medium has.
 */
#include "cli/loader/copies_write.h"
#include "lib/bdev.h"
#include "lib/os_file.h"
#include "tests/unit/emmc_area.h"

#define LEN (192u << 10)

struct area {
	uint8_t cached[ROOM], durable[ROOM];
};

static struct area areas[2];
static uint8_t image[LEN] __attribute__((aligned(BDEV_ALIGN)));
static struct copies c;
/* steps that change something; the power is cut at the one of this number: 0, never */
static unsigned steps, cut_at;
/* a write that the eMMC says it did; a register that it says it set */
static bool loses_write, loses_rest, ignores_set, fails_write;
static unsigned sets;

static bool is_cut(void)
{
	steps++;
	return cut_at != 0 && steps >= cut_at;
}

static bool is_protected(unsigned area)
{
	char text[8] = "", name[64];
	int fd;

	snprintf(name, sizeof(name), "sys/block/mmcblk0boot%u/force_ro", area);
	fd = open(folder_at(name), O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return text[0] == '1';
}

static const struct bdev_file *file_of(const struct bdev *b)
{
	return (const struct bdev_file *)b;
}

static enum kb_err area_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	const struct area *a = &areas[file_of(b)->fd];

	memcpy(buf, (file_of(b)->direct ? a->durable : a->cached) + off, len);
	return KB_OK;
}

static enum kb_err area_write(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	struct area *a = &areas[file_of(b)->fd];

	assert_false(is_protected((unsigned)file_of(b)->fd));
	if (is_cut()) {
		if (steps == cut_at)
			memcpy(a->durable + off, buf, len / 2);
		return KB_EIO;
	}
	if (fails_write)
		return KB_EIO;
	memcpy(a->cached + off, buf, len);
	return KB_OK;
}

static enum kb_err area_flush(struct bdev *b)
{
	if (is_cut())
		return KB_EIO;
	if (!loses_write)
		memcpy(areas[file_of(b)->fd].durable, areas[file_of(b)->fd].cached,
		       loses_rest ? LEN : ROOM);
	return KB_OK;
}

static const struct bdev_ops ops = { .read = area_read, .write = area_write, .flush = area_flush };

enum kb_err bdev_file_open(struct bdev_file *b, const char *path, unsigned flags)
{
	unsigned n = (unsigned)(path[strlen(path) - 1] - '0');

	assert_true(n < 2);
	*b = (struct bdev_file){ .bdev = { .ops = &ops, .size = ROOM, .sector = 512 },
				 .fd = (int)n,
				 .direct = flags & BDEV_FILE_DIRECT };
	return KB_OK;
}

void bdev_file_close(struct bdev_file *b)
{
	b->fd = -1;
}

enum kb_err bdev_file_from_fd(struct bdev_file *b, int fd)
{
	(void)b;
	(void)fd;
	return KB_EINVAL;
}

enum kb_err os_emmc_read(const char *disk, uint8_t out[OS_EMMC_CSD])
{
	assert_string_equal(disk, folder_at("dev/mmcblk0"));
	memcpy(out, csd, sizeof(csd));
	return KB_OK;
}

enum kb_err os_emmc_set(const char *disk, uint8_t index, uint8_t value)
{
	assert_string_equal(disk, folder_at("dev/mmcblk0"));
	assert_int_equal(index, EMMC_PARTITION_CONFIG);
	sets++;
	if (is_cut())
		return KB_EIO;
	if (!ignores_set)
		CONFIG = value;
	return KB_OK;
}

/* Area 1 has a second name. */
enum kb_err os_file_look(const char *path, struct os_file_at *at)
{
	const char *name = strrchr(path, '/') + 1;

	*at = (struct os_file_at){ .number = strcmp(name, "mmcblk0boot0") == 0 ? 1 : 0 };
	if (strcmp(name, "mmcblk0boot1") == 0 || strcmp(name, "second-name") == 0)
		at->number = 2;
	return KB_OK;
}

static void fill(struct area *a, const char *version, size_t at)
{
	memset(a->cached, 0xa5, ROOM);
	memcpy(a->cached + at, version, strlen(version));
	memcpy(a->durable, a->cached, ROOM);
}

/* system.conf speaks of U-Boot's environment */
static bool environment_named;

static void look(void)
{
	static char config[96];

	snprintf(config, sizeof(config), "%s/fw_env.config", folder);
	c = (struct copies){ .disk = DISK,
			     .sys_root = folder,
			     .environment = config,
			     .environment_named = environment_named };
	OK(copies_look(&c));
}

static enum kb_err write_new(size_t len)
{
	return copies_write_image(&c, image, len, "2025.10-acme");
}

static void set_up(void)
{
	emmc_make();
	folder_put("dev/mmcblk0boot0", "");
	folder_put("dev/mmcblk0boot1", "");
	fill(&areas[0], "2025.01-acme", 5000);
	fill(&areas[1], "2024.07-acme", 5000);
	memset(image, 0xc3, sizeof(image));
	memcpy(image + 7000, "2025.10-acme", 12);
	steps = cut_at = sets = 0;
	loses_write = loses_rest = ignores_set = fails_write = false;
}

static void tear_down(void)
{
	folder_remove();
}

static bool is_old_copy_whole(void)
{
	static struct area was;

	fill(&was, "2025.01-acme", 5000);
	return memcmp(areas[0].durable, was.durable, ROOM) == 0;
}

static bool is_new_copy_whole(void)
{
	return memcmp(areas[1].durable, image, LEN) == 0;
}

/* ---------------------------------------------------------------- which one runs */

TEST(copy_with_the_version_that_runs_is_found)
{
	look();
	assert_int_equal(c.set, 0);
	assert_int_equal(c.runs, COPIES_RUNS_SET);
	assert_string_equal(c.version, "2025.01-acme");
	CONFIG = 0x50;
	look();
	assert_int_equal(c.set, 1);
	assert_int_equal(c.runs, COPIES_RUNS_OTHER);
}

/* As a factory leaves them. If one of them is damaged, the SoC may have left the one that is set:
 * an install would write over the only one that starts. */
TEST(same_version_in_both_copies_counts_only_where_both_are_the_same)
{
	areas[1] = areas[0];
	look();
	assert_int_equal(c.runs, COPIES_RUNS_SET);
	OK(copies_write_allowed(&c, LEN));
	areas[0].cached[ROOM - 1] ^= 1;
	look();
	assert_int_equal(c.runs, COPIES_RUNS_UNKNOWN);
	FAILS(write_new(LEN), KB_ENOTARGET);
	assert_non_null(strstr(c.why, "or in both, which differ"));
	FAILS(copies_write_keep(&c), KB_ENOTARGET);
	assert_int_equal(steps, 0);
}

TEST(version_that_begins_a_longer_one_is_another)
{
	fill(&areas[0], "2025.01-acme-rc1 2025.01-acme.2", 5000);
	fill(&areas[1], "2025.01-acme (Nov 27)", 5000);
	look();
	assert_int_equal(c.runs, COPIES_RUNS_OTHER);
	for (size_t at = (64u << 10) - 14; at <= 64u << 10; at++) {
		fill(&areas[0], "2025.01-acme-rc1", at);
		look();
		assert_int_equal(c.runs, COPIES_RUNS_OTHER);
	}
	fill(&areas[0], "2025.01-acme", ROOM - 12);
	fill(&areas[1], "2024.07-acme", 0);
	look();
	assert_int_equal(c.runs, COPIES_RUNS_SET);
}

TEST(version_that_lies_across_two_reads_is_found)
{
	for (size_t at = (64u << 10) - 12; at <= 64u << 10; at++) {
		fill(&areas[0], "2025.01-acme", at);
		look();
		assert_int_equal(c.runs, COPIES_RUNS_SET);
	}
}

TEST(version_that_is_missing_or_short_says_nothing)
{
	folder_put(UBOOT, "2023.04");
	look();
	assert_int_equal(c.runs, COPIES_RUNS_UNKNOWN);
	folder_put(UBOOT, "ZZZZZ");
	look();
	assert_int_equal(c.runs, COPIES_RUNS_UNKNOWN);
	folder_run("rm %s", UBOOT);
	look();
	assert_int_equal(c.runs, COPIES_RUNS_UNKNOWN);
	folder_put("proc/cmdline", "quiet keelboot.loader=2025.01-acme panic=10");
	look();
	assert_int_equal(c.runs, COPIES_RUNS_SET);
}

static void cannot_look(const char *disk, enum kb_err want, const char *why)
{
	c = (struct copies){ .disk = disk, .sys_root = folder };
	FAILS(copies_look(&c), want);
	assert_non_null(strstr(c.why, why));
}

TEST(device_without_two_copies_is_refused)
{
	CONFIG = 0x38;
	cannot_look(DISK, KB_ECOMPAT, "the loader has one copy, elsewhere");
	CONFIG = 0x00;
	cannot_look(DISK, KB_ECOMPAT, "PARTITION_CONFIG 0x00");
	CONFIG = 0x48;
	csd[226] = 0;
	cannot_look(DISK, KB_ENODEV, "no boot areas");
	cannot_look("/dev/sda", KB_ENODEV, "/dev/sda is no eMMC");
	cannot_look("/dev/mmcblk0p1", KB_ENODEV, "is no eMMC");
	cannot_look("/dev/mmcblk0/../sda", KB_ENODEV, "is no eMMC");
	cannot_look("/dev/mmcblk1", KB_ENODEV, "has no two boot areas");
}

/* ---------------------------------------------------------------- writing */

TEST(new_loader_goes_to_the_other_copy_and_is_set_last)
{
	look();
	OK(write_new(LEN));
	assert_true(is_new_copy_whole());
	assert_true(is_old_copy_whole());
	assert_int_equal(CONFIG, 0x50);
	assert_int_equal(sets, 1);
	assert_true(is_protected(0) && is_protected(1));
	/* Until a restart, the old one runs: nothing more is written. */
	look();
	assert_int_equal(c.runs, COPIES_RUNS_OTHER);
	FAILS(write_new(LEN), KB_EBUSY);
	/* After it, the new one: it is confirmed, and the old copy is free. */
	folder_put(UBOOT, "2025.10-acme");
	look();
	assert_int_equal(c.runs, COPIES_RUNS_SET);
	OK(copies_write_allowed(&c, LEN));
}

/* Whatever is cut, the copy that is set is whole. */
TEST(power_cut_at_each_step_leaves_a_loader_that_is_whole)
{
	unsigned last;

	look();
	OK(write_new(LEN));
	last = steps;
	assert_true(last >= 5);
	for (unsigned at = 1; at <= last; at++) {
		tear_down();
		set_up();
		look();
		cut_at = at;
		assert_int_not_equal(write_new(LEN), KB_OK);
		assert_true(is_old_copy_whole());
		if (CONFIG != 0x48)
			assert_true(is_new_copy_whole());
	}
}

TEST(register_is_touched_only_behind_all_writes)
{
	look();
	cut_at = 6; /* the register is the sixth step: four writes, one flush */
	assert_int_not_equal(write_new(LEN), KB_OK);
	assert_int_equal(sets, 1);
	assert_true(is_new_copy_whole());
}

TEST(write_that_is_lost_is_noticed_before_it_is_set)
{
	look();
	loses_write = true;
	FAILS(write_new(LEN), KB_EIO);
	assert_int_equal(sets, 0);
	assert_int_equal(CONFIG, 0x48);
	assert_non_null(strstr(c.why, "starts the old loader"));
	assert_true(is_protected(1));
}

/* Its version, behind the new loader, would count as a second copy of it. */
TEST(rest_of_a_longer_loader_is_no_copy)
{
	fill(&areas[0], "2025.01-acme", LEN + 1000);
	areas[1] = areas[0];
	look();
	OK(write_new(LEN));
	assert_true(is_new_copy_whole());
	for (size_t at = LEN; at < ROOM; at++)
		assert_int_equal(areas[1].durable[at], 0);
	look();
	assert_int_equal(c.runs, COPIES_RUNS_OTHER);
	OK(copies_write_keep(&c));
	assert_int_equal(CONFIG, 0x48);
}

TEST(rest_that_stays_is_noticed_before_it_is_set)
{
	look();
	loses_rest = true;
	FAILS(write_new(LEN), KB_EIO);
	assert_int_equal(sets, 0);
}

TEST(area_is_protected_again_when_a_write_fails)
{
	look();
	fails_write = true;
	FAILS(write_new(LEN), KB_EIO);
	assert_int_equal(sets, 0);
	assert_true(is_protected(0) && is_protected(1));
}

TEST(area_whose_protection_cannot_be_lifted_is_not_written)
{
	look();
	folder_run("rm -r sys/block/mmcblk0boot1");
	FAILS(write_new(LEN), KB_ENOENT);
	assert_int_equal(steps, 0);
}

TEST(register_that_stays_is_a_failure)
{
	look();
	ignores_set = true;
	FAILS(write_new(LEN), KB_EIO);
	assert_non_null(strstr(c.why, "it stays as it was"));
}

/* ---------------------------------------------------------------- refusals */

static void refuses(size_t len, enum kb_err want, const char *why)
{
	FAILS(write_new(len), want);
	assert_non_null(strstr(c.why, why));
	assert_int_equal(steps, 0);
}

TEST(copy_is_not_written_unless_the_one_that_is_set_runs)
{
	CONFIG = 0x50;
	look();
	refuses(LEN, KB_EBUSY, "keelboot loader keep");
	CONFIG = 0x48;
	folder_put(UBOOT, "2023.04");
	look();
	refuses(LEN, KB_ENOTARGET, "is in none of them");
	folder_run("rm %s", UBOOT);
	look();
	refuses(LEN, KB_ENOTARGET, "does not say its version");
}

TEST(loader_that_does_not_fit_or_may_not_be_written_is_refused)
{
	look();
	refuses(ROOM + BDEV_ALIGN, KB_ENOSPC, "has room for 262144");
	csd[174] = 0x08;
	look();
	refuses(LEN, KB_EPERM, "BOOT_WP");
	csd[174] = 0x02;
	look();
	OK(copies_write_allowed(&c, LEN));
	csd[178] = 0x01;
	look();
	refuses(LEN, KB_EPERM, "BOOT_CONFIG_PROT");
	csd[178] = 0x10;
	look();
	refuses(LEN, KB_EPERM, "BOOT_CONFIG_PROT");
	csd[178] = 0;
	look();
	OK(copies_write_allowed(&c, LEN));
}

/* ---------------------------------------------------------------- U-Boot's environment */

/* One copy of it, and what a write to area 1 is answered. */
static enum kb_err allowed_beside(const char *dev, const char *offset, const char *size)
{
	folder_put("fw_env.config", strf("# one copy\n%s %s %s\n", dev, offset, size));
	look();
	return copies_write_allowed(&c, LEN);
}

TEST(image_that_reaches_the_environment_is_refused)
{
	FAILS(allowed_beside(DISK "boot1", "0x20000", "0x2000"), KB_ENOSPC);
	assert_non_null(strstr(c.why, "from 131072 on, boot area 1 holds U-Boot's environment"));
	FAILS(write_new(LEN), KB_ENOSPC);
	assert_int_equal(steps, 0);
	OK(copies_write_allowed(&c, 0x20000));
	FAILS(allowed_beside("/dev/second-name", "0", "0x2000"), KB_ENOSPC);
	/* LEN is 0x30000, and ROOM 0x40000. */
	FAILS(allowed_beside(DISK "boot1", "0x2ffff", "0x2000"), KB_ENOSPC);
	FAILS(allowed_beside(DISK "boot1", "-0x10001", "0x2000"), KB_ENOSPC);
	OK(allowed_beside(DISK "boot1", "-0x10000", "0x2000"));
	OK(allowed_beside(DISK "boot1", "0x30200", "0x2000"));
	OK(allowed_beside(DISK "boot0", "0x20000", "0x2000"));
	OK(allowed_beside(DISK, "0x20000", "0x2000"));
	OK(allowed_beside("/dev/third-name", "0x20000", "0x2000"));
}

TEST(second_copy_of_the_environment_counts)
{
	folder_put("fw_env.config",
		   "/dev/mmcblk0boot0 0x20000 2000\n/dev/mmcblk0boot1 0x20000 2000");
	look();
	FAILS(write_new(LEN), KB_ENOSPC);
}

/* U-Boot saves variables in one of the areas, and its version may be among them. */
TEST(environment_makes_no_copy_another)
{
	areas[1] = areas[0];
	OK(allowed_beside(DISK "boot0", "-0x2200", "0x2000"));
	areas[0].cached[ROOM - 0x200 - 1] ^= 1;
	look();
	assert_int_equal(c.runs, COPIES_RUNS_SET);
	areas[0].cached[ROOM - 0x4000] ^= 1;
	look();
	assert_int_equal(c.runs, COPIES_RUNS_UNKNOWN);
	fill(&areas[0], "2025.01-acme", 5000);
	fill(&areas[1], "2024.07-acme", 5000);
	memcpy(areas[1].cached + ROOM - 0x1000, "ver=2025.01-acme (Nov 28)", 25);
	OK(allowed_beside(DISK "boot1", "-0x2200", "0x2000"));
	assert_int_equal(c.runs, COPIES_RUNS_SET);
}

TEST(environment_stays_as_it_is)
{
	static uint8_t was[ROOM];

	memcpy(areas[1].cached + ROOM - 0x9e00, "bootdelay=2", 11);
	memcpy(areas[1].cached + ROOM - 0x2000, "bootdelay=3", 11);
	memcpy(areas[1].durable, areas[1].cached, ROOM);
	memcpy(was, areas[1].cached, ROOM);
	folder_put("fw_env.config",
		   "/dev/mmcblk0boot1 -0x2000 0x2000\n/dev/mmcblk0boot1 -0x9e00 0x1e00\n");
	look();
	OK(write_new(LEN));
	assert_true(is_new_copy_whole());
	/* Whole blocks of it stay. */
	memset(was + LEN, 0, ROOM - 0xa000 - LEN);
	memset(was + ROOM - 0x8000, 0, 0x6000);
	assert_memory_equal(areas[1].durable + LEN, was + LEN, ROOM - LEN);
	assert_int_equal(CONFIG, 0x50);
}

TEST(place_of_the_environment_that_nobody_understands_is_in_the_way)
{
	FAILS(allowed_beside("litter", "0", "0x2000"), KB_EINVAL);
	assert_non_null(strstr(c.why, "fw_env.config is not understood"));
	FAILS(allowed_beside(DISK "boot1", "0x3f000", "0x1001"), KB_EINVAL);
	FAILS(allowed_beside(DISK "boot0", "0x40000", "0x2000"), KB_EINVAL);
	FAILS(allowed_beside(DISK "boot1", "-0x40001", "0x2000"), KB_EINVAL);
	assert_int_equal(steps, 0);
	/* It keeps nobody from going back. */
	CONFIG = 0x50;
	look();
	OK(copies_write_keep(&c));
	folder_run("rm fw_env.config");
	look();
	OK(copies_write_allowed(&c, LEN));
	environment_named = true;
	look();
	environment_named = false;
	FAILS(copies_write_allowed(&c, LEN), KB_EINVAL);
	assert_non_null(strstr(c.why, "fw_env.config is missing"));
}

/* One that says what is not in it would run, and no later one could be installed. */
TEST(loader_without_its_version_is_refused)
{
	look();
	memcpy(image + 7000, "2025.10-acme-rc1", 16);
	refuses(LEN, KB_ECOMPAT, "2025.10-acme, the version of the bundle, is no text");
	memset(image, 0xc3, sizeof(image));
	refuses(LEN, KB_ECOMPAT, "stands in the image");
	memcpy(image + 7000, "10.25", 6);
	FAILS(copies_write_image(&c, image, LEN, "10.25"), KB_ECOMPAT);
	FAILS(copies_write_image(&c, image, LEN, ""), KB_ECOMPAT);
	memcpy(image + 7000, "2025.10-acme (Nov 28)", 21);
	assert_int_equal(steps, 0);
	OK(write_new(LEN));
}

TEST(loader_with_the_version_that_runs_is_refused)
{
	look();
	memcpy(image + 100, "2025.01-acme", 12);
	refuses(LEN, KB_EAPPLIED, "tell which of the two runs");
}

TEST(copy_that_runs_is_kept)
{
	look();
	FAILS(copies_write_keep(&c), KB_EAPPLIED);
	CONFIG = 0x50;
	look();
	OK(copies_write_keep(&c));
	assert_int_equal(CONFIG, 0x48);
	assert_int_equal(steps, 1);
	folder_put(UBOOT, "2023.04");
	look();
	FAILS(copies_write_keep(&c), KB_ENOTARGET);
}

TEST_MAIN("copies_write", .set_up = set_up, .tear_down = tear_down)
