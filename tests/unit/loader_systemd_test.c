/* SPDX-License-Identifier: Apache-2.0 */
/* systemd-boot's variables as the loader's store, in a folder that stands for efivarfs. */
#include "lib/bytes.h"
#include "selector/loader/loader_systemd.h"
#include "selector/loader/loader_var.h"
#include "selector/state.h"
#include "tests/unit/gpt.h"

#define VARS "sys/firmware/efi/efivars"

static struct loader l = { .kind = CONF_LOADER_SYSTEMD };
static struct loader_choice c;

/* efivarfs: a write is all of a variable. What is written, in order. */
static char written[512];
static bool loses;

ssize_t write(int fd, const void *buf, size_t n)
{
	char link[64], path[512];
	const char *name;
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	path[len < 0 ? 0 : len] = '\0';
	name = strrchr(path, '/');
	if (strstr(path, "/efivars/") != NULL && loses)
		return (ssize_t)n;
	if (strstr(path, "/efivars/") != NULL && ftruncate(fd, 0) == 0)
		snprintf(written + strlen(written), sizeof(written) - strlen(written), "%.*s ",
			 (int)strcspn(name + 1, "-"), name + 1);
	return syscall(SYS_write, fd, buf, n);
}

static void set_up(void)
{
	folder_make();
	folder_run("mkdir -p " VARS);
	gpt_disk();
	l.root = folder;
	l.where = "a=/dev/vda2:keelboot-a.efi,b=/dev/vda2:keelboot-b.efi";
	written[0] = '\0';
	loses = false;
}

static const char *path_of(const char *name)
{
	return strf(VARS "/%s-" LOADER_VAR_SYSTEMD, name);
}

/* A list of texts, each ended by a zero: "x\0y". len without the last zero. */
static void put_list(const char *name, const char *text, size_t len)
{
	uint8_t file[4 + 2 * 200] = { 7 };

	for (size_t i = 0; i < len; i++)
		bytes_put16(file + 4 + 2 * i, (uint8_t)text[i]);
	folder_bytes(path_of(name), file, 4 + 2 * (len + 1));
	written[0] = '\0';
}

static void put(const char *name, const char *text)
{
	put_list(name, text, strlen(text));
}

static bool has(const char *name)
{
	return access(folder_at(path_of(name)), F_OK) == 0;
}

static void reads(int preset, int once)
{
	OK(loader_read(&l, &c));
	EQUAL((c.preset, preset), (c.once, once));
}

static int booted(void)
{
	int slot = 9;

	return loader_booted(&l, &slot) == KB_OK ? slot : STATE_NONE;
}

/* ---------------------------------------------------------------- reading */

TEST(names_of_files_are_names_of_entries)
{
	reads(STATE_NONE, STATE_NONE);
	put("LoaderEntryDefault", "keelboot-a.efi");
	reads(0, STATE_NONE);
	put("LoaderEntryOneShot", "KEELBOOT-B.efi");
	reads(0, 1);
}

TEST(entry_of_another_is_no_preset)
{
	static const char *const others[] = { "debian.conf",	 "keelboot-*.efi",
					      "keelboot-a.ef",	 "",
					      "xkeelboot-a.efi", "@saved",
					      "keelboot-a.efi+3" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(others); i++) {
		put("LoaderEntryDefault", others[i]);
		reads(STATE_NONE, STATE_NONE);
	}
}

TEST(text_that_is_long_or_not_ascii_is_no_entry)
{
	uint8_t file[4 + 4096] = { 7 };
	static const uint8_t wide[] = { 7, 0, 0, 0, 'k', 1, 0, 0 };

	for (size_t i = 4; i < sizeof(file); i += 2)
		file[i] = 'a';
	folder_bytes(path_of("LoaderEntryDefault"), file, sizeof(file));
	reads(STATE_NONE, STATE_NONE);
	folder_bytes(path_of("LoaderEntryDefault"), wide, sizeof(wide));
	reads(STATE_NONE, STATE_NONE);
	folder_bytes(path_of("LoaderEntryDefault"), "\7\0\0\0k", 5);
	reads(STATE_NONE, STATE_NONE);
	folder_bytes(path_of("LoaderEntryDefault"), "\7", 1);
	FAILS(loader_read(&l, &c), KB_EFORMAT);
	OK(loader_set_preset(&l, 0)); /* over it */
}

