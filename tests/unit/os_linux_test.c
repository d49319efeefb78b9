/* SPDX-License-Identifier: Apache-2.0 */
/* The real kernel seam, as far as a process may try it that is not process 1: files, folders,
 * descriptors, and (os_root.c) the deletion of a tree. Children are in os_proc_test.c. */
#include "lib/os.h"
#include "lib/os_root.h"
#include "lib/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64];

static const char *at(const char *name)
{
	static char path[4][256];
	static unsigned i;

	i = (i + 1) % 4;
	snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
	return path[i];
}

static void put(const char *name, mode_t mode)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/keelboot-os-XXXXXX");
	return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY);

	(void)state;
	os_root_empty(fd);
	close(fd);
	return rmdir(dir);
}

static void a_file_that_was_written_reads_back(void **state)
{
	char buf[32];
	size_t len;

	(void)state;
	assert_int_equal(os_write_file(at("f"), "hello\n", 6), KB_OK);
	assert_int_equal(os_read_file(at("f"), buf, sizeof(buf), &len), KB_OK);
	assert_int_equal(len, 6);
	assert_string_equal(buf, "hello\n");
	assert_int_equal(os_write_file(at("f"), "x", 1), KB_OK);
	assert_int_equal(os_read_file(at("f"), buf, sizeof(buf), NULL), KB_OK);
	assert_string_equal(buf, "x");
}

static void a_file_that_is_too_long_is_cut_and_ended(void **state)
{
	char buf[4] = "zzz";
	size_t len;

	(void)state;
	assert_int_equal(os_write_file(at("f"), "abcdef", 6), KB_OK);
	assert_int_equal(os_read_file(at("f"), buf, sizeof(buf), &len), KB_OK);
	assert_int_equal(len, 3);
	assert_string_equal(buf, "abc");
	assert_int_equal(os_read_file(at("f"), buf, 0, &len), KB_EINVAL);
}

static void a_missing_file_is_told_and_leaves_errno(void **state)
{
	char buf[8] = "old";
	int fd;

	(void)state;
	assert_int_equal(os_read_file(at("none"), buf, sizeof(buf), NULL), KB_ENOENT);
	assert_int_equal(errno, ENOENT);
	assert_string_equal(buf, "");
	assert_int_equal(os_open(at("none"), O_RDONLY, &fd), KB_ENOENT);
	assert_int_equal(fd, -1);
	assert_int_equal(os_unlink(at("none")), KB_ENOENT);
	assert_false(os_exists(at("none")));
	assert_int_equal(os_read_file(dir, buf, sizeof(buf), NULL), KB_EINVAL);
}

static void a_folder_that_is_there_is_no_error(void **state)
{
	(void)state;
	assert_int_equal(os_mkdir(at("d"), 0755), KB_OK);
	assert_int_equal(os_mkdir(at("d"), 0755), KB_OK);
	put("file", 0644);
	assert_int_equal(os_mkdir(at("file"), 0755), KB_EIO);
	assert_int_equal(os_mkdir(at("none/d"), 0755), KB_ENOENT);
}

static void only_regular_files_with_an_x_bit_are_executable(void **state)
{
	(void)state;
	put("x", 0755);
	put("plain", 0644);
	assert_int_equal(mkdir(at("folder"), 0755), 0);
	assert_int_equal(symlink("x", at("link")), 0);
	assert_true(os_executable(at("x")));
	assert_true(os_executable(at("link")));
	assert_false(os_executable(at("plain")));
	assert_false(os_executable(at("folder")));
	assert_false(os_executable(at("none")));
}

static void links_are_followed_inside_of_a_root(void **state)
{
	(void)state;
	assert_int_equal(mkdir(at("usr"), 0755), 0);
	assert_int_equal(mkdir(at("usr/lib"), 0755), 0);
	assert_int_equal(mkdir(at("usr/sbin"), 0755), 0);
	put("usr/lib/systemd", 0755);
	assert_int_equal(symlink("/usr/lib/systemd", at("usr/sbin/init")), 0);
	assert_int_equal(symlink("usr/sbin", at("sbin")), 0);
	assert_int_equal(symlink("/bin/sh", at("outside")), 0);
	assert_int_equal(symlink("loop", at("loop")), 0);
	assert_true(os_executable_in(dir, "/sbin/init"));
	assert_true(os_executable_in(dir, "/usr/lib/systemd"));
	assert_false(os_executable_in(dir, "/outside"));
	assert_false(os_executable_in(dir, "/loop"));
	assert_false(os_executable_in(dir, "/usr"));
	assert_false(os_executable_in(dir, "/../../../../../bin/sh"));
	assert_false(os_executable_in(at("none"), "/sbin/init"));
}

