/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI's variables as the loader's store, in folders that stand for sysfs, efivarfs and /dev. */
#include "lib/os_efivar.h"
#include "selector/loader/loader_entries.h"
#include "selector/loader/loader_uefi.h"
#include "tests/unit/gpt.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

#define VARS	"sys/firmware/efi/efivars"
#define GLOBAL	"8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define SYSTEMD "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

static struct loader l = { .kind = CONF_LOADER_UEFI, .where = "a=/dev/vda2,b=/dev/vda3" };
static struct loader_choice c;
static struct loader_part part[2];

/* efivarfs: a write is all of a variable. What is written, in order: "BootNext BootOrder ". */
static char written[512];
static bool loses;
/* A variable that must still be there while BootOrder is written: else a cut behind its removal
 * leaves an order of nothing. */
static const char *kept_for_order;
static bool has_var(const char *name);

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
	if (kept_for_order != NULL && strstr(path, "/BootOrder-") != NULL)
		assert_true(has_var(kept_for_order));
	if (strstr(path, "/efivars/") != NULL && ftruncate(fd, 0) == 0)
		snprintf(written + strlen(written), sizeof(written) - strlen(written), "%.*s ",
			 (int)strcspn(name + 1, "-"), name + 1);
	return syscall(SYS_write, fd, buf, n);
}

/* ---------------------------------------------------------------- the machine */

static void set_up(void)
{
	folder_make();
	folder_run("mkdir -p " VARS);
	gpt_disk();
	l.root = folder;
	l.where = "a=/dev/vda2,b=/dev/vda3";
	OK(loader_part_look(&l, "/dev/vda2", &part[0]));
	OK(loader_part_look(&l, "/dev/vda3", &part[1]));
	written[0] = '\0';
	loses = false;
	kept_for_order = NULL;
}

/* ---------------------------------------------------------------- its variables */

static const char *var_path(const char *name)
{
	return folder_at(strf(VARS "/%s-" GLOBAL, name));
}

static void put_var(const char *name, const void *value, size_t len)
{
	uint8_t file[600] = { 7 };

	memcpy(file + 4, value, len);
	folder_bytes(strf(VARS "/%s-" GLOBAL, name), file, len + 4);
	written[0] = '\0';
}

static const char *boot_file(void)
{
	return strf("\\EFI\\BOOT\\%s", os_efivar_boot_file());
}

static void put_option(const char *name, const char *description, const struct loader_part *p)
{
	uint8_t value[512];
	size_t len = loader_option_make(value, sizeof(value), description, p, boot_file());

	put_var(name, value, len);
}

static void put_list(const char *name, const char *bytes, size_t n)
{
	put_var(name, bytes, n);
}
#define LIST(name, bytes) put_list(name, bytes, sizeof(bytes) - 1)

static bool has_var(const char *name)
{
	return access(var_path(name), F_OK) == 0;
}

