/* SPDX-License-Identifier: Apache-2.0 */
/* Files on media, as the kernel has them: what is followed, what is made, what reaches the disk. */
#include "lib/os_file.h"
#include "tests/unit/test.h"

static char path[] = "/tmp/keelboot-files-XXXXXX";
static int dir = -1, synced = -1;

int fsync(int fd)
{
	synced = fd;
	return (int)syscall(SYS_fsync, fd);
}

static void make_file(const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static unsigned mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

static void make_dir(void)
{
	umask(022);
	assert_non_null(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_file("file", "0123456789");
	assert_return_code(symlinkat("file", dir, "link"), errno);
	assert_return_code(mkdirat(dir, "folder", 0755), errno);
	assert_return_code(mkfifoat(dir, "pipe", 0600), errno);
}

static void remove_dir(void)
{
	static const char *const names[] = { "file", "link", "pipe", ".lock", "new", "newer" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(names); i++)
		unlinkat(dir, names[i], 0);
	unlinkat(dir, "folder", AT_REMOVEDIR);
	close(dir);
	rmdir(path);
}

TEST(opens_regular_files_only)
{
	int fd = -1;

	OK(os_file_open(dir, "file", &fd));
	util_close(&fd);
	FAILS(os_file_open(dir, "link", &fd), KB_EINVAL);
	FAILS(os_file_open(dir, "folder", &fd), KB_EINVAL);
	FAILS(os_file_open(dir, "pipe", &fd), KB_EINVAL);
	FAILS(os_file_open(dir, "none", &fd), KB_ENOENT);
	assert_int_equal(fd, -1);
}

TEST(a_path_may_be_a_link_but_only_to_a_file)
{
	const char *none = strf("%s/none", path);
	int fd = -1;

	OK(os_file_open_path(strf("%s/link", path), &fd));
	util_close(&fd);
	FAILS(os_file_open_path(path, &fd), KB_EINVAL);
	FAILS(os_file_open_path(none, &fd), KB_ENOENT);
	assert_int_equal(errno, ENOENT);
	FAILS(os_file_device(none, &fd), KB_ENODEV);
}

TEST(a_new_file_takes_nobodys_place)
{
	int fd = -1;

	FAILS(os_file_create(dir, "file", &fd), KB_EIO);
	assert_int_equal(errno, EEXIST);
	FAILS(os_file_create(dir, "link", &fd), KB_EIO);
	OK(os_file_create(dir, "new", &fd));
	util_close(&fd);
	assert_int_equal(mode_of("new"), 0644);
	OK(os_file_rename(dir, "new", "newer"));
	OK(os_file_unlink(dir, "newer"));
	FAILS(os_file_unlink(dir, "newer"), KB_ENOENT);
}

TEST(a_file_is_written_over_in_its_place)
{
	char got[16] = "";
	size_t n;
	int fd = -1;

	OK(os_file_create(dir, "new", &fd));
	OK(os_file_write(fd, "abc", 3));
	util_close(&fd);
	OK(os_file_change(dir, "new", &fd));
	OK(os_file_write(fd, "xy", 2));
	util_close(&fd);
	OK(os_file_open(dir, "new", &fd));
	OK(os_file_read(fd, 0, got, sizeof(got), &n));
	util_close(&fd);
	EQUAL((n, 3), (got, "xyc"));
	OK(os_file_unlink(dir, "new"));
	FAILS(os_file_change(dir, "new", &fd), KB_ENOENT);
	FAILS(os_file_change(dir, "link", &fd), KB_EINVAL);
	assert_true(os_file_change(dir, "pipe", &fd) != KB_OK && fd == -1);
	assert_true(os_file_change(dir, "folder", &fd) != KB_OK && fd == -1);
}

TEST(a_lock_is_its_owners)
{
	int fd = -1, again = -1;

	OK(os_file_private(dir, ".lock", &fd));
	OK(os_file_private(dir, ".lock", &again));
	EQUAL((os_file_is(again, dir, ".lock"), true), (os_file_is(again, dir, "file"), false));
	EQUAL((os_file_is(-1, dir, "file"), false), (mode_of(".lock"), 0600));
	util_close(&fd);
	util_close(&again);
	FAILS(os_file_private(dir, "link", &fd), KB_EIO);
}

TEST(reads_to_the_end_and_says_so)
{
	char buf[16];
	uint64_t size;
	size_t got;
	int fd = -1;

	OK(os_file_open(dir, "file", &fd));
	OK(os_file_size(fd, &size));
	assert_int_equal(size, 10);
	OK(os_file_read(fd, 2, buf, 3, &got));
	assert_int_equal(got, 3);
	assert_memory_equal(buf, "234", 3);
	OK(os_file_read(fd, 8, buf, sizeof(buf), &got));
	assert_int_equal(got, 2);
	util_close(&fd);
	FAILS(os_file_read(fd, 0, buf, 1, &got), KB_EIO);
	FAILS(os_file_size(dir, &size), KB_EINVAL);
}

TEST(what_is_in_memory_reads_as_a_file)
{
	char buf[8];
	size_t got;
	int fd = -1, other = -1;

	OK(os_file_memory("abcd", 4, &fd));
	OK(os_file_dup(fd, &other));
	util_close(&fd);
	OK(os_file_read(other, 1, buf, sizeof(buf), &got));
	assert_int_equal(got, 3);
	assert_memory_equal(buf, "bcd", 3);
	util_close(&other);
}

TEST(a_sync_reaches_the_kernel)
{
	OK(os_file_sync(dir));
	assert_int_equal(synced, dir);
}

TEST(a_reservation_leaves_the_size)
{
	uint64_t size;
	int fd = -1;

	OK(os_file_create(dir, "new", &fd));
	OK(os_file_reserve(fd, 8192));
	OK(os_file_size(fd, &size));
	assert_int_equal(size, 0);
	FAILS(os_file_reserve(fd, UINT64_MAX / 2), KB_ENOSPC);
	util_close(&fd);
	OK(os_file_unlink(dir, "new"));
}

TEST(what_is_cut_off_is_gone_and_more_follows_the_rest)
{
	char text[8] = "";
	size_t got;
	int fd = -1;

	OK(os_file_private(dir, "new", &fd));
	OK(os_file_write(fd, "abcdef", 6));
	OK(os_file_cut(fd, 2));
	OK(os_file_write(fd, "xy", 2));
	OK(os_file_read(fd, 0, text, sizeof(text), &got));
	assert_int_equal(got, 4);
	assert_memory_equal(text, "abxy", 4);
	util_close(&fd);
	OK(os_file_unlink(dir, "new"));
}

TEST(a_folder_is_entered_and_no_link)
{
	int at = -1;

	OK(os_file_folder(path, &at));
	FAILS(os_file_enter(&at, "link"), KB_EINVAL);
	OK(os_file_mkdir(at, "folder", 0755));
	OK(os_file_enter(&at, "folder"));
	FAILS(os_file_enter(&at, "none"), KB_ENOENT);
	util_close(&at);
}

TEST(each_list_has_a_place_of_its_own)
{
	struct os_file_names all = { .dir = -1 }, own = { .dir = dir };
	char name[OS_FILE_NAME_MAX + 1];
	unsigned n = 0, m = 0;

	OK(os_file_reopen(dir, &all.dir));
	while (os_file_next(&all, name) == KB_OK)
		n++;
	while (os_file_next(&own, name) == KB_OK)
		m++;
	EQUAL((n, 5), (m, n)); /* file, link, folder, pipe, .lock */
	util_close(&all.dir);
}

int main(void)
{
	return TEST_RUN("os_file", .first = make_dir, .last = remove_dir);
}
