/* SPDX-License-Identifier: Apache-2.0 */
/* The process that mounts for one in a cage: what it refuses. That it mounts is told by scenarios
 * in QEMU. */
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_lend.h"
#include "lib/os_mounts.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static struct os_lend l = { .sock = -1 };
static const struct os_lend_list list = { .n = 1, .dev = { "/dev/null" } };
static int dir;
static bool all_are_fat, none_of_its_own;
/* who else has the FAT mounted */
static enum { NOBODY, A_WRITER, A_READER } other;

/* As Linux does it: all who have a FAT mounted have it to be read, or all to be written, and who
 * remounts it remounts it for them. */
static enum kb_err mount_beside(unsigned long flags)
{
	if (flags & MS_REMOUNT)
		exit(9); /* the lender, in which no test sees what fails */
	if (other != NOBODY && (other == A_READER) != ((flags & MS_RDONLY) != 0))
		return KB_EBUSY;
	return KB_OK;
}

/* Instead of os_root.c's: not each kernel that runs tests has FAT. */
enum kb_err os_mount(const char *source, const char *target, const char *fstype,
		     unsigned long flags, const char *options)
{
	if (none_of_its_own && flags & MS_PRIVATE)
		return KB_EPERM;
	if (all_are_fat && strcmp(target, "/run/keelboot/lent") == 0)
		TRY(mount_beside(flags));
	if (all_are_fat && fstype != NULL && strcmp(fstype, "vfat") == 0)
		source = fstype = "tmpfs";
	if (all_are_fat)
		options = NULL;
	return mount(source, target, fstype, flags, options) == 0 ? KB_OK : KB_EMOUNT;
}

/* So often is it stopped, and goes on. */
static unsigned stops;

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	if (stops == 0)
		return TEST_REAL(recvmsg)(fd, msg, flags);
	stops--;
	errno = EINTR;
	return -1;
}

enum kb_err os_umount(const char *target)
{
	return umount2(target, MNT_DETACH) == 0 ? KB_OK : KB_EIO;
}

static void set_up(void)
{
	log_set_name("test");
	all_are_fat = none_of_its_own = false;
	other = NOBODY;
}

static void tear_down(void)
{
	os_lend_end(&l);
}

/* Without a right to mount there is none: it ends. */
static void begin(void)
{
	if (!os_mounts_allowed())
		skip();
	OK(os_lend_begin(&l, &list));
	FAILS(os_lend_ask(&l, "/dev/other", false, &dir), KB_EPERM);
}

TEST(without_a_lender_nothing_is_lent)
{
	FAILS(os_lend_ask(&l, "/dev/null", false, &dir), KB_EPERM);
	assert_int_equal(dir, -1);
	os_lend_give_back(&l);
	os_lend_end(&l);
}

/* By Ctrl-Z, or by a machine that sleeps: signal(7). */
TEST(who_waits_for_the_lender_may_be_stopped)
{
	if (!os_mounts_allowed())
		skip();
	stops = 2;
	OK(os_lend_begin(&l, &list));
	EQUAL((stops, 0));
	stops = 2;
	FAILS(os_lend_ask(&l, "/dev/other", false, &dir), KB_EPERM);
	EQUAL((stops, 0));
	FAILS(os_lend_ask(&l, "/dev/other", false, &dir), KB_EPERM);
}

TEST(partition_that_is_not_on_the_list_is_refused)
{
	begin();
	FAILS(os_lend_ask(&l, "/dev/nul", false, &dir), KB_EPERM);
	FAILS(os_lend_ask(&l, "/dev/null2", true, &dir), KB_EPERM);
	FAILS(os_lend_ask(&l, "", true, &dir), KB_EPERM);
	assert_int_equal(dir, -1);
}

