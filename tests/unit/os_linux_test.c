/* SPDX-License-Identifier: Apache-2.0 */
/* The real kernel seam, as far as a process may try it that is not process 1: files, folders,
 * descriptors, and (os_root.c) the deletion of a tree. Children are in os_proc_test.c. */
#include "lib/os.h"
#include "lib/os_root.h"
#include "tests/unit/folder.h"
#include "tests/unit/syscall.h"

#include <sys/mount.h>

/* For so many calls is something renamed. */
static unsigned busy;

static bool syscall_answers(long number, const long arg[6], long *result)
{
	if (number != SYS_openat2 || busy == 0)
		return false;
	busy--;
	errno = EAGAIN;
	*result = -1;
	return true;
}

static void put(const char *name, mode_t mode)
{
	int fd = open(folder_at(name), O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

TEST(a_file_that_was_written_reads_back)
{
	char buf[32];
	size_t len;

	OK(os_write_file(folder_at("f"), "hello\n", 6));
	OK(os_read_file(folder_at("f"), buf, sizeof(buf), &len));
	EQUAL((len, 6), (buf, "hello\n"));
	OK(os_write_file(folder_at("f"), "x", 1));
	OK(os_read_file(folder_at("f"), buf, sizeof(buf), NULL));
	assert_string_equal(buf, "x");
}

TEST(a_file_that_is_too_long_is_cut_and_ended)
{
	char buf[4] = "zzz";
	size_t len;

	OK(os_write_file(folder_at("f"), "abcdef", 6));
	OK(os_read_file(folder_at("f"), buf, sizeof(buf), &len));
	EQUAL((len, 3), (buf, "abc"));
	FAILS(os_read_file(folder_at("f"), buf, 0, &len), KB_EINVAL);
	OK(os_read_end(folder_at("f"), buf, sizeof(buf), &len));
	EQUAL((len, 3), (buf, "def"));
	OK(os_write_file(folder_at("f"), "ab", 2));
	OK(os_read_end(folder_at("f"), buf, sizeof(buf), &len));
	EQUAL((len, 2), (buf, "ab"));
	FAILS(os_read_end(folder_at("f"), buf, 0, &len), KB_EINVAL);
	FAILS(os_read_end(folder_at("none"), buf, sizeof(buf), &len), KB_ENOENT);
}

TEST(a_missing_file_is_told_and_leaves_errno)
{
	char buf[8] = "old";
	int fd;

	FAILS(os_read_file(folder_at("none"), buf, sizeof(buf), NULL), KB_ENOENT);
	EQUAL((errno, ENOENT), (buf, ""));
	FAILS(os_open(folder_at("none"), O_RDONLY, &fd), KB_ENOENT);
	assert_int_equal(fd, -1);
	FAILS(os_unlink(folder_at("none")), KB_ENOENT);
	assert_false(os_exists(folder_at("none")));
	FAILS(os_read_file(folder, buf, sizeof(buf), NULL), KB_EINVAL);
}

/* A cookie is a character device: an mtd. */
TEST(devices_are_read_and_are_no_files)
{
	char buf[8] = "old";
	size_t len;

	OK(os_read_file("/dev/null", buf, sizeof(buf), &len));
	EQUAL((len, 0), (buf, ""));
	OK(os_read_file("/dev/zero", buf, sizeof(buf), &len));
	assert_int_equal(len, sizeof(buf) - 1);
	folder_run("mkfifo pipe; : >file; ln -s file link");
	EQUAL((os_is_file("/dev/null"), false), (os_is_file(folder_at("pipe")), false));
	EQUAL((os_is_file(folder), false), (os_is_file(folder_at("none")), false));
	EQUAL((os_is_file(folder_at("file")), true), (os_is_file(folder_at("link")), true));
}

TEST(a_folder_that_is_there_is_no_error)
{
	OK(os_mkdir(folder_at("d"), 0755));
	OK(os_mkdir(folder_at("d"), 0755));
	put("file", 0644);
	FAILS(os_mkdir(folder_at("file"), 0755), KB_EIO);
	FAILS(os_mkdir(folder_at("none/d"), 0755), KB_ENOENT);
}

TEST(only_regular_files_with_an_x_bit_are_executable)
{
	put("x", 0755);
	put("plain", 0644);
	folder_run("mkdir folder; ln -s x link");
	EQUAL((os_executable(folder_at("x")), true), (os_executable(folder_at("link")), true));
	EQUAL((os_executable(folder_at("plain")), false),
	      (os_executable(folder_at("none")), false));
	assert_false(os_executable(folder_at("folder")));
}

TEST(links_are_followed_inside_of_a_root)
{
	static const char *const none[] = { "/outside", "/loop", "/usr", "/../../../../../bin/sh" };

	folder_run("mkdir -p usr/lib usr/sbin; ln -s /usr/lib/systemd usr/sbin/init;"
		   "ln -s usr/sbin sbin; ln -s /bin/sh outside; ln -s loop loop");
	put("usr/lib/systemd", 0755);
	assert_true(os_executable_in(folder, "/sbin/init"));
	assert_true(os_executable_in(folder, "/usr/lib/systemd"));
	for (unsigned i = 0; i < KB_ARRAY_LEN(none); i++)
		assert_false(os_executable_in(folder, none[i]));
	assert_false(os_executable_in(folder_at("none"), "/sbin/init"));
}

/* As Linux gives a path with ".." up while anything is renamed or mounted. */
TEST(a_program_is_found_while_something_is_renamed)
{
	folder_run(
		"mkdir -p usr/lib usr/sbin lib; ln -s /usr/sbin sbin; ln -s ../lib/systemd usr/sbin/init;"
		"ln -s ../lib/none usr/sbin/none; ln -s lib/busybox init");
	put("usr/lib/systemd", 0755);
	put("lib/busybox", 0755);
	busy = 10;
	EQUAL((os_executable_in(folder, "/sbin/init"), true), (busy, 0));
	busy = 10;
	EQUAL((os_executable_in(folder, "/sbin/none"), false), (busy, 0));
	busy = UINT32_MAX; /* all the time */
	assert_true(os_executable_in(folder, "/init"));
	assert_true(busy < UINT32_MAX);
	busy = 0;
}

TEST(a_link_is_read_or_told_to_be_too_long)
{
	char buf[8];

	folder_run("ln -s short l; ln -s 12345678 long");
	put("file", 0644);
	OK(os_readlink(folder_at("l"), buf, sizeof(buf)));
	assert_string_equal(buf, "short");
	FAILS(os_readlink(folder_at("long"), buf, sizeof(buf)), KB_ENOSPC);
	assert_string_equal(buf, "");
	FAILS(os_readlink(folder_at("file"), buf, sizeof(buf)), KB_EINVAL);
	FAILS(os_readlink(folder_at("none"), buf, sizeof(buf)), KB_ENOENT);
}

TEST(a_folder_is_listed_by_name)
{
	char names[310][64], name[80];
	unsigned n;

	for (int i = 299; i >= 0; i--)
		put(strf("f%03d", i), 0644);
	memset(name, 'z', 70);
	name[70] = '\0';
	put(name, 0644);
	OK(os_list(folder, names, KB_ARRAY_LEN(names), &n));
	assert_int_equal(n, 301);
	assert_int_equal(strlen(names[300]), 63); /* too long: cut, not left out */
	for (unsigned i = 0; i < 300; i++)
		assert_string_equal(names[i], strf("f%03u", i));
}

TEST(a_full_list_has_the_first_names)
{
	static const char *const names[] = { "e", "b", "d", "a", "c" };
	char out[4][64] = { "", "", "", "guard" };
	unsigned n;

	for (unsigned i = 0; i < 5; i++)
		put(names[i], 0644);
	OK(os_list(folder, out, 3, &n));
	EQUAL((n, 3), (out[0], "a"), (out[1], "b"), (out[2], "c"), (out[3], "guard"));
	OK(os_list(folder, out, 0, &n));
	assert_int_equal(n, 0);
	FAILS(os_list(folder_at("none"), out, 3, &n), KB_ENOENT);
	assert_int_equal(n, 0);
}

TEST(poll_tells_who_is_ready_and_keeps_its_bound)
{
	int a[2], b[2], fds[3];
	bool ready[3];
	uint64_t start, took = UINT64_MAX;
	size_t len;
	char c;

	OK(os_pipe(a));
	OK(os_pipe(b));
	fds[0] = a[0];
	fds[1] = -1;
	fds[2] = b[0];
	for (unsigned tries = 0; took > 2000; tries++) {
		assert_true(tries < 20); /* a busy machine may need some */
		start = os_now_ms();
		FAILS(os_poll(fds, ready, 3, 30), KB_ETIMEDOUT);
		took = os_now_ms() - start;
		assert_true(took >= 29);
	}
	FAILS(os_read(b[0], &c, 1, &len), KB_EBUSY);
	assert_int_equal(write(b[1], "x", 1), 1);
	OK(os_poll(fds, ready, 3, TEST_LONG_MS));
	EQUAL((ready[0], false), (ready[1], false), (ready[2], true));
	OK(os_read(b[0], &c, 1, &len));
	assert_int_equal(len, 1);
	os_close(&b[1]);
	assert_int_equal(b[1], -1);
	OK(os_poll(fds, ready, 3, TEST_LONG_MS));
	OK(os_read(b[0], &c, 1, &len));
	assert_int_equal(len, 0);
	os_close(&a[0]);
	os_close(&a[1]);
	os_close(&b[0]);
}

TEST(the_clock_runs_and_sleep_sleeps)
{
	uint64_t start, took = UINT64_MAX;

	for (unsigned tries = 0; took > 2000; tries++) {
		assert_true(tries < 20);
		start = os_now_ms();
		os_sleep_ms(20);
		took = os_now_ms() - start;
		assert_true(took >= 19);
	}
	assert_true(os_time_s() > 1600000000);
}

TEST(devices_that_are_not_there_are_told)
{
	struct os_wdt_info info;
	int fd;

	FAILS(os_wdt_open(folder_at("watchdog0"), 60, &fd, &info), KB_ENOENT);
	assert_int_equal(fd, -1);
	FAILS(os_finit_module(folder_at("none.ko"), ""), KB_ENOENT);
	put("bad.ko", 0644);
	assert_int_not_equal(os_finit_module(folder_at("bad.ko"), ""), KB_OK);
	assert_int_equal(os_mount(folder_at("none"), folder_at("none"), "ext4", 0, NULL),
			 geteuid() == 0 ? KB_ENOENT : KB_EPERM);
	assert_false(os_is_init());
}

/* keelboot.watchdog= may name anything: a disk, a file, a terminal. Not a byte is written to it. */
TEST(what_is_no_watchdog_is_not_written_to)
{
	struct os_wdt_info info;
	char text[16];
	size_t len;
	int fd;

	put("disk", 0644);
	FAILS(os_wdt_open(folder_at("disk"), 60, &fd, &info), KB_EINVAL);
	assert_int_equal(fd, -1);
	OK(os_read_file(folder_at("disk"), text, sizeof(text), &len));
	assert_int_equal(len, 0);
	FAILS(os_wdt_open("/dev/null", 60, &fd, &info), KB_EINVAL);
	assert_int_equal(fd, -1);
	FAILS(os_wdt_open(folder_at("."), 60, &fd, &info), KB_EINVAL);
}

TEST(nobody_but_the_kernel_is_heard_on_the_uevent_socket)
{
	static char buf[8192];
	size_t len;
	int fd;

	OK(os_uevent_open(&fd));
	while (os_uevent_read(fd, buf, sizeof(buf), &len) == KB_OK)
		assert_true(strchr(buf, '@') != NULL);
	FAILS(os_uevent_read(fd, buf, sizeof(buf), &len), KB_EBUSY);
	os_close(&fd);
}

TEST(a_tree_is_deleted_with_all_that_is_in_it)
{
	char path[256] = "t", names[4][64];
	unsigned n;
	int fd;

	assert_int_equal(mkdir(folder_at("t"), 0755), 0);
	for (int i = 0; i < 10; i++) {
		put(strf("%s/file", path), 0444);
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "/sub");
		assert_int_equal(mkdir(folder_at(path), 0755), 0);
	}
	for (int i = 0; i < 300; i++)
		put(strf("t/many-%d", i), 0644);
	folder_run("ln -s / t/root; ln -s nowhere t/dangling");
	fd = open(folder_at("t"), O_RDONLY | O_DIRECTORY);
	os_root_empty(fd);
	close(fd);
	OK(os_list(folder_at("t"), names, 4, &n));
	EQUAL((n, 0), (os_exists("/bin/sh"), true));
}

/* Devices, or a slot that could not be moved: what is mounted somewhere below is not ours. */
TEST(what_is_mounted_in_it_is_not_emptied)
{
	int code;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	folder_run("mkdir -p t/mounted");
	put("t/ours", 0644);
	pid = fork();
	if (pid == 0) {
		int fd;

		if (unshare(CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("tmpfs", folder_at("t/mounted"), "tmpfs", 0, NULL) < 0)
			_exit(2);
		put("t/mounted/theirs", 0644);
		fd = open(folder_at("t"), O_RDONLY | O_DIRECTORY); /* here, where that is mounted */
		os_root_empty(fd);
		_exit(os_exists(folder_at("t/mounted/theirs")) && !os_exists(folder_at("t/ours"))
			      ? 0
			      : 1);
	}
	code = test_exit_code(pid);
	if (code == 2)
		skip(); /* a container that may not mount */
	assert_int_equal(code, 0);
}

TEST(a_tree_that_is_too_deep_stays_and_ends)
{
	int fd, fd2;

	assert_int_equal(mkdir(folder_at("t"), 0755), 0);
	fd = fd2 = open(folder_at("t"), O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 60; i++) {
		assert_int_equal(mkdirat(fd2, "s", 0755), 0);
		fd2 = openat(fd2, "s", O_RDONLY | O_DIRECTORY);
		assert_true(fd2 >= 0);
	}
	os_root_empty(fd);
	assert_true(os_exists(folder_at("t/s/s/s/s")));
	/* Each pass takes what lies within its depth; here the innermost ones by hand. */
	for (int i = 0; i < 60; i++)
		close(fd + 1 + i);
	close(fd);
}

/* What stays is no link's target, nor behind the end of the time. */
TEST(a_folder_is_deleted_as_far_as_the_time_goes)
{
	uint64_t later = os_now_ms() + 60000;

	folder_run(
		"mkdir -p t/a/b t/c && touch t/a/x t/a/b/y && ln -s /bin t/link && chmod 0 t/a/b");
	FAILS(os_remove_folder(folder_at("t"), 1), KB_ETIMEDOUT);
	assert_true(os_exists(folder_at("t/a/b")));
	OK(os_remove_folder(folder_at("t"), later));
	EQUAL((os_exists(folder_at("t")), false), (os_exists("/bin/sh"), true));
	FAILS(os_remove_folder(folder_at("t"), later), KB_ENOENT);
	folder_run("ln -s /bin t");
	assert_true(os_remove_folder(folder_at("t"), later) != KB_OK);
	assert_true(os_exists("/bin/sh"));
}

TEST(a_deep_folder_is_deleted)
{
	assert_int_equal(mkdir(folder_at("t"), 0755), 0);
	folder_run("mkdir -p t/$(seq -s / 200)");
	OK(os_remove_folder(folder_at("t"), os_now_ms() + 60000));
	assert_false(os_exists(folder_at("t")));
}

TEST(a_folder_gets_another_name_in_one_step)
{
	folder_run("mkdir -p a/x b/y");
	OK(os_rename(folder_at("a"), folder_at("c")));
	EQUAL((os_exists(folder_at("c/x")), true), (os_exists(folder_at("a")), false));
	assert_true(os_rename(folder_at("c"), folder_at("b")) != KB_OK);
	FAILS(os_rename(folder_at("a"), folder_at("d")), KB_ENOENT);
}

/* 0: as it should be; 2: a container that may not mount. */
static int change_root(void)
{
	static const char *const folders[] = { "t/dev", "t/proc", "t/sys", "t/run" };

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0 ||
	    mount("tmpfs", folder_at("t"), "tmpfs", 0, NULL) < 0)
		return 2;
	for (unsigned i = 0; i < KB_ARRAY_LEN(folders); i++)
		if (mkdir(folder_at(folders[i]), 0755) < 0)
			return 2;
	put("t/marker", 0644);
	if (os_change_root(folder_at("plain")) != KB_EMOUNT || !os_exists("/bin/sh"))
		return 3;
	if (os_change_root(folder_at("t")) != KB_OK)
		return 4;
	return os_exists("/marker") && !os_exists("/bin/sh") ? 0 : 5;
}

/* Mounts that are shared, as systemd leaves them, cannot be moved before they are made private. */
TEST(a_mount_becomes_the_root_and_a_folder_does_not)
{
	int code;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	folder_run("mkdir t plain");
	pid = fork();
	if (pid == 0)
		_exit(change_root());
	code = test_exit_code(pid);
	if (code == 2)
		skip();
	assert_int_equal(code, 0);
}

TEST_MAIN("os_linux", .set_up = folder_make, .tear_down = folder_remove)
