/* SPDX-License-Identifier: Apache-2.0 */
/* U-Boot's environment in two files: what is set is there, and each damage is refused. */
#include "selector/loader/loader_uboot.h"
#include "selector/state.h"
#include "tests/unit/folder.h"

#include <limits.h>
#include <zlib.h>

#define SIZE  4096u
#define START "bootcmd=run x\0keelboot_default=a\0other=1"

static struct loader l = { .kind = CONF_LOADER_UBOOT, .root = "" };
static struct loader_choice c;
static char where[96];
static uint8_t copy[2][SIZE];

/* A copy with a right checksum, in the processor's order: variables with a NUL between them. */
static void put_copy(unsigned n, uint8_t flags, const char *text, size_t len)
{
	uint32_t crc;

	memset(copy[n], 0, SIZE);
	copy[n][4] = flags;
	memcpy(copy[n] + 5, text, len);
	crc = (uint32_t)crc32(0, copy[n] + 5, SIZE - 5);
	memcpy(copy[n], &crc, sizeof(crc));
	folder_bytes(n == 0 ? "env0" : "env1", copy[n], SIZE);
}

static void put_config(const char *text)
{
	folder_put("fw_env.config", text);
}

static void set_up(void)
{
	folder_make();
	put_copy(0, 1, START, sizeof(START));
	put_copy(1, 0, "old=1", sizeof("old=1"));
	put_config(strf("# copies\n%s/env0 0x0 0x1000\n%s/env1 0x0 0x1000\n", folder, folder));
	snprintf(where, sizeof(where), "%s/fw_env.config", folder);
	l.where = where;
	l.root = "";
}

static void load_copies(void)
{
	for (unsigned n = 0; n < 2; n++) {
		int fd = open(folder_at(n == 0 ? "env0" : "env1"), O_RDONLY | O_CLOEXEC);

		assert_int_equal(read(fd, copy[n], SIZE), SIZE);
		close(fd);
	}
}

static bool has_text(unsigned n, const char *text)
{
	return memmem(copy[n] + 5, SIZE - 5, text, strlen(text) + 1) != NULL;
}

TEST(words_are_read_from_the_newer_copy)
{
	OK(loader_read(&l, &c));
	EQUAL((c.preset, 0), (c.once, STATE_NONE));
	put_copy(1, 2, "keelboot_once=b", sizeof("keelboot_once=b"));
	OK(loader_read(&l, &c));
	EQUAL((c.preset, STATE_NONE), (c.once, 1));
}

static void take_variable(void *ctx, const char *name, const char *value)
{
	char *text = ctx;

	snprintf(text + strlen(text), 200 - strlen(text), "%s=%s;", name, value);
}

TEST(each_variable_is_visited)
{
	char text[200] = "";

	OK(loader_uboot_each(&l, take_variable, text));
	assert_non_null(strstr(text, "bootcmd=run x;"));
	assert_non_null(strstr(text, "other=1;"));
	assert_null(strstr(text, "old="));
	put_config("");
	assert_int_equal(loader_uboot_each(&l, take_variable, text), KB_EINVAL);
}

TEST(devices_are_looked_for_below_the_root)
{
	char text[200] = "";

	put_config("/env0 0x0 0x1000\n/env1 0x0 0x1000\n");
	FAILS(loader_read(&l, &c), KB_ENODEV);
	l.root = folder;
	OK(loader_read(&l, &c));
	EQUAL((c.preset, 0));
	OK(loader_uboot_each(&l, take_variable, text));
	assert_non_null(strstr(text, "other=1;"));
	put_copy(1, 2, "keelboot_once=b", sizeof("keelboot_once=b"));
	OK(loader_read(&l, &c));
	EQUAL((c.preset, STATE_NONE), (c.once, 1));
	l.root = strf("%s%s%0250d", folder, "/", 1);
	FAILS(loader_read(&l, &c), KB_EINVAL);
	assert_non_null(strstr(l.why, "too long"));
}

TEST(counter_of_the_copies_wraps)
{
	put_copy(0, 0xff, START, sizeof(START));
	put_copy(1, 0, "keelboot_default=b", sizeof("keelboot_default=b"));
	OK(loader_read(&l, &c));
	EQUAL((c.preset, 1));
	OK(loader_set_once(&l, 0));
	OK(loader_read(&l, &c));
	EQUAL((c.preset, 1), (c.once, 0));
}

