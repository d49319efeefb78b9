/* SPDX-License-Identifier: Apache-2.0 */
/* EFI Boot Guard's environments as the loader's store, in two folders that stand for its config
 * partitions. */
#include "lib/bytes.h"
#include "lib/os_lend.h"
#include "selector/loader/loader_bgenv.h"
#include "selector/loader/loader_efibg.h"
#include "selector/loader/loader_var.h"
#include "selector/state.h"
#include "tests/unit/folder.h"

#define FILE_A	"C:EBG-A:\\EFI\\Linux\\keelboot-a.efi"
#define FILE_B	"C:EBG-B:\\EFI\\Linux\\keelboot-b.efi"
#define VARS	"sys/firmware/efi/efivars"
#define AT_WORD 510u
#define AT_DOG	1022u

static struct loader l = { .kind = CONF_LOADER_EFIBG };
static struct loader_choice c;
static uint8_t data[LOADER_BGENV_SIZE];

/* What is written and made durable, in order; and what becomes of a write. */
static char calls[256];
static enum { WHOLE, TORN, LOST, FULL } fate;

static void note(const char *what, int fd)
{
	char link[64], path[512];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	path[len < 0 ? 0 : len] = '\0';
	if (strstr(path, folder) == path && strlen(calls) < 200)
		snprintf(calls + strlen(calls), sizeof(calls) - strlen(calls), "%s %s ", what,
			 path + strlen(folder) + 1);
}

ssize_t write(int fd, const void *buf, size_t n)
{
	if (n == LOADER_BGENV_SIZE)
		note("write", fd);
	if (n != LOADER_BGENV_SIZE || fate == WHOLE)
		return syscall(SYS_write, fd, buf, n);
	if (fate == FULL) {
		errno = ENOSPC;
		return -1;
	}
	if (fate == TORN)
		syscall(SYS_write, fd, buf, 1024);
	return (ssize_t)n;
}

int fsync(int fd)
{
	note("sync", fd);
	return (int)syscall(SYS_fsync, fd);
}

/* In front of the lender: a partition without a folder of its own is that of another one. */
static const char *lent;
static unsigned busy, steps; /* how often it is busy; and was awaited */

/* In front of the C library's. */
int nanosleep(const struct timespec *ts, struct timespec *rest)
{
	(void)rest;
	assert_true(ts->tv_sec == 0 && ts->tv_nsec <= 200000000);
	steps++;
	return 0;
}

enum kb_err os_lend_begin(struct os_lend *lend, const struct os_lend_list *list)
{
	(void)lend;
	(void)list;
	return KB_OK;
}

enum kb_err os_lend_ask(struct os_lend *lend, const char *dev, bool write, int *dir)
{
	(void)lend;
	(void)dev;
	if (lent == NULL)
		return KB_EMOUNT;
	if (write && busy > 0) {
		busy--;
		return KB_EBUSY;
	}
	*dir = open(folder_at(lent), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return KB_OK;
}

void os_lend_give_back(struct os_lend *lend)
{
	(void)lend;
}

void os_lend_end(struct os_lend *lend)
{
	(void)lend;
}

static void put_text(size_t at, const char *text)
{
	memset(data + at, 0, AT_WORD);
	for (size_t i = 0; i < strlen(text); i++)
		bytes_put16(data + at + 2 * i, (uint8_t)text[i]);
}

static void put_env(char part, const char *file, uint8_t ustate, uint32_t revision)
{
	put_text(0, file);
	data[AT_DOG] = part == 'a' ? 60 : 90;
	loader_bgenv_seal(data, ustate, revision);
	folder_bytes(strf("%c/BGENV.DAT", part), data, sizeof(data));
	calls[0] = '\0';
}

static void put_label(const char *name, const char *text)
{
	uint8_t units[80];

	for (size_t i = 0; i < strlen(text); i++)
		bytes_put16(units + 2 * i, (uint8_t)text[i]);
	folder_bytes(name, units, 2 * strlen(text));
}

static struct loader_bgenv env_of(char part)
{
	struct loader_bgenv e;
	FILE *f = fopen(folder_at(strf("%c/BGENV.DAT", part)), "r");
	size_t len;

