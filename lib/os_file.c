/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: files on media. */
#include "lib/os_file.h"

#include "lib/os_dirent.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FOLDER (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define READ   (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
#define LOCK   (O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

/* What a call returned that gives a descriptor. */
static enum kb_err opened(int fd, int *out)
{
	*out = fd;
	return fd >= 0 ? KB_OK : err_errno(errno);
}

/* ---------------------------------------------------------------- folders */

enum kb_err os_file_folder(const char *path, int *dir)
{
	return opened(open(path, FOLDER), dir);
}

enum kb_err os_file_enter(int *dir, const char *name)
{
	int fd = openat(*dir, name, FOLDER | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP ? KB_EINVAL : err_errno(errno);
	util_close(dir);
	*dir = fd;
	return KB_OK;
}

enum kb_err os_file_mkdir(int dir, const char *name, unsigned mode)
{
	return mkdirat(dir, name, mode) == 0 || errno == EEXIST ? KB_OK : err_errno(errno);
}

enum kb_err os_file_reopen(int dir, int *again)
{
	return opened(openat(dir, ".", FOLDER), again);
}

/* By the system call: the C library's readdir() allocates. */
static enum kb_err read_entries(struct os_file_names *n)
{
	long got = syscall(SYS_getdents64, n->dir, n->entries, sizeof(n->entries));

	if (got <= 0)
		return got == 0 ? KB_ENOENT : KB_EIO;
	n->len = (size_t)got;
	n->pos = 0;
	return KB_OK;
}

enum kb_err os_file_next(struct os_file_names *n, char name[OS_FILE_NAME_MAX + 1])
{
	for (;;) {
		const struct os_dirent *d;

		if (n->pos >= n->len)
			TRY(read_entries(n));
		d = (const void *)(n->entries + n->pos);
		n->pos += d->reclen;
		if (strcmp(d->name, ".") == 0 || strcmp(d->name, "..") == 0)
			continue;
		memccpy(name, d->name, '\0', OS_FILE_NAME_MAX);
		name[OS_FILE_NAME_MAX] = '\0';
		return KB_OK;
	}
}

enum kb_err os_file_rename(int dir, const char *from, const char *to)
{
	return renameat(dir, from, dir, to) == 0 ? KB_OK : err_errno(errno);
}

enum kb_err os_file_swap(int dir, const char *one, const char *other)
{
	return syscall(SYS_renameat2, dir, one, dir, other, RENAME_EXCHANGE) == 0
		       ? KB_OK
		       : err_errno(errno);
}

enum kb_err os_file_unlink(int dir, const char *name)
{
	return unlinkat(dir, name, 0) == 0 ? KB_OK : err_errno(errno);
}

enum kb_err os_file_replace(const char *from, const char *to)
{
	return rename(from, to) == 0 ? KB_OK : err_errno(errno);
}

enum kb_err os_file_look(const char *path, struct os_file_at *at)
{
	struct stat st;

	*at = (struct os_file_at){ 0 };
	if (stat(path, &st) < 0)
		return err_errno(errno);
	at->lies_on = st.st_dev;
	at->number = S_ISBLK(st.st_mode) ? st.st_rdev : 0;
	at->others_write = st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH);
	return KB_OK;
}

/* ---------------------------------------------------------------- opening files */

static enum kb_err check_regular(const struct stat *st)
{
	if (S_ISREG(st->st_mode))
		return KB_OK;
	errno = EINVAL;
	return KB_EINVAL;
}

/* Takes fd, which is closed unless it is a regular file. */
static enum kb_err take_regular(int opened_fd, int *out)
{
	KB_CLEANUP_FD int fd = opened_fd;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(errno);
	TRY(check_regular(&st));
	*out = util_take(&fd);
	return KB_OK;
}

enum kb_err os_file_open(int dir, const char *name, int *fd)
{
	struct stat st;
	int f;

	*fd = -1;
	/* Before it is opened, which is all that some devices and pipes wait for; and again, for
	 * what the file system says the second time. */
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(errno);
	TRY(check_regular(&st));
	f = openat(dir, name, READ | O_NOFOLLOW);
	if (f < 0 && errno == ELOOP)
		return KB_EINVAL;
	return take_regular(f, fd);
}