/* A list as its numbers: "0 1 ". */
static const char *list(const char *name)
{
	static char text[64];
	struct loader_numbers n;

	OK(loader_var_numbers(&l, name, &n));
	text[0] = '\0';
	for (unsigned i = 0; i < n.n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u ", n.number[i]);
	return text;
}

static const char *name_of_option(const char *name)
{
	static uint8_t value[LOADER_VAR_MAX];
	static struct loader_option o;
	size_t len;

	OK(loader_var_read(&l, name, NULL, value, &len));
	OK(loader_option_parse(&o, value, len));
	return o.description;
}

static void reads(int preset, int once)
{
	OK(loader_read(&l, &c));
	EQUAL((c.preset, preset), (c.once, once));
}

static void put_both(void)
{
	put_option("Boot0001", "keelboot a", &part[0]);
	put_option("Boot0002", "keelboot b", &part[1]);
	LIST("BootOrder", "\1\0\2\0");
}

/* ---------------------------------------------------------------- partitions */

TEST(partition_is_what_kernel_and_table_say)
{
	EQUAL((part[1].number, 3), (part[1].start, 200), (part[1].blocks, 200),
	      (part[1].guid[5], 0xb2));
}

TEST(damaged_table_is_read_from_its_copy)
{
	memset(gpt_image + 512, 0, 512);
	memset(gpt_image + 1024, 0, 1024);
	gpt_put();
	OK(loader_part_look(&l, "/dev/vda2", &part[0]));
	EQUAL((part[0].guid[0], 0xa1));
}

/* The last sector is alone in its page. */
TEST(copy_of_a_damaged_table_is_found_on_a_disk_of_an_odd_size)
{
	static uint8_t odd[(GPT_BLOCKS + 1) * 512];

	memset(gpt_image + 512, 0, 512);
	memset(gpt_image + (GPT_BLOCKS - 1) * 512, 0, 512);
	memcpy(odd, gpt_image, sizeof(gpt_image));
	memcpy(odd + GPT_BLOCKS * 512, "EFI PART", 8);
	bytes_put64(odd + GPT_BLOCKS * 512 + 72, GPT_BLOCKS - 33);
	bytes_put32(odd + GPT_BLOCKS * 512 + 80, 128);
	bytes_put32(odd + GPT_BLOCKS * 512 + 84, 128);
	folder_bytes("dev/vda", odd, sizeof(odd));
	OK(loader_part_look(&l, "/dev/vda2", &part[0]));
	EQUAL((part[0].guid[0], 0xa1));
}

TEST(table_at_odds_with_the_kernel_is_refused)
{
	gpt_entry(2, 2, 101, 199, 0xcc);
	gpt_entry(GPT_BLOCKS - 33, 2, 100, 200, 0xcc);
	gpt_put();
	FAILS(loader_read(&l, &c), KB_EFORMAT);
	assert_non_null(strstr(l.why, "/dev/vda2: cannot find it in the GPT of /dev/vda"));
}

TEST(blocks_of_4096_bytes_are_counted_as_such)
{
	folder_run("echo 4096 >sys/devices/vda/queue/logical_block_size; "
		   "echo 800 >sys/devices/vda/vda2/start; echo 80 >sys/devices/vda/vda2/size");
	memset(gpt_image, 0, sizeof(gpt_image));
	memcpy(gpt_image + 4096, "EFI PART", 8);
	bytes_put64(gpt_image + 4096 + 72, 2);
	bytes_put32(gpt_image + 4096 + 80, 4);
	bytes_put32(gpt_image + 4096 + 84, 128);
	gpt_entry(16, 2, 100, 109, 0xdd);
	gpt_put();
	OK(loader_part_look(&l, "/dev/vda2", &part[0]));
	EQUAL((part[0].start, 100), (part[0].blocks, 10), (part[0].guid[0], 0xdd));
}

/* No number in it leads out of the disk, or to an entry that there is not. */
TEST(each_byte_of_the_table_may_be_damaged)
{
	for (unsigned at = 512; at < 512 + 92; at++) {
		for (unsigned bit = 0; bit < 8; bit += 7) {
			gpt_make();
			memset(gpt_image + (GPT_BLOCKS - 1) * 512, 0, 8);
			gpt_image[at] ^= (uint8_t)(1u << bit);
			gpt_put();
			if (loader_part_look(&l, "/dev/vda2", &part[0]) == KB_OK)
				EQUAL((part[0].start, 100));
		}
	}
}

TEST(where_is_a_list_of_partitions)
{
	static const char *const bad[] = { "a",
					   "/dev/vda2",
					   "a=,b=/dev/vda3",
					   "i=/dev/vda2",
					   "a=/dev/vda2,a=/dev/vda3",
					   ",a=/dev/vda2",
					   "a=/dev/vda2,b" };
	static const char *const missing[] = { "a=/dev/vdb1", "a=/dev/vda", "a=/dev/../vda2",
					       "a=/dev/a/b", "a=vda2" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(bad); i++) {
		l.where = bad[i];
		FAILS(loader_read(&l, &c), KB_EINVAL);
	}
	for (unsigned i = 0; i < KB_ARRAY_LEN(missing); i++) {
		l.where = missing[i];
		FAILS(loader_read(&l, &c), KB_ENODEV);
	}
}

/* ---------------------------------------------------------------- reading */

TEST(first_entry_that_there_is_is_the_default)
{
	reads(STATE_NONE, STATE_NONE);
	put_both();
	reads(0, STATE_NONE);
	LIST("BootOrder", "\2\0\1\0");
	reads(1, STATE_NONE);
	LIST("BootOrder", "\7\0\1\0");
	reads(0, STATE_NONE);
	put_option("Boot0007", "a shell", &(struct loader_part){ .number = 9 });
	reads(STATE_NONE, STATE_NONE);
}

TEST(next_entry_is_once)
{
	put_both();
	LIST("BootNext", "\2\0");
	reads(0, 1);
	LIST("BootNext", "\7\0");
	reads(0, STATE_NONE);
}

TEST(entry_counts_by_what_it_loads)
{
	put_both();
	put_option("Boot0001", "keelboot a", &part[1]);
	reads(1, STATE_NONE);
	put_option("Boot0001", "of a person", &part[0]);
	reads(0, STATE_NONE);
}

TEST(lists_that_are_none_are_refused)
{
	put_both();
	LIST("BootOrder", "\1\0\2");
	FAILS(loader_read(&l, &c), KB_EFORMAT);
	EQUAL((l.why, "UEFI's variable BootOrder has 3 bytes: no list of entries"));
	put_both();
	LIST("BootNext", "\1\0\2\0");
	FAILS(loader_read(&l, &c), KB_EFORMAT);
	folder_bytes(VARS "/BootNext-" GLOBAL, "\7", 1);
	FAILS(loader_read(&l, &c), KB_EFORMAT);
	folder_blank(VARS "/BootNext-" GLOBAL, 5000);
	FAILS(loader_read(&l, &c), KB_EFORMAT);
	FAILS(loader_set_once(&l, 1), KB_EFORMAT);
	OK(loader_set_preset(&l, 0)); /* which clears it */
}

TEST(variable_that_the_firmware_did_not_take_is_none)
{
	put_both();
	folder_bytes(VARS "/BootNext-" GLOBAL, "", 0);
	reads(0, STATE_NONE);
	OK(loader_set_once(&l, 1));
	reads(0, 1);
}

TEST(machine_without_uefi_is_told)
{
	folder_run("rmdir " VARS);
	FAILS(loader_read(&l, &c), KB_ENODEV);
	EQUAL((l.why, "UEFI did not start this machine, or its kernel has no efivarfs"));
}

/* ---------------------------------------------------------------- setting */

TEST(entries_are_made_when_there_are_none)
{
	OK(loader_set_preset(&l, 1));
	EQUAL((name_of_option("Boot0000"), "keelboot a"));
	EQUAL((name_of_option("Boot0001"), "keelboot b"), (list("BootOrder"), "1 0 "));
	reads(1, STATE_NONE);
}

TEST(once_leaves_the_order)
{
	put_both();
	OK(loader_set_once(&l, 1));
	EQUAL((written, "BootNext "), (list("BootOrder"), "1 2 "), (list("BootNext"), "2 "));
}

TEST(preset_clears_once_first)
{
	put_both();
	LIST("BootNext", "\1\0");
	OK(loader_set_preset(&l, 1));
	EQUAL((has_var("BootNext"), false), (list("BootOrder"), "2 1 "), (written, "BootOrder "));
	written[0] = '\0';
	OK(loader_set_preset(&l, 1));
	EQUAL((written, "")); /* no wear */
}

TEST(entries_of_others_stay_behind_ours)
{
	put_both();
	put_option("Boot0007", "a shell", &(struct loader_part){ .number = 9 });
	LIST("BootOrder", "\7\0\5\0\2\0");
	OK(loader_set_preset(&l, 0));
	EQUAL((list("BootOrder"), "1 2 7 "), (has_var("Boot0007"), true));
}

TEST(entry_of_another_disk_is_made_again_in_its_place)
{
	struct loader_part old = part[1];

	old.guid[3] ^= 1;
	put_both();
	put_option("Boot0002", "keelboot b", &old);
	OK(loader_set_once(&l, 1));
	EQUAL((written, "Boot0002 BootNext "), (list("BootNext"), "2 "));
	reads(0, 1);
}

TEST(partition_that_moved_is_noted)
{
	struct loader_part old = part[1];

	old.start--;
	put_both();
	put_option("Boot0002", "keelboot b", &old);
	OK(loader_set_once(&l, 1));
	EQUAL((written, "Boot0002 BootNext "));
}

TEST(entries_that_are_there_twice_are_removed)
{
	put_both();
	put_option("Boot0003", "keelboot a", &part[0]);
	put_option("Boot0004", "keelboot c", &part[0]);
	LIST("BootOrder", "\3\0\1\0\2\0");
	kept_for_order = "Boot0003";
	OK(loader_set_once(&l, 1));
	EQUAL((has_var("Boot0003"), false), (has_var("Boot0004"), true));
	EQUAL((list("BootOrder"), "1 2 "), (written, "BootOrder BootNext "));
	reads(0, 1);
}

/* The order names nothing but the copy that goes. */
TEST(order_is_right_before_an_entry_is_removed)
{
	put_both();
	put_option("Boot0003", "keelboot a", &part[0]);
	LIST("BootOrder", "\3\0");
	kept_for_order = "Boot0003";
	OK(loader_set_preset(&l, 0));
	EQUAL((list("BootOrder"), "1 2 "), (has_var("Boot0003"), false));
	reads(0, STATE_NONE);
}

TEST(entry_that_is_off_is_made_again)
{
	uint8_t off[512];
	size_t len = loader_option_make(off, sizeof(off), "keelboot a", &part[0], boot_file());

	put_both();
	off[0] = 0;
	put_var("Boot0001", off, len);
	reads(1, STATE_NONE);
	OK(loader_set_preset(&l, 0));
	reads(0, STATE_NONE);
}

TEST(variable_that_the_firmware_loses_is_noticed)
{
	put_both();
	loses = true;
	FAILS(loader_set_preset(&l, 1), KB_EIO);
	EQUAL((l.why,
	       "a=/dev/vda2,b=/dev/vda3: wrote default=b once=-, but reads back default=a once=-"));
}

TEST(slot_without_a_pair_is_refused)
{
	put_both();
	FAILS(loader_set_once(&l, 2), KB_EINVAL);
	EQUAL((l.why, "slot c has no pair: a=/dev/vda2,b=/dev/vda3"), (written, ""));
}

TEST(litter_among_the_variables_is_passed_over)
{
	put_both();
	folder_bytes(VARS "/Boot00FF-" GLOBAL, "\7\0\0\0\1\0\0\0\377\377k", 11);
	folder_bytes(VARS "/Boot00FE-" GLOBAL, "", 0);
	folder_blank(VARS "/Boot00FD-" GLOBAL, 10000);
	folder_put(VARS "/Boot00ff-" GLOBAL, "xxxxxxxxx");
	folder_put(VARS "/Boot0001-" SYSTEMD, "xxxxxxxxx");
	folder_put(VARS "/BootX", "x");
	OK(loader_set_preset(&l, 1));
	reads(1, STATE_NONE);
}

static void make_immutable(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), flags = 0;
	bool done = ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0;

	flags |= FS_IMMUTABLE_FL;
	done = done && ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
	close(fd);
	if (!done)
		skip();
}