/* As U-Boot takes them: env_check_redund(). A factory may write one image to both places. */
TEST(of_copies_with_one_count_the_first_is_read_and_the_second_written)
{
	static const uint8_t counts[] = { 0, 1, 254, 255 };

	for (unsigned i = 0; i < sizeof(counts); i++) {
		put_copy(0, counts[i], START, sizeof(START));
		put_copy(1, counts[i], "keelboot_default=b", sizeof("keelboot_default=b"));
		OK(loader_read(&l, &c));
		EQUAL((c.preset, 0), (c.once, STATE_NONE));
		OK(loader_set_once(&l, 1));
		load_copies();
		EQUAL((copy[0][4], counts[i]), (copy[1][4], (uint8_t)(counts[i] + 1)),
		      (has_text(0, "keelboot_once=b"), false),
		      (has_text(1, "keelboot_once=b"), true), (has_text(1, "other=1"), true));
		OK(loader_read(&l, &c));
		EQUAL((c.preset, 0), (c.once, 1));
	}
}

TEST(the_copy_not_in_use_is_written_and_the_rest_stays)
{
	static uint8_t old[SIZE];

	memcpy(old, copy[0], SIZE);
	OK(loader_set_once(&l, 1));
	load_copies();
	assert_memory_equal(copy[0], old, SIZE);
	EQUAL((copy[1][4], 2), (has_text(1, "keelboot_once=b"), true),
	      (has_text(1, "other=1"), true), (has_text(1, "bootcmd=run x"), true));
}

TEST(preset_clears_once)
{
	OK(loader_set_once(&l, 1));
	OK(loader_set_preset(&l, 1));
	OK(loader_read(&l, &c));
	EQUAL((c.preset, 1), (c.once, STATE_NONE));
	load_copies();
	EQUAL((has_text(0, "keelboot_once=b"), false));
}

TEST(one_damaged_copy_is_passed_over_and_two_are_refused)
{
	copy[0][100] ^= 1;
	folder_bytes("env0", copy[0], SIZE);
	OK(loader_read(&l, &c));
	EQUAL((c.preset, STATE_NONE));
	copy[1][100] ^= 1;
	folder_bytes("env1", copy[1], SIZE);
	FAILS(loader_read(&l, &c), KB_EFORMAT);
	assert_non_null(strstr(l.why, "both copies of U-Boot's environment are damaged"));
	FAILS(loader_set_preset(&l, 0), KB_EFORMAT);
}

/* The counter has no checksum: it decides which copy is newer. */
TEST(each_byte_of_a_copy_may_be_damaged)
{
	for (unsigned at = 0; at < 60; at++) {
		put_copy(0, 1, START, sizeof(START));
		copy[0][at] ^= 0x10;
		folder_bytes("env0", copy[0], SIZE);
		OK(loader_read(&l, &c));
		EQUAL((c.preset, at == 4 ? 0 : STATE_NONE), (c.once, STATE_NONE));
	}
}

TEST(blank_flash_is_refused)
{
	memset(copy, 0xff, sizeof(copy));
	folder_bytes("env0", copy[0], SIZE);
	folder_bytes("env1", copy[1], SIZE);
	FAILS(loader_read(&l, &c), KB_EFORMAT);
	folder_blank("env0", SIZE);
	folder_blank("env1", SIZE);
	FAILS(loader_read(&l, &c), KB_EFORMAT);
}

TEST(word_that_is_no_slot_is_refused_and_can_be_set)
{
	put_copy(0, 1, "keelboot_default=1\n", sizeof("keelboot_default=1\n"));
	FAILS(loader_read(&l, &c), KB_EFORMAT);
	assert_non_null(strstr(l.why, "keelboot_default=1?: expected a slot, a to h"));
	OK(loader_set_preset(&l, 0));
}

/* A checksum keeps no one out who can compute it. */
TEST(environment_without_an_end_is_no_trouble)
{
	static char text[SIZE - 5];

	memset(text, 'x', sizeof(text));
	put_copy(0, 1, text, sizeof(text));
	(void)!loader_read(&l, &c);
	memset(text, '=', sizeof(text));
	put_copy(0, 1, text, sizeof(text));
	(void)!loader_read(&l, &c);
}

TEST(full_environment_takes_no_more)
{
	static char text[SIZE - 5];

	memset(text, 'x', sizeof(text));
	memcpy(text, "keelboot_default=a\0x=", 21);
	memset(text + sizeof(text) - 4, 0, 4);
	put_copy(0, 1, text, sizeof(text));
	FAILS(loader_set_once(&l, 1), KB_ENOSPC);
	assert_non_null(strstr(l.why, "U-Boot's environment is full: remove variables from it"));
	OK(loader_read(&l, &c));
	EQUAL((c.preset, 0), (c.once, STATE_NONE));
}