TEST(what_is_no_fat_is_not_mounted)
{
	enum kb_err err;

	begin();
	for (unsigned i = 0; i < 2; i++) {
		err = os_lend_ask(&l, "/dev/null", i == 1, &dir);
		assert_true(err != KB_OK && err != KB_EPERM);
		assert_int_equal(dir, -1);
		os_lend_give_back(&l);
	}
}

/* Or a decoder that was taken over would have the kernel start a program of its choice. */
TEST(what_is_lent_leads_to_no_settings_of_the_kernel)
{
	static const char path[] = "../../../proc/sys/kernel/core_pattern";

	all_are_fat = true;
	begin();
	for (unsigned i = 0; i < 2; i++) {
		OK(os_lend_ask(&l, "/dev/null", i == 1, &dir));
		assert_int_equal(faccessat(dir, path, R_OK, 0), 0);
		assert_true(openat(dir, path, O_WRONLY | O_CLOEXEC) < 0 && errno == EROFS);
		close(dir);
	}
}

static bool can_be_written(int folder)
{
	struct statvfs fs;

	OK(fstatvfs(folder, &fs));
	return (fs.f_flag & ST_RDONLY) == 0;
}

TEST(fat_is_mounted_to_be_read_and_then_anew_to_be_written)
{
	all_are_fat = true;
	begin();
	OK(os_lend_ask(&l, "/dev/null", false, &dir));
	assert_false(can_be_written(dir));
	close(dir);
	for (unsigned i = 0; i < 2; i++) {
		OK(os_lend_ask(&l, "/dev/null", true, &dir));
		assert_true(can_be_written(dir));
		close(dir);
	}
}

/* Of the files of a slot, each asks for it, while those before are open. */
TEST(fat_that_is_lent_is_lent_again_without_another_mount)
{
	int first;

	all_are_fat = true;
	begin();
	for (unsigned i = 0; i < 2; i++) {
		struct stat is, again;

		OK(os_lend_ask(&l, "/dev/null", i == 1, &first));
		OK(os_lend_ask(&l, "/dev/null", false, &dir));
		EQUAL((fstat(first, &is), 0), (fstat(dir, &again), 0),
		      (is.st_dev == again.st_dev, true));
		assert_true(can_be_written(dir) == (i == 1));
		close(first);
		close(dir);
	}
}

/* By a remount its FAT could be written: also by whoever mounted it read-only on purpose. */
TEST(mount_of_the_system_is_never_changed)
{
	all_are_fat = true;
	other = A_READER;
	begin();
	OK(os_lend_ask(&l, "/dev/null", false, &dir));
	assert_true(os_lend_is_fixed(dir));
	close(dir);
	FAILS(os_lend_ask(&l, "/dev/null", true, &dir), KB_EBUSY);
	os_lend_give_back(&l);
	FAILS(os_lend_ask(&l, "/dev/null", true, &dir), KB_EBUSY);
}

TEST(fat_that_the_system_writes_is_shared_with_it)
{
	all_are_fat = true;
	other = A_WRITER;
	begin();
	for (unsigned i = 0; i < 2; i++) {
		OK(os_lend_ask(&l, "/dev/null", i == 1, &dir));
		assert_true(can_be_written(dir) && !os_lend_is_fixed(dir));
		close(dir);
	}
}

/* A person on the device must see what to change. */
TEST(lender_that_cannot_start_says_why)
{
	if (!os_mounts_allowed())
		skip();
	none_of_its_own = true;
	FAILS(os_lend_begin(&l, &list), KB_EPERM);
	EQUAL((l.sock, -1),
	      (l.why,
	       "it gets no mounts of its own (that takes root and the right CAP_SYS_ADMIN; is it in a sandbox?)"));
	FAILS(os_lend_ask(&l, "/dev/null", false, &dir), KB_EPERM);
}

TEST(lender_that_has_ended_is_none)
{
	begin();
	os_lend_end(&l);
	FAILS(os_lend_ask(&l, "/dev/null", false, &dir), KB_EPERM);
}

TEST_MAIN("os_lend", .set_up = set_up, .tear_down = tear_down)
