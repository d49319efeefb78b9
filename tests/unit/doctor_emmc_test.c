/* SPDX-License-Identifier: Apache-2.0 */
/* What `keelboot doctor` says of an eMMC. Its registers are the test's. */
#include "cli/doctor/doctor_checks.h"
#include "tests/unit/emmc_area.h"

static struct doctor doc;
static struct device d;
static bool unreadable;

enum kb_err os_emmc_read(const char *disk, uint8_t out[OS_EMMC_CSD])
{
	assert_string_equal(disk, folder_at("dev/mmcblk0"));
	memcpy(out, csd, sizeof(csd));
	return unreadable ? KB_EIO : KB_OK;
}

enum kb_err os_emmc_set(const char *disk, uint8_t index, uint8_t value)
{
	fail_msg("doctor writes");
	return KB_EIO;
}

static void set_up(void)
{
	emmc_make();
	folder_put("dev/mmcblk0boot0", "the loader 2025.01-acme");
	folder_put("dev/mmcblk0boot1", "the loader 2024.07-acme");
	folder_run("truncate -s 8192 dev/mmcblk0boot0 dev/mmcblk0boot1");
	memset(&d, 0, sizeof(d));
	snprintf(d.conf.loader_copies, sizeof(d.conf.loader_copies), DISK);
	snprintf(d.conf.loader_environment, sizeof(d.conf.loader_environment), "/fw_env.config");
	unreadable = false;
}

static void tear_down(void)
{
	folder_remove();
}

static void look(void)
{
	memset(&doc, 0, sizeof(doc));
	doc.d = &d;
	doc.sys_root = folder;
	doctor_emmc(&doc);
}

static const struct doctor_finding *finding(const char *id)
{
	for (unsigned i = 0; i < doc.n; i++)
		if (strcmp(doc.finding[i].id, id) == 0)
			return &doc.finding[i];
	return NULL;
}

static void finds(const char *id, enum doctor_severity severity, const char *text)
{
	const struct doctor_finding *f;

	look();
	f = finding(id);
	assert_non_null(f);
	assert_int_equal(f->severity, severity);
	assert_non_null(strstr(f->text, text));
	assert_true(strlen(f->fix) > 0 && strlen(f->fix) + 1 < DOCTOR_TEXT_LEN &&
		    strlen(f->text) + 1 < DOCTOR_TEXT_LEN);
}

TEST(area_in_use_is_named_and_rpmb_said_to_be_unused)
{
	csd[177] = 0x0a;
	finds("emmc-boot-area", DOCTOR_NOTE, "boot area 0, bus conditions 0x0a");
	assert_non_null(strstr(finding("emmc-boot-area")->text, "no RPMB"));
	CONFIG = 0x50;
	finds("emmc-boot-area", DOCTOR_NOTE, "boot area 1");
	/* From none of them: that is nothing to say, unless system.conf relies on it. */
	CONFIG = 0x38;
	d.conf.loader_copies[0] = '\0';
	look();
	assert_null(finding("emmc-boot-area"));
	assert_null(finding("loader-copies"));
}

TEST(reset_line_that_is_ignored_is_noticed)
{
	finds("emmc-reset", DOCTOR_NOTE, "ignores its hardware reset line");
	assert_non_null(strstr(finding("emmc-reset")->fix, "mmc hwreset enable"));
	csd[162] = 2;
	finds("emmc-reset", DOCTOR_NOTE, "ignores its hardware reset line");
	assert_non_null(strstr(finding("emmc-reset")->fix, "for good"));
	csd[162] = 1;
	look();
	assert_null(finding("emmc-reset"));
}

TEST(area_that_anybody_may_write_is_found)
{
	look();
	assert_null(finding("emmc-writable"));
	folder_put("sys/block/mmcblk0boot1/force_ro", "0\n");
	finds("emmc-writable", DOCTOR_WARNING, "boot area 1 of " DISK);
}

TEST(loader_that_fell_back_is_an_error)
{
	look();
	assert_null(finding("loader-fell-back"));
	CONFIG = 0x50;
	finds("loader-fell-back", DOCTOR_ERROR, "area 1, and the one in area 0 runs");
	/* Without a word in system.conf, nobody has two copies. */
	d.conf.loader_copies[0] = '\0';
	look();
	assert_null(finding("loader-fell-back"));
}

TEST(loader_that_says_no_version_is_found)
{
	look();
	assert_null(finding("loader-version"));
	folder_put(UBOOT, "2023.04");
	finds("loader-version", DOCTOR_WARNING, "installs none");
	d.conf.loader_copies[0] = '\0';
	look();
	assert_null(finding("loader-version"));
}

TEST(environment_in_an_area_is_named)
{
	/* `loader install` refuses a file that is named, and missing. */
	finds("loader-environment", DOCTOR_WARNING, "fw_env.config is missing or not understood");
	folder_put("fw_env.config", "/dev/mmcblk0boot1 -0x2000 0x2000\n");
	finds("loader-environment", DOCTOR_NOTE, "in boot area 1 of " DISK ", from byte 253952");
	folder_put("fw_env.config", "/dev/mmcblk0 0x400000 0x2000\n");
	look();
	assert_null(finding("loader-environment"));
	folder_put("fw_env.config", "litter\n");
	finds("loader-environment", DOCTOR_WARNING, "fw_env.config is missing or not understood");
	d.conf.loader_copies[0] = '\0';
	look();
	assert_null(finding("loader-environment"));
}

/* A path of system.conf is the device's, not that of the machine that looks at it. */
TEST(environment_is_read_below_the_root)
{
	folder_put("fw_env.config", "litter\n");
	snprintf(d.conf.loader_environment, sizeof(d.conf.loader_environment), "%s/fw_env.config",
		 folder);
	finds("loader-environment", DOCTOR_WARNING, "fw_env.config is missing or not understood");
	d.conf.loader_environment[0] = '\0';
	look();
	assert_null(finding("loader-environment"));
	folder_run("mkdir etc && mv fw_env.config etc");
	finds("loader-environment", DOCTOR_WARNING, folder_at("etc/fw_env.config"));
}

TEST(register_that_nobody_may_set_is_found)
{
	look();
	assert_null(finding("loader-locked"));
	csd[178] = 0x10;
	finds("loader-locked", DOCTOR_WARNING, "BOOT_CONFIG_PROT");
	d.conf.loader_copies[0] = '\0';
	look();
	assert_null(finding("loader-locked"));
}

/* Of copies that nobody means to update, nothing but the registers is read. */
TEST(areas_are_read_only_where_system_conf_names_them)
{
	folder_run("rm dev/mmcblk0boot0 && mkdir dev/mmcblk0boot0");
	finds("loader-copies", DOCTOR_ERROR, "cannot be read");
	assert_null(finding("emmc-boot-area"));
	d.conf.loader_copies[0] = '\0';
	finds("emmc-boot-area", DOCTOR_NOTE, "boot area 0");
}

TEST(copies_that_are_none_are_an_error)
{
	CONFIG = 0x38;
	finds("loader-copies", DOCTOR_ERROR, "none of its boot areas");
	CONFIG = 0x48;
	unreadable = true;
	finds("loader-copies", DOCTOR_ERROR, "cannot be read");
	unreadable = false;
	snprintf(d.conf.loader_copies, sizeof(d.conf.loader_copies), "/dev/mmcblk7");
	finds("loader-copies", DOCTOR_ERROR, "/dev/mmcblk7 has no two boot areas");
}

TEST_MAIN("doctor_emmc", .set_up = set_up, .tear_down = tear_down)