enum kb_err os_file_open_path(const char *path, int *fd)
{
	*fd = -1;
	return take_regular(open(path, READ), fd);
}

enum kb_err os_file_device(const char *path, int *fd)
{
	*fd = open(path, READ);
	return *fd < 0 && errno == ENOENT ? KB_ENODEV : opened(*fd, fd);
}

enum kb_err os_file_create(int dir, const char *name, int *fd)
{
	return opened(openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644),
		      fd);
}

enum kb_err os_file_change(int dir, const char *name, int *fd)
{
	int f = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	*fd = -1;
	if (f < 0 && errno == ELOOP)
		return KB_EINVAL;
	return take_regular(f, fd);
}

enum kb_err os_file_private(int dir, const char *name, int *fd)
{
	int f = openat(dir, name, LOCK);

	if (f < 0 && errno == ENOENT)
		f = openat(dir, name, LOCK | O_CREAT | O_EXCL, 0600);
	if (f < 0 && errno == EEXIST) /* another one was quicker */
		f = openat(dir, name, LOCK);
	return opened(f, fd);
}

enum kb_err os_file_dup(int fd, int *other)
{
	return opened(fcntl(fd, F_DUPFD_CLOEXEC, 0), other);
}

enum kb_err os_file_memory(const void *buf, size_t len, int *fd)
{
	KB_CLEANUP_FD int f = memfd_create("keelboot", MFD_CLOEXEC);

	*fd = -1;
	if (f < 0)
		return err_errno(errno);
	TRY(os_file_write(f, buf, len));
	*fd = util_take(&f);
	return KB_OK;
}

/* ---------------------------------------------------------------- open files */

enum os_file_kind os_file_kind(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return OS_FILE_CLOSED;
	return S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) ? OS_FILE_PIPE : OS_FILE_OTHER;
}

enum kb_err os_file_size(int fd, uint64_t *bytes)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(errno);
	if (S_ISBLK(st.st_mode))
		return ioctl(fd, BLKGETSIZE64, bytes) == 0 ? KB_OK : err_errno(errno);
	*bytes = (uint64_t)st.st_size;
	return check_regular(&st);
}

bool os_file_is(int fd, int dir, const char *name)
{
	struct stat a, b;

	return fd >= 0 && fstat(fd, &a) == 0 && fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

enum kb_err os_file_read(int fd, uint64_t off, void *buf, size_t len, size_t *got)
{
	uint8_t *p = buf;

	*got = 0;
	while (*got < len) {
		ssize_t n = pread(fd, p + *got, len - *got, (off_t)(off + *got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(errno);
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return KB_OK;
}

enum kb_err os_file_write(int fd, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(errno);
		p += n;
		len -= (size_t)n;
	}
	return KB_OK;
}

enum kb_err os_file_cut(int fd, uint64_t len)
{
	if (ftruncate(fd, (off_t)len) != 0 || lseek(fd, (off_t)len, SEEK_SET) < 0)
		return err_errno(errno);
	return KB_OK;
}

/* Certainly less than that. A file system without blocks reports nothing. */
static bool is_too_small(int fd, uint64_t len)
{
	struct statvfs st;

	return fstatvfs(fd, &st) == 0 && st.f_blocks != 0 && len / st.f_frsize > st.f_bfree;
}

enum kb_err os_file_reserve(int fd, uint64_t len)
{
	/* Filling the disk would find out as well, and wear the flash. */
	if (is_too_small(fd, len)) {
		errno = ENOSPC;
		return KB_ENOSPC;
	}
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)len) == 0 || errno == EOPNOTSUPP)
		return KB_OK;
	return err_errno(errno);
}

enum kb_err os_file_sync(int fd)
{
	return fsync(fd) == 0 ? KB_OK : err_errno(errno);
}

void os_file_forget(int fd)
{
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

void os_file_hasten(int fd)
{
	(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

void os_file_sequential(int fd)
{
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
}