/* A copy in which `more` bytes are free, once keelboot_once is in it. */
static size_t put_nearly_full(int more, const char *flags, size_t flags_len)
{
	static char text[SIZE - 5];
	const size_t words =
		sizeof("keelboot_default=a") + sizeof("keelboot_once=b") + sizeof("x=");
	size_t pad = (size_t)((int)(sizeof(text) - words - flags_len - 1) - more);

	memset(text, 0, sizeof(text));
	memcpy(text, flags, flags_len);
	memcpy(text + flags_len, "keelboot_default=a\0x=", 21);
	memset(text + flags_len + 21, 'y', pad);
	put_copy(0, 1, text, sizeof(text));
	return pad;
}

/* libubootenv 0.3 writes it behind all others, and beyond the end of its memory. */
TEST(attributes_of_variables_need_room)
{
	static const char flags[] = ".flags=keelboot_default:sc,gone:mr";
	static uint8_t old[SIZE];
	const int less = sizeof(",gone:mr") - 1; /* it writes none of a variable that is missing */

	put_nearly_full(-1 - less, flags, sizeof(flags));
	memcpy(old, copy[1], SIZE);
	FAILS(loader_set_once(&l, 1), KB_ENOSPC);
	assert_non_null(strstr(l.why, "U-Boot's environment is full"));
	load_copies();
	assert_memory_equal(copy[1], old, SIZE);

	put_nearly_full(-less, flags, sizeof(flags));
	OK(loader_set_once(&l, 1));
	load_copies();
	EQUAL((copy[1][4], 2), (copy[1][SIZE - 1], 0), (copy[1][SIZE - 2], 0),
	      (copy[1][SIZE - 3], 'c'), (has_text(1, ".flags=keelboot_default:sc"), true));
}

/* "x:d" is written as "x:da". */
TEST(attributes_may_grow)
{
	static const char flags[] = ".flags=x:m";

	put_nearly_full(0, flags, sizeof(flags));
	FAILS(loader_set_once(&l, 1), KB_ENOSPC);
	put_nearly_full(1, flags, sizeof(flags));
	OK(loader_set_once(&l, 1));
	load_copies();
	EQUAL((has_text(1, ".flags=x:ma"), true));
}

/* Where a copy cannot be looked into, as on an MTD. */
TEST(each_variable_may_have_attributes_that_nobody_sees)
{
	const int most = sizeof(".flags=keelboot_default:sa,keelboot_once:sa,x:sa");

	for (int more = most - 1; more <= most; more++) {
		put_nearly_full(more, "", 0);
		folder_run(
			"dd if=/dev/zero of=zero bs=512 count=1 status=none && cat zero env0 >moved0 && "
			"cat zero env1 >moved1");
		put_config(
			strf("%s/moved0 0x200 0x1000\n%s/moved1 0x200 0x1000\n", folder, folder));
		if (more < most)
			FAILS(loader_set_once(&l, 1), KB_ENOSPC);
		else
			OK(loader_set_once(&l, 1));
	}
}

TEST(configuration_that_is_none_is_refused)
{
	static const char *const bad[] = { "",
					   "# nothing\n",
					   "litter\n",
					   "/dev/x\n",
					   "/dev/x 0\n",
					   "/dev/x 0\n0x1000\n",
					   "/dev/x 0 0x\n",
					   "/dev/x 0 5\n",
					   "/dev/x 0 100001\n",
					   "/dev/x z 1000\n",
					   "/a 0 0x1000\n/b 0 0x1000\n/c 0 0x1000\n" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(bad); i++) {
		put_config(bad[i]);
		FAILS(loader_read(&l, &c), KB_EINVAL);
		assert_true(l.why[0] != '\0');
	}
	folder_blank("fw_env.config", 100);
	FAILS(loader_read(&l, &c), KB_EINVAL);
	folder_blank("fw_env.config", 10000);
	FAILS(loader_read(&l, &c), KB_EINVAL);
	unlink(where);
	FAILS(loader_read(&l, &c), KB_ENOENT);
}

TEST(single_copy_is_refused)
{
	put_config(strf("%s/env0 0x0 0x1000\n", folder));
	FAILS(loader_read(&l, &c), KB_EINVAL);
	assert_non_null(strstr(l.why, "two apart are needed, or a power cut loses it"));
	put_config(strf("%s/env0 0x0 0x1000\n%s/env0 0xfff 0x1000\n", folder, folder));
	FAILS(loader_read(&l, &c), KB_EINVAL);
	put_config(strf("%s/env0 0x0 0x1000\n%s/env1 0x0 0x2000\n", folder, folder));
	FAILS(loader_read(&l, &c), KB_EINVAL);
}