TEST(where_is_a_list_of_entries)
{
	static const char *const bad[] = { "a",
					   "a=",
					   "i=x.efi",
					   "a=x.efi,a=y.efi",
					   ",a=x.efi",
					   "a=a23456789012345678901234567890.efi",
					   "a=/dev/vda2:",
					   "a=/dev/vda2:x.efi,a=y.efi" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(bad); i++) {
		l.where = bad[i];
		FAILS(loader_read(&l, &c), KB_EINVAL);
	}
}

TEST(machine_without_uefi_is_told)
{
	folder_run("rmdir " VARS);
	FAILS(loader_read(&l, &c), KB_ENODEV);
}

/* ---------------------------------------------------------------- setting */

TEST(preset_clears_once_first)
{
	put("LoaderEntryOneShot", "keelboot-b.efi");
	OK(loader_set_preset(&l, 0));
	EQUAL((has("LoaderEntryOneShot"), false), (written, "LoaderEntryDefault "));
	reads(0, STATE_NONE);
	written[0] = '\0';
	OK(loader_set_preset(&l, 0));
	EQUAL((written, "")); /* no wear */
}

TEST(once_leaves_the_preset)
{
	put("LoaderEntryDefault", "keelboot-a.efi");
	OK(loader_set_once(&l, 1));
	EQUAL((written, "LoaderEntryOneShot "));
	reads(0, 1);
}

/* What the loader reads: UTF-16 with its zero, kept over a reset. */
TEST(variable_is_what_the_loader_reads)
{
	static const uint8_t want[] = { 7, 0, 0, 0, 'x', 0, '.', 0, 'e', 0, 'f', 0, 'i', 0, 0, 0 };
	uint8_t is[64];
	FILE *f;

	l.where = "a=x.efi";
	OK(loader_set_preset(&l, 0));
	f = fopen(folder_at(path_of("LoaderEntryDefault")), "re");
	assert_non_null(f);
	EQUAL((fread(is, 1, sizeof(is), f), sizeof(want)));
	fclose(f);
	assert_memory_equal(is, want, sizeof(want));
}

TEST(variable_that_the_firmware_loses_is_noticed)
{
	loses = true;
	FAILS(loader_set_preset(&l, 1), KB_EIO);
}

/* What `bootctl set-preferred` sets would start the pair that is written. */
TEST(what_goes_before_the_preset_is_it_until_another_one_is_set)
{
	put("LoaderEntryDefault", "keelboot-b.efi");
	put("LoaderEntryPreferred", "keelboot-a.efi");
	reads(0, STATE_NONE);
	put("LoaderEntryPreferred", "debian.conf");
	reads(STATE_NONE, STATE_NONE);
	OK(loader_set_preset(&l, 1));
	reads(1, STATE_NONE);
	assert_false(has("LoaderEntryPreferred"));
}

TEST(slot_without_a_pair_is_refused)
{
	put("LoaderEntryDefault", "keelboot-a.efi");
	FAILS(loader_set_once(&l, 2), KB_EINVAL);
	EQUAL((l.why, "slot c has no pair: a=/dev/vda2:keelboot-a.efi,b=/dev/vda2:keelboot-b.efi"),
	      (written, ""));
}

/* ---------------------------------------------------------------- what was started */

#define ESP   "A1A1A1A1-A1A1-A1A1-A1A1-A1A1A1A1A1A1"
#define BOOT  "B2B2B2B2-B2B2-B2B2-B2B2-B2B2B2B2B2B2" /* another one of that disk: XBOOTLDR */
#define STICK "C3C3C3C3-C3C3-C3C3-C3C3-C3C3C3C3C3C3"