	assert_non_null(f);
	len = fread(data, 1, sizeof(data), f);
	assert_int_equal(fclose(f), 0);
	loader_bgenv_parse(&e, data, len);
	return e;
}

static void set_up(void)
{
	fate = WHOLE;
	lent = NULL;
	folder_make();
	folder_run("mkdir -p a b " VARS);
	l.root = folder;
	l.where = "a=/a:/EFI/Linux/keelboot-a.efi,b=/b:/EFI/Linux/keelboot-b.efi";
	memset(data, 0, sizeof(data));
	put_label("a/EFILABEL", "EBG-A");
	put_label("b/EFILABEL", "EBG-B");
	put_env('a', FILE_A, LOADER_BGENV_OK, 2);
	put_env('b', FILE_B, LOADER_BGENV_OK, 1);
}

static void reads(int preset, int once)
{
	OK(loader_read(&l, &c));
	EQUAL((c.preset, preset), (c.once, once));
}

static void refuses(const char *why)
{
	FAILS(loader_read(&l, &c), KB_EFORMAT);
	if (strstr(l.why, why) == NULL)
		fail_msg("%s", l.why);
}

static void damage(char part)
{
	folder_run("printf x | dd of=%c/BGENV.DAT bs=1 seek=5000 conv=notrunc 2>/dev/null", part);
}

TEST(newest_is_the_preset_and_a_trial_is_once)
{
	reads(0, STATE_NONE);
	put_env('b', FILE_B, LOADER_BGENV_INSTALLED, 3);
	reads(0, 1);
	put_env('b', FILE_B, LOADER_BGENV_TESTING, 3);
	reads(0, STATE_NONE);
	put_env('b', FILE_B, LOADER_BGENV_OK, 3);
	reads(1, STATE_NONE);
}

TEST(once_is_durable_and_writes_the_other_environment)
{
	struct loader_bgenv e;

	OK(loader_set_once(&l, 1));
	EQUAL((calls, "write b/BGENV.DAT sync b/BGENV.DAT sync b "));
	reads(0, 1);
	e = env_of('b');
	EQUAL((e.ustate, LOADER_BGENV_INSTALLED), (e.revision, 3), (e.watchdog, 90),
	      (e.file, FILE_B));
}

TEST(trial_that_came_up_becomes_the_preset)
{
	put_env('b', FILE_B, LOADER_BGENV_TESTING, 3);
	OK(loader_set_preset(&l, 1));
	EQUAL((calls, "write b/BGENV.DAT sync b/BGENV.DAT sync b "));
	reads(1, STATE_NONE);
	calls[0] = '\0';
	OK(loader_set_preset(&l, 1));
	EQUAL((calls, ""));
}

TEST(preset_clears_once)
{
	OK(loader_set_once(&l, 1));
	OK(loader_set_preset(&l, 0));
	reads(0, STATE_NONE);
	EQUAL((env_of('b').revision, 0), (env_of('a').revision, 2));
}

TEST(write_that_is_torn_leaves_the_preset_and_the_next_one_mends_it)
{
	fate = TORN;
	FAILS(loader_set_once(&l, 1), KB_EIO);
	assert_false(env_of('b').sound);
	fate = WHOLE;
	reads(0, STATE_NONE);
	OK(loader_set_once(&l, 1));
	reads(0, 1);
	/* of the other slot: its own are lost */
	EQUAL((env_of('b').watchdog, 60), (env_of('b').file, FILE_B));
}

TEST(write_that_is_lost_is_noticed)
{
	fate = LOST;
	FAILS(loader_set_once(&l, 1), KB_EIO);
	EQUAL((l.why, "/b: BGENV.DAT reads back other bytes than were written"));
}

TEST(full_partition_is_said)
{
	folder_run("rm b/BGENV.DAT");
	fate = FULL;
	FAILS(loader_set_once(&l, 1), KB_ENOSPC);
	EQUAL((l.why, "/b is full: remove files from it, for BGENV.DAT (132104 bytes)"));
}

TEST(missing_and_short_environments_are_made_anew)
{
	folder_run("rm b/BGENV.DAT");
	reads(0, STATE_NONE);
	OK(loader_set_once(&l, 1));
	reads(0, 1);
	OK(loader_set_preset(&l, 0));
	folder_run("truncate -s 132103 b/BGENV.DAT");
	reads(0, STATE_NONE);
	OK(loader_set_once(&l, 1));
	reads(0, 1);
}

/* It does not mount any more. */
static void kill_part(char part)
{
	folder_run("rm -r %c", part);
}

TEST(good_slot_boots_beside_a_partition_that_cannot_be_read)
{
	kill_part('b');
	reads(0, STATE_NONE);
	OK(loader_set_preset(&l, 0));
	assert_int_not_equal(loader_set_once(&l, 1), KB_OK);
	assert_non_null(strstr(l.why, "/b: cannot be mounted"));
	reads(0, STATE_NONE);
}

/* Else the next start notes FAILED, and has nothing else to start. */
TEST(trial_beside_a_partition_that_cannot_be_read_is_made_good_in_its_place)
{
	put_env('a', FILE_A, LOADER_BGENV_TESTING, 3);
	kill_part('b');
	refuses("one environment is on trial");
	OK(loader_set_preset(&l, 0));
	reads(0, STATE_NONE);
	EQUAL((env_of('a').ustate, LOADER_BGENV_OK), (env_of('a').revision, 3));
}

TEST(trial_beside_one_that_cannot_be_read_is_not_replaced_by_what_cannot_start)
{
	put_env('a', FILE_A, LOADER_BGENV_TESTING, 3);
	kill_part('b');
	assert_int_not_equal(loader_set_preset(&l, 1), KB_OK);
	EQUAL((env_of('a').ustate, LOADER_BGENV_TESTING), (env_of('a').revision, 3));
}

TEST(two_partitions_that_cannot_be_read_are_an_error)
{
	kill_part('a');
	kill_part('b');
	FAILS(loader_read(&l, &c), KB_EMOUNT);
	FAILS(loader_set_preset(&l, 0), KB_EMOUNT);
}

/* Nothing is to be awaited: a person mends it. */
TEST(partition_that_the_system_has_mounted_read_only_is_no_lock)
{
	folder_run("mv b elsewhere");
	lent = "elsewhere";
	reads(0, STATE_NONE);
	busy = 1000;
	steps = 0;
	FAILS(loader_set_preset(&l, 1), KB_EMOUNT);
	assert_non_null(strstr(l.why, "/b: the system has it mounted read-only: unmount it"));
	assert_int_equal(steps, 20);
}

TEST(partition_that_another_program_reads_for_a_moment_is_awaited)
{
	folder_run("mv b elsewhere");
	lent = "elsewhere";
	busy = 3;
	steps = 0;
	OK(loader_set_preset(&l, 1));
	EQUAL((steps, 3), (busy, 0));
	reads(1, STATE_NONE);
}

TEST(damaged_environments_are_refused_before_a_write)
{
	damage('a');
	reads(1, STATE_NONE);
	damage('b');
	refuses("both environments are damaged");
	FAILS(loader_set_preset(&l, 0), KB_EFORMAT);
	FAILS(loader_set_once(&l, 0), KB_EFORMAT);
	EQUAL((calls, ""));
}

TEST(what_cannot_be_told_is_said_and_a_preset_settles_it)
{
	put_env('b', FILE_B, LOADER_BGENV_OK, 2);
	refuses("the same revision");
	OK(loader_set_preset(&l, 0));
	reads(0, STATE_NONE);
	put_env('a', FILE_A, LOADER_BGENV_OK, 0);
	put_env('b', FILE_B, LOADER_BGENV_OK, 0);
	refuses("no environment has a revision");
	OK(loader_set_preset(&l, 1));
	reads(1, STATE_NONE);
	put_env('b', FILE_B, LOADER_BGENV_TESTING, 9);
	damage('a');
	refuses("one environment is on trial");
	OK(loader_set_preset(&l, 1));
	reads(1, STATE_NONE);
	put_env('a', FILE_A, LOADER_BGENV_TESTING, 9);
	put_env('b', FILE_B, LOADER_BGENV_INSTALLED, 10);
	refuses("both environments are on trial");
}

TEST(revision_at_its_end_begins_anew)
{
	put_env('a', FILE_A, LOADER_BGENV_OK, UINT32_MAX);
	OK(loader_set_once(&l, 1));
	reads(0, 1);
	assert_true(env_of('a').revision < 9 && env_of('b').revision < 9);
}

TEST(foreign_kernel_is_no_slots_and_is_replaced_by_one)
{
	put_env('a', "C:OTHER:vmlinuz", LOADER_BGENV_OK, 7);
	reads(STATE_NONE, STATE_NONE);
	OK(loader_set_preset(&l, 1));
	reads(1, STATE_NONE);
	put_env('b', "vmlinuz", LOADER_BGENV_OK, 6);
	FAILS(loader_set_preset(&l, 1), KB_EFORMAT);
	assert_non_null(strstr(l.why, "no environment starts a slot's kernel"));
}

TEST(names_are_compared_as_the_loader_and_fat_do)
{
	static const char *const same[] = { "C:EBG-A:EFI\\Linux\\keelboot-a.efi",
					    "C:EBG-A:\\efi\\linux\\KEELBOOT-A.EFI" };
	static const char *const others[] = {
		"C:EBG-A:/EFI/Linux/keelboot-a.efi",	"L:EBG-A:\\EFI\\Linux\\keelboot-a.efi",
		"C:ebg-a:\\EFI\\Linux\\keelboot-a.efi", "C:EBG-A:\\EFI\\Linux\\keelboot-a.efi2",
		"C:EBG:\\EFI\\Linux\\keelboot-a.efi",	"C:EBG-A:",
		"C:EBG-B:\\EFI\\Linux\\keelboot-a.efi"
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(same); i++) {
		put_env('a', same[i], LOADER_BGENV_OK, 2);
		reads(0, STATE_NONE);
	}
	for (unsigned i = 0; i < KB_ARRAY_LEN(others); i++) {
		put_env('a', others[i], LOADER_BGENV_OK, 2);
		reads(STATE_NONE, STATE_NONE);
	}
}

/* Its init would take the kernel for the other slot's. */
TEST(words_of_another_slot_make_it_foreign)
{
	put_text(AT_WORD, "quiet keelboot.pair=b");
	put_env('a', FILE_A, LOADER_BGENV_OK, 2);
	reads(STATE_NONE, STATE_NONE);
	put_text(AT_WORD, "quiet keelboot.pair=a");
	put_env('a', FILE_A, LOADER_BGENV_OK, 2);
	reads(0, STATE_NONE);
	folder_run("rm b/BGENV.DAT");
	OK(loader_set_once(&l, 1));
	EQUAL((env_of('b').pair, 'b'));
}

TEST(labels_are_needed_and_apart)
{
	folder_run("rm a/EFILABEL");
	refuses("/a has no label");
	put_label("a/EFILABEL", "EBG-B2");
	refuses("the labels EBG-B and EBG-B2 are one for EFI Boot Guard");
	put_label("a/EFILABEL", "EBG A");
	refuses("/a has no label");
	put_label("a/EFILABEL", "EBG-A\n");
	reads(0, STATE_NONE);
}

TEST(where_is_two_files_in_two_partitions)
{
	static const char *const bad[] = {
		"a=/a:/EFI/Linux/keelboot-a.efi",
		"a=/a:/EFI/Linux/keelboot-a.efi,b=/a:/EFI/Linux/keelboot-b.efi",
		"a=/a:/EFI/Linux/keelboot-a.efi,a=/b:/EFI/Linux/keelboot-b.efi",
		"a=/a:/EFI/Linux/keelboot-a.efi,b=/b",
		"a=/a:/EFI/Linux/keelboot-a.efi,b=/b:/EFI/Linux/keelboot-b.efi,c=/c:/EFI/Linux/c.efi",
		"a=/a:/EFI/Linux/keelboot-a.efi,b=/b:/keelboot-b/vmlinuz",
		"a=/a:/EFI/Linux/keelboot-a.efi,x",
		",",
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(bad); i++) {
		l.where = bad[i];
		FAILS(loader_read(&l, &c), KB_EINVAL);
		FAILS(loader_set_preset(&l, 0), KB_EINVAL);
	}
	l.where = "a=/none:/EFI/Linux/keelboot-a.efi,b=/no:/EFI/Linux/keelboot-b.efi";
	assert_true(loader_read(&l, &c) != KB_OK && l.why[0] != '\0');
}

TEST(slot_without_a_pair_is_refused)
{
	FAILS(loader_set_once(&l, 2), KB_EINVAL);
	FAILS(loader_set_preset(&l, 2), KB_EINVAL);
	EQUAL((calls, ""));
}

/* ---------------------------------------------------------------- what was started */

static void put_variable(const char *name, const char *text)
{
	uint8_t file[4 + 200] = { 6 };

	for (size_t i = 0; i < strlen(text); i++)
		bytes_put16(file + 4 + 2 * i, (uint8_t)text[i]);
	folder_bytes(strf(VARS "/%s-" LOADER_VAR_SYSTEMD, name), file, 6 + 2 * strlen(text));
}

TEST(stub_says_whose_kernel_runs)
{
	int slot = 9;

	FAILS(loader_booted(&l, &slot), KB_ENOENT);
	EQUAL((slot, STATE_NONE));
	put_variable("LoaderImageIdentifier", "\\EFI\\Linux\\keelboot-b.efi");
	OK(loader_booted(&l, &slot));
	EQUAL((slot, 1));
	put_variable("LoaderImageIdentifier", "EFI\\LINUX\\KEELBOOT-A.EFI");
	OK(loader_booted(&l, &slot));
	EQUAL((slot, 0));
	/* of a loader before it; the stub's own word goes first */
	put_variable("LoaderImageIdentifier", "\\EFI\\BOOT\\BOOTX64.EFI");
	FAILS(loader_booted(&l, &slot), KB_ENOENT);
	EQUAL((slot, STATE_NONE));
	put_variable("StubImageIdentifier", "\\EFI\\Linux\\keelboot-b.efi");
	OK(loader_booted(&l, &slot));
	EQUAL((slot, 1));
}

TEST(so_it_does_where_the_partition_of_the_other_slot_is_missing)
{
	int slot = 9;

	put_variable("StubImageIdentifier", "\\EFI\\Linux\\keelboot-b.efi");
	l.where = "b=/b:/EFI/Linux/keelboot-b.efi";
	OK(loader_booted(&l, &slot));
	EQUAL((slot, 1));
	put_variable("StubImageIdentifier", "\\EFI\\Linux\\keelboot-a.efi");
	FAILS(loader_booted(&l, &slot), KB_ENOENT);
	EQUAL((slot, STATE_NONE));
	FAILS(loader_read(&l, &c), KB_EINVAL);
}

TEST_MAIN("loader_efibg", .set_up = set_up, .tear_down = folder_remove)