static void a_link_is_read_or_told_to_be_too_long(void **state)
{
	char buf[8];

	(void)state;
	assert_int_equal(symlink("short", at("l")), 0);
	assert_int_equal(symlink("12345678", at("long")), 0);
	put("file", 0644);
	assert_int_equal(os_readlink(at("l"), buf, sizeof(buf)), KB_OK);
	assert_string_equal(buf, "short");
	assert_int_equal(os_readlink(at("long"), buf, sizeof(buf)), KB_ENOSPC);
	assert_string_equal(buf, "");
	assert_int_equal(os_readlink(at("file"), buf, sizeof(buf)), KB_EINVAL);
	assert_int_equal(os_readlink(at("none"), buf, sizeof(buf)), KB_ENOENT);
}

static void a_folder_is_listed_by_name(void **state)
{
	char names[310][64], name[80];
	unsigned n;

	(void)state;
	for (int i = 299; i >= 0; i--) {
		snprintf(name, sizeof(name), "f%03d", i);
		put(name, 0644);
	}
	memset(name, 'z', 70);
	name[70] = '\0';
	put(name, 0644);
	assert_int_equal(os_list(dir, names, KB_ARRAY_LEN(names), &n), KB_OK);
	assert_int_equal(n, 301);
	assert_int_equal(strlen(names[300]), 63); /* too long: cut, not left out */
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "f%03u", i);
		assert_string_equal(names[i], name);
	}
}

static void a_full_list_has_the_first_names(void **state)
{
	static const char *const names[] = { "e", "b", "d", "a", "c" };
	char out[4][64] = { "", "", "", "guard" };
	unsigned n;

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		put(names[i], 0644);
	assert_int_equal(os_list(dir, out, 3, &n), KB_OK);
	assert_int_equal(n, 3);
	assert_string_equal(out[0], "a");
	assert_string_equal(out[1], "b");
	assert_string_equal(out[2], "c");
	assert_string_equal(out[3], "guard");
	assert_int_equal(os_list(dir, out, 0, &n), KB_OK);
	assert_int_equal(n, 0);
	assert_int_equal(os_list(at("none"), out, 3, &n), KB_ENOENT);
	assert_int_equal(n, 0);
}

static void poll_tells_who_is_ready_and_keeps_its_bound(void **state)
{
	int a[2], b[2], fds[3];
	bool ready[3];
	uint64_t start;
	size_t len;
	char c;

	(void)state;
	assert_int_equal(os_pipe(a), KB_OK);
	assert_int_equal(os_pipe(b), KB_OK);
	fds[0] = a[0];
	fds[1] = -1;
	fds[2] = b[0];
	start = os_now_ms();
	assert_int_equal(os_poll(fds, ready, 3, 30), KB_ETIMEDOUT);
	assert_in_range(os_now_ms() - start, 29, 2000);
	assert_int_equal(os_read(b[0], &c, 1, &len), KB_EBUSY);
	assert_int_equal(write(b[1], "x", 1), 1);
	assert_int_equal(os_poll(fds, ready, 3, 1000), KB_OK);
	assert_false(ready[0] || ready[1]);
	assert_true(ready[2]);
	assert_int_equal(os_read(b[0], &c, 1, &len), KB_OK);
	assert_int_equal(len, 1);
	os_close(&b[1]);
	assert_int_equal(b[1], -1);
	assert_int_equal(os_poll(fds, ready, 3, 1000), KB_OK);
	assert_int_equal(os_read(b[0], &c, 1, &len), KB_OK);
	assert_int_equal(len, 0);
	os_close(&a[0]);
	os_close(&a[1]);
	os_close(&b[0]);
}

static void the_clock_runs_and_sleep_sleeps(void **state)
{
	uint64_t start = os_now_ms();

	(void)state;
	os_sleep_ms(20);
	assert_in_range(os_now_ms() - start, 19, 2000);
	assert_true(os_time_s() > 1600000000);
}

static void free_space_is_told(void **state)
{
	uint64_t free_bytes, total;

	(void)state;
	assert_int_equal(os_free_space(dir, &free_bytes, &total), KB_OK);
	assert_true(free_bytes <= total && total > 0);
	assert_int_equal(os_free_space(at("none"), &free_bytes, &total), KB_ENOENT);
}

static void devices_that_are_not_there_are_told(void **state)
{
	struct os_wdt_info info;
	int fd;

	(void)state;
	assert_int_equal(os_wdt_open(at("watchdog0"), 60, &fd, &info), KB_ENOENT);
	assert_int_equal(fd, -1);
	assert_int_equal(os_finit_module(at("none.ko"), ""), KB_ENOENT);
	put("bad.ko", 0644);
	assert_int_not_equal(os_finit_module(at("bad.ko"), ""), KB_OK);
	assert_int_equal(os_mount(at("none"), at("none"), "ext4", 0, NULL),
			 geteuid() == 0 ? KB_ENOENT : KB_EPERM);
	assert_false(os_is_init());
}