TEST(entry_that_was_selected_says_whose_kernel_runs)
{
	put("LoaderDevicePartUUID", ESP);
	EQUAL((booted(), STATE_NONE), (l.why, "systemd-boot did not start this"));
	put("LoaderEntrySelected", "keelboot-b.efi");
	EQUAL((booted(), 1));
	put("LoaderEntrySelected", "debian.conf");
	EQUAL((booted(), STATE_NONE));
	assert_non_null(
		strstr(l.why, "systemd-boot started debian.conf, which is no pair's entry"));
}

TEST(texts_are_entries_as_well)
{
	l.where = "a=/dev/vda2:keelboot-a.conf,b=/dev/vda2:keelboot-b.conf";
	put("LoaderEntryDefault", "keelboot-b.efi");
	reads(STATE_NONE, STATE_NONE);
	OK(loader_set_preset(&l, 0));
	OK(loader_set_once(&l, 1));
	reads(0, 1);
	put("LoaderDevicePartUUID", ESP);
	put("LoaderEntrySelected", "keelboot-b.conf");
	EQUAL((booted(), 1));
	put("LoaderEntrySelected", "keelboot-b.efi");
	EQUAL((booted(), STATE_NONE));
}

/* A stick, or a copy of the disk, has files of the same names. */
TEST(entry_of_another_disk_is_no_slots_kernel)
{
	static const char *const here[] = { ESP, "a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1", BOOT };
	static const char *const elsewhere[] = { STICK, "x", "A1A1A1A1",
						 "00000000-0000-0000-0000-000000000000" };

	put("LoaderEntrySelected", "keelboot-b.efi");
	for (unsigned i = 0; i < KB_ARRAY_LEN(here); i++) {
		put("LoaderDevicePartUUID", here[i]);
		EQUAL((booted(), 1));
	}
	for (unsigned i = 0; i < KB_ARRAY_LEN(elsewhere); i++) {
		put("LoaderDevicePartUUID", elsewhere[i]);
		EQUAL((booted(), STATE_NONE));
		assert_non_null(strstr(l.why, "systemd-boot came from another disk"));
	}
}

TEST(disk_that_nobody_names_is_another_one)
{
	put("LoaderEntrySelected", "keelboot-b.efi");
	EQUAL((booted(), STATE_NONE));
	assert_non_null(strstr(l.why, "does not say from which disk it came"));
	put("LoaderDevicePartUUID", "");
	EQUAL((booted(), STATE_NONE));
}

TEST(entry_whose_partition_is_missing_is_no_slots_kernel)
{
	put("LoaderEntrySelected", "keelboot-b.efi");
	put("LoaderDevicePartUUID", ESP);
	l.where = "a=/dev/vda2:keelboot-a.efi,b=keelboot-b.efi";
	EQUAL((booted(), STATE_NONE), (l.why, "the partition of slot b's kernel is missing"));
	l.where = "a=/dev/vda2:keelboot-a.efi,b=/dev/vdb1:keelboot-b.efi";
	EQUAL((booted(), STATE_NONE));
	assert_non_null(strstr(l.why, "/dev/vdb1"));
	reads(STATE_NONE, STATE_NONE); /* what it starts next is asked of its variables only */
}

TEST(it_says_what_it_has)
{
	struct loader_systemd_is is;

	OK(loader_systemd_look(&l, &is));
	EQUAL((is.started, false), (is.listed, 0), (is.given, 3), (is.waits, false));
	put("LoaderInfo", "systemd-boot 252.39-1~deb12u1");
	put_list("LoaderEntries", "x.conf\0keelboot-b.efi\0auto-reboot", 33);
	put("LoaderEntryDefault", "x.conf");
	put("LoaderConfigTimeout", "menu-force");
	OK(loader_systemd_look(&l, &is));
	EQUAL((is.started, true), (is.listed, 2), (is.waits, true), (is.preset, "x.conf"));
	put("LoaderInfo", "systemd-stub 252");
	OK(loader_systemd_look(&l, &is));
	EQUAL((is.started, false));
}

TEST_MAIN("loader_systemd", .set_up = set_up, .tear_down = folder_remove)