TEST(immutable_variables_are_changed)
{
	put_both();
	LIST("BootNext", "\1\0");
	make_immutable(var_path("BootNext"));
	make_immutable(var_path("BootOrder"));
	assert_true(open(var_path("BootOrder"), O_WRONLY | O_CLOEXEC) < 0);
	OK(loader_set_preset(&l, 1));
	reads(1, STATE_NONE);
}

/* ---------------------------------------------------------------- what was started */

static void put_stub(const char *guid)
{
	uint8_t file[4 + 2 * 48] = { 6 };
	size_t n = strlen(guid) + 1;

	for (size_t i = 0; i < n; i++)
		file[4 + 2 * i] = (uint8_t)guid[i];
	folder_bytes(VARS "/LoaderDevicePartUUID-" SYSTEMD, file, 4 + 2 * n);
}

static int booted(void)
{
	int slot = 9;

	return loader_booted(&l, &slot) == KB_OK ? slot : STATE_NONE;
}

TEST(stub_says_which_pair_was_started)
{
	put_both();
	put_stub("b2b2b2b2-B2B2-b2b2-b2b2-b2b2b2b2b2b2");
	EQUAL((booted(), 1));
	LIST("BootCurrent", "\1\0");
	EQUAL((booted(), 1));
	put_stub("");
	EQUAL((booted(), STATE_NONE));
	put_stub("a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1-more");
	EQUAL((booted(), 0));
}

TEST(else_the_firmware_says_it)
{
	put_both();
	EQUAL((booted(), STATE_NONE), (l.why, "UEFI started this from no partition of a pair"));
	LIST("BootCurrent", "\2\0");
	EQUAL((booted(), 1));
	LIST("BootCurrent", "\7\0");
	EQUAL((booted(), STATE_NONE));
}

TEST_MAIN("loader_uefi", .set_up = set_up, .tear_down = folder_remove)