/* keelboot.watchdog= may name anything: a disk, a file, a terminal. Not a byte is written to it. */
static void what_is_no_watchdog_is_not_written_to(void **state)
{
	struct os_wdt_info info;
	char text[16];
	size_t len;
	int fd;

	(void)state;
	put("disk", 0644);
	assert_int_equal(os_wdt_open(at("disk"), 60, &fd, &info), KB_EINVAL);
	assert_int_equal(fd, -1);
	assert_int_equal(os_read_file(at("disk"), text, sizeof(text), &len), KB_OK);
	assert_int_equal(len, 0);
	assert_int_equal(os_wdt_open("/dev/null", 60, &fd, &info), KB_EINVAL);
	assert_int_equal(fd, -1);
	assert_int_equal(os_wdt_open(at("."), 60, &fd, &info), KB_EINVAL);
}

static void nobody_but_the_kernel_is_heard_on_the_uevent_socket(void **state)
{
	static char buf[8192];
	size_t len;
	int fd;

	(void)state;
	assert_int_equal(os_uevent_open(&fd), KB_OK);
	while (os_uevent_read(fd, buf, sizeof(buf), &len) == KB_OK)
		assert_true(strchr(buf, '@') != NULL);
	assert_int_equal(os_uevent_read(fd, buf, sizeof(buf), &len), KB_EBUSY);
	os_close(&fd);
}

static void a_tree_is_deleted_with_all_that_is_in_it(void **state)
{
	char path[256] = "t", names[4][64];
	unsigned n;
	int fd;

	(void)state;
	assert_int_equal(mkdir(at("t"), 0755), 0);
	for (int i = 0; i < 10; i++) {
		char file[300];

		snprintf(file, sizeof(file), "%s/file", path);
		put(file, 0444);
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "/sub");
		assert_int_equal(mkdir(at(path), 0755), 0);
	}
	for (int i = 0; i < 300; i++) {
		char file[300];

		snprintf(file, sizeof(file), "t/many-%d", i);
		put(file, 0644);
	}
	assert_int_equal(symlink("/", at("t/root")), 0);
	assert_int_equal(symlink("nowhere", at("t/dangling")), 0);
	fd = open(at("t"), O_RDONLY | O_DIRECTORY);
	os_root_empty(fd);
	close(fd);
	assert_int_equal(os_list(at("t"), names, 4, &n), KB_OK);
	assert_int_equal(n, 0);
	assert_true(os_exists("/bin/sh"));
}

/* Devices, or a slot that could not be moved: what is mounted somewhere below is not ours. */
static void what_is_mounted_in_it_is_not_emptied(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir(at("t"), 0755), 0);
	assert_int_equal(mkdir(at("t/mounted"), 0755), 0);
	put("t/ours", 0644);
	pid = fork();
	if (pid == 0) {
		int fd;

		if (unshare(CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("tmpfs", at("t/mounted"), "tmpfs", 0, NULL) < 0)
			_exit(2);
		put("t/mounted/theirs", 0644);
		fd = open(at("t"), O_RDONLY | O_DIRECTORY); /* here, where that is mounted */
		os_root_empty(fd);
		_exit(os_exists(at("t/mounted/theirs")) && !os_exists(at("t/ours")) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 2)
		skip(); /* a container that may not mount */
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_tree_that_is_too_deep_stays_and_ends(void **state)
{
	char path[512] = "t";
	int fd, fd2;

	(void)state;
	assert_int_equal(mkdir(at("t"), 0755), 0);
	fd = fd2 = open(at("t"), O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 60; i++) {
		assert_int_equal(mkdirat(fd2, "s", 0755), 0);
		fd2 = openat(fd2, "s", O_RDONLY | O_DIRECTORY);
		assert_true(fd2 >= 0);
	}
	os_root_empty(fd);
	snprintf(path, sizeof(path), "t/s/s/s/s");
	assert_true(os_exists(at(path)));
	/* Each pass takes what lies within its depth; here the innermost ones by hand. */
	for (int i = 0; i < 60; i++)
		close(fd + 1 + i);
	close(fd);
	snprintf(path, sizeof(path), "rm -rf %s/t", dir);
	assert_int_equal(system(path), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(a_file_that_was_written_reads_back),
		T(a_file_that_is_too_long_is_cut_and_ended),
		T(a_missing_file_is_told_and_leaves_errno),
		T(a_folder_that_is_there_is_no_error),
		T(only_regular_files_with_an_x_bit_are_executable),
		T(links_are_followed_inside_of_a_root),
		T(a_link_is_read_or_told_to_be_too_long),
		T(a_folder_is_listed_by_name),
		T(a_full_list_has_the_first_names),
		T(poll_tells_who_is_ready_and_keeps_its_bound),
		T(the_clock_runs_and_sleep_sleeps),
		T(free_space_is_told),
		T(devices_that_are_not_there_are_told),
		T(what_is_no_watchdog_is_not_written_to),
		T(nobody_but_the_kernel_is_heard_on_the_uevent_socket),
		T(a_tree_is_deleted_with_all_that_is_in_it),
		T(what_is_mounted_in_it_is_not_emptied),
		T(a_tree_that_is_too_deep_stays_and_ends),
	};

	return cmocka_run_group_tests_name("os_linux", tests, NULL, NULL);
}