/* One write of what is damaged would leave none. */
TEST(two_copies_of_one_place_are_refused_however_it_is_said)
{
	folder_run("cat env1 >>env0");
	/* Apart: but libubootenv counts from the end of a block device only. */
	put_config(strf("%s/env0 0x0 0x1000\n%s/env0 -0x1000 0x1000\n", folder, folder));
	FAILS(loader_read(&l, &c), KB_EINVAL);
	assert_null(strstr(l.why, "two apart are needed"));
	put_config(strf("%s/env0 0x0 0x1000\n%s/env0 -0x2000 0x1000\n", folder, folder));
	FAILS(loader_read(&l, &c), KB_EINVAL);
	assert_non_null(strstr(l.why, "two apart are needed, or a power cut loses it"));
}

TEST(copy_that_is_missing_or_short_is_refused)
{
	put_config(strf("%s/env0 0 0x1000\n%s/env9 0 0x1000\n", folder, folder));
	FAILS(loader_read(&l, &c), KB_ENODEV);
	put_config(strf("%s/env0 0 0x2000\n%s/env1 0 0x2000\n", folder, folder));
	assert_true(loader_read(&l, &c) != KB_OK);
	put_config(strf("%s/env0 -1 0x1000\n%s/env1 -1 0x1000\n", folder, folder));
	assert_true(loader_read(&l, &c) != KB_OK);
}

/* libubootenv opens it by its number: no file has that name. */
TEST(volume_of_ubi_is_looked_for_before_the_colon)
{
	put_config("/dev/null:env 0x0 0x1000\n/dev/null:redund 0x0 0x1000\n");
	FAILS(loader_read(&l, &c), KB_EINVAL);
	assert_non_null(strstr(l.why, "libubootenv does not understand it, or lacks a device"));
	put_config("/dev/none0:env 0x0 0x1000\n/dev/none0:redund 0x0 0x1000\n");
	FAILS(loader_read(&l, &c), KB_ENODEV);
	put_config(strf("%s/env0:a 0x0 0x1000\n%s/env1:b 0x0 0x1000\n", folder, folder));
	FAILS(loader_read(&l, &c), KB_ENODEV);
}

/* ---------------------------------------------------------------- U-Boot's own count */

static struct loader_uboot_count count;

static void put_count(const char *counts, const char *starts)
{
	char text[128] = "";
	int len = snprintf(text, sizeof(text),
			   "upgrade_available=%s%cbootcount=%s%ckeelboot_default=a%cother=1",
			   counts, 0, starts, 0, 0);

	put_copy(0, 1, text, (size_t)len + 1);
}

TEST(count_of_u_boot_is_read_as_it_reads_it)
{
	OK(loader_uboot_count(&l, &count));
	EQUAL((count.is_on, false), (count.starts, 0));
	put_count("1", "3");
	OK(loader_uboot_count(&l, &count));
	EQUAL((count.is_on, true), (count.starts, 3));
	put_count("0", "3");
	OK(loader_uboot_count(&l, &count));
	EQUAL((count.is_on, false), (count.starts, 3));
	put_count("yes", "many");
	OK(loader_uboot_count(&l, &count));
	EQUAL((count.is_on, false), (count.starts, 0));
	put_count("1", "99999999999999999999999");
	OK(loader_uboot_count(&l, &count));
	EQUAL((count.starts, UINT_MAX));
}

TEST(count_is_reset_in_the_copy_not_in_use_and_nothing_else_changes)
{
	static uint8_t old[SIZE];
	bool changed;

	put_count("1", "3");
	memcpy(old, copy[0], SIZE);
	OK(loader_uboot_reset_count(&l, &changed));
	load_copies();
	assert_memory_equal(copy[0], old, SIZE);
	EQUAL((changed, true), (copy[1][4], 2), (has_text(1, "bootcount=0"), true),
	      (has_text(1, "upgrade_available=1"), true), (has_text(1, "keelboot_default=a"), true),
	      (has_text(1, "other=1"), true));
	OK(loader_uboot_count(&l, &count));
	EQUAL((count.is_on, true), (count.starts, 0));
}

TEST(count_that_is_0_or_missing_is_not_written)
{
	static uint8_t old[2][SIZE];
	bool changed = true;

	for (unsigned i = 0; i < 2; i++) {
		if (i == 1)
			put_count("1", "0");
		memcpy(old, copy, sizeof(old));
		OK(loader_uboot_reset_count(&l, &changed));
		load_copies();
		assert_memory_equal(copy, old, sizeof(old));
		EQUAL((changed, false));
	}
}

TEST(count_in_one_copy_alone_is_not_reset)
{
	bool changed;

	put_count("1", "3");
	put_config(strf("%s/env0 0x0 0x1000\n", folder));
	FAILS(loader_uboot_reset_count(&l, &changed), KB_EINVAL);
	assert_non_null(strstr(l.why, "two apart are needed"));
	EQUAL((changed, false));
}

TEST_MAIN("loader_uboot", .set_up = set_up, .tear_down = folder_remove)
