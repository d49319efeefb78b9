/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library's calls of keelboot-apply and of the command, in front of the C library: where the
 * devices and folders of ioerr_world.h lie on this machine, and where calls fail. Only for the one
 * program that is made for it: whoever links this has these instead of the real ones.
 */
#pragma once

/* With it the C library's headers have bodies of their own for some of these. */
#undef _FORTIFY_SOURCE

#include "lib/conf.h"
#include "tests/sim/ioerr_content.h"
#include "tests/sim/ioerr_world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In place of the one in lib/, which reads the files of the machine that runs the test. */
void conf_load(struct conf *c, const char *root, bool *found, conf_warn_fn warn, void *ctx)
{
	(void)root;
	conf_defaults(c);
	conf_parse(c, ioerr_content_conf(), "system.conf", warn, ctx);
	*found = true;
}

static bool ioerr_libc_ours(void)
{
	return ioerr_world_process == IOERR_FAULT_APPLY ||
	       ioerr_world_process == IOERR_FAULT_COMMAND;
}

static bool ioerr_libc_fails(const char *call)
{
	int errnum = ioerr_libc_ours() ? ioerr_fault_call(ioerr_world_process, call) : 0;

	if (errnum != 0)
		errno = errnum;
	return errnum != 0;
}

static int ioerr_libc_open(int dir, const char *path, int flags, va_list ap)
{
	unsigned mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, unsigned) : 0;

	if (ioerr_libc_fails("open"))
		return -1;
	if (ioerr_libc_ours())
		path = ioerr_world_path(path);
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}

#define IOERR_LIBC_OPEN(name)                                    \
	int name(const char *path, int flags, ...);              \
	int name(const char *path, int flags, ...)               \
	{                                                        \
		va_list ap;                                      \
		int fd;                                          \
		va_start(ap, flags);                             \
		fd = ioerr_libc_open(AT_FDCWD, path, flags, ap); \
		va_end(ap);                                      \
		return fd;                                       \
	}

#define IOERR_LIBC_OPENAT(name)                              \
	int name(int dir, const char *path, int flags, ...); \
	int name(int dir, const char *path, int flags, ...)  \
	{                                                    \
		va_list ap;                                  \
		int fd;                                      \
		va_start(ap, flags);                         \
		fd = ioerr_libc_open(dir, path, flags, ap);  \
		va_end(ap);                                  \
		return fd;                                   \
	}

IOERR_LIBC_OPEN(open64)
IOERR_LIBC_OPENAT(openat64)

/* Checked variants of a compiler that knows the arguments. */
int __open64_2(const char *path, int flags);
int __open64_2(const char *path, int flags)
{
	return open64(path, flags);
}

int __openat64_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags)
{
	return openat64(dir, path, flags);
}

/* Only media are read by it. */
ssize_t pread64(int fd, void *buf, size_t len, off64_t off);
ssize_t pread64(int fd, void *buf, size_t len, off64_t off)
{
	enum ioerr_fault_kind k = ioerr_libc_ours()
					  ? ioerr_fault_turn(IOERR_FAULT_MEDIUM, IOERR_FAULT_READ)
					  : IOERR_FAULT_NONE;
	ssize_t n;

	if (ioerr_libc_fails("pread"))
		return -1;
	if (k == IOERR_FAULT_FAILS || k == IOERR_FAULT_EVER) {
		errno = EIO;
		return -1;
	}
	n = syscall(SYS_pread64, fd, buf, k == IOERR_FAULT_SHORT && len > 1 ? len / 2 : len, off);
	if (k == IOERR_FAULT_WRONG && n > 0)
		((char *)buf)[n / 2] = (char)(((char *)buf)[n / 2] ^ 0x10);
	if (k == IOERR_FAULT_LOST)
		return 0; /* the end of the file, where there is none */
	if (k == IOERR_FAULT_DIES_LATE)
		ioerr_fault_die();
	return n;
}

ssize_t __pread64_chk(int fd, void *buf, size_t len, off64_t off, size_t size);
ssize_t __pread64_chk(int fd, void *buf, size_t len, off64_t off, size_t size)
{
	return pread64(fd, buf, len < size ? len : size, off);
}

ssize_t read(int fd, void *buf, size_t len)
{
	return ioerr_libc_fails("read") ? -1 : syscall(SYS_read, fd, buf, len);
}

ssize_t __read_chk(int fd, void *buf, size_t len, size_t size);
ssize_t __read_chk(int fd, void *buf, size_t len, size_t size)
{
	return read(fd, buf, len < size ? len : size);
}

int flock(int fd, int how)
{
	return ioerr_libc_fails("flock") ? -1 : (int)syscall(SYS_flock, fd, how);
}

/* Mounts and folders are the simulation's. */
int unshare(int flags);
int unshare(int flags)
{
	(void)flags;
	return ioerr_libc_fails("unshare") ? -1 : 0;
}

int rmdir(const char *path)
{
	(void)path;
	return 0;
}
