/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libubootenv calls, in simulations: its own code stays, and its calls are those of the
 * simulated device. The Makefile renames them in a copy of the library: open() to uboot_lib_open(),
 * and so on.
 */
#include "tests/sim/uboot.h"

#include "lib/bdev.h"
#include "lib/os.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOCK	 "/var/lock/fw_printenv.lock"
#define LOCK_FD	 1000
#define DEV_FD	 1001
#define TEXT_MAX 512

int uboot_lib_open(const char *path, int flags, ...);
int uboot_lib_close(int fd);
ssize_t uboot_lib_read(int fd, void *buf, size_t len);
ssize_t uboot_lib_write(int fd, const void *buf, size_t len);
off_t uboot_lib_lseek(int fd, off_t off, int whence);
int uboot_lib_fsync(int fd);
int uboot_lib_stat(const char *path, struct stat *st);
FILE *uboot_lib_fopen(const char *path, const char *mode);
char *uboot_lib_realpath(const char *path, char *buf);
int uboot_lib_flock(int fd, int op);
int uboot_lib_access(const char *path, int mode);

static uint8_t page[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));
static struct bdev_file dev; /* it has one open at a time */
static bool is_open;
static off_t at;

static int failed(enum kb_err err)
{
	errno = err == KB_ENOENT ? ENOENT : EIO;
	return -1;
}

int uboot_lib_open(const char *path, int flags, ...)
{
	enum kb_err err;

	(void)flags;
	if (strcmp(path, LOCK) == 0)
		return LOCK_FD;
	if (is_open)
		abort();
	err = bdev_file_open(&dev, path, BDEV_FILE_WRITE);
	if (err != KB_OK)
		return failed(err);
	is_open = true;
	at = 0;
	return DEV_FD;
}

int uboot_lib_close(int fd)
{
	if (fd != DEV_FD)
		return 0;
	bdev_file_close(&dev);
	is_open = false;
	return 0;
}

ssize_t uboot_lib_read(int fd, void *buf, size_t len)
{
	enum kb_err err;

	if (fd != DEV_FD || len != sizeof(page))
		abort();
	err = bdev_read(&dev.bdev, (uint64_t)at, page, sizeof(page));
	if (err != KB_OK)
		return failed(err);
	memcpy(buf, page, sizeof(page));
	return sizeof(page);
}

ssize_t uboot_lib_write(int fd, const void *buf, size_t len)
{
	enum kb_err err;

	if (fd != DEV_FD || len != sizeof(page))
		abort();
	memcpy(page, buf, sizeof(page));
	err = bdev_write(&dev.bdev, (uint64_t)at, page, sizeof(page));
	return err == KB_OK ? (ssize_t)sizeof(page) : failed(err);
}

off_t uboot_lib_lseek(int fd, off_t off, int whence)
{
	if (fd != DEV_FD || whence != SEEK_SET)
		abort();
	return at = off;
}

int uboot_lib_fsync(int fd)
{
	enum kb_err err = fd == DEV_FD ? bdev_flush(&dev.bdev) : KB_OK;

	return err == KB_OK ? 0 : failed(err);
}

int uboot_lib_stat(const char *path, struct stat *st)
{
	int fd = uboot_lib_open(path, 0);

	*st = (struct stat){ .st_mode = S_IFBLK };
	return fd < 0 ? -1 : uboot_lib_close(fd);
}

FILE *uboot_lib_fopen(const char *path, const char *mode)
{
	static char text[TEXT_MAX];
	size_t len = 0;
	enum kb_err err = os_read_file(path, text, sizeof(text), &len);

	if (err == KB_OK)
		return fmemopen(text, len, mode);
	(void)failed(err);
	return NULL;
}

char *uboot_lib_realpath(const char *path, char *buf)
{
	struct stat st;

	(void)buf;
	return uboot_lib_stat(path, &st) == 0 ? strdup(path) : NULL;
}

int uboot_lib_flock(int fd, int op)
{
	(void)op;
	return fd == LOCK_FD ? 0 : -1;
}

int uboot_lib_access(const char *path, int mode)
{
	(void)path, (void)mode;
	errno = ENOENT;
	return -1;
}
