/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library's calls of keelboot-apply, its decoder, the command and the guardian, in front of
 * the C library: where the devices and folders of ioerr_world.h lie on this machine, and where
 * calls fail. Only for the one program that is made for it: whoever links this has these instead of
 * the real ones.
 */
#pragma once

/* With it the C library's headers have bodies of their own for some of these. */
#undef _FORTIFY_SOURCE

#include "lib/conf.h"
#include "tests/sim/ioerr_content.h"
#include "tests/sim/ioerr_guardian.h"
#include "tests/sim/ioerr_world.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
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

bool ioerr_libc_ours(void);
bool ioerr_libc_ours(void)
{
	return ioerr_world_process != IOERR_FAULT_INIT &&
	       ioerr_world_process != IOERR_FAULT_TARGETS;
}

bool ioerr_libc_fails(const char *call);
bool ioerr_libc_fails(const char *call)
{
	int errnum = ioerr_libc_ours() ? ioerr_fault_call(ioerr_world_process, call) : 0;

	if (errnum != 0)
		errno = errnum;
	return errnum != 0;
}

/* The C library's own. */
#define IOERR_LIBC_REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

/* A call that does nothing else but what the kernel does. */
#define IOERR_LIBC_DO(name, type, ...) \
	(ioerr_libc_fails(#name) ? -1 : (type)syscall(SYS_##name, __VA_ARGS__))

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
					  ? ioerr_fault_turn(ioerr_world_medium(), IOERR_FAULT_READ)
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
	if (k == IOERR_FAULT_ZEROES && n > 0)
		memset(buf, 0, (size_t)n);
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

/* Only media are written by these two. */
static ssize_t ioerr_libc_write(int fd, const void *buf, size_t len, off64_t off)
{
	enum ioerr_fault_kind k = ioerr_fault_turn(ioerr_world_medium(), IOERR_FAULT_WRITE);
	static char wrong[64 << 10];
	ssize_t n = (ssize_t)len;

	errno = EIO;
	if (k == IOERR_FAULT_FAILS || k == IOERR_FAULT_EVER)
		return -1;
	if (k == IOERR_FAULT_SHORT && len > 1)
		len /= 2;
	if (k == IOERR_FAULT_WRONG && len <= sizeof(wrong)) {
		memcpy(wrong, buf, len);
		wrong[len / 2] = (char)(wrong[len / 2] ^ 0x10);
		buf = wrong;
	}
	if (k == IOERR_FAULT_LOST && off < 0)
		return lseek(fd, n, SEEK_CUR) < 0 ? -1 : n;
	if (k != IOERR_FAULT_LOST)
		n = off < 0 ? syscall(SYS_write, fd, buf, len)
			    : syscall(SYS_pwrite64, fd, buf, len, off);
	if (k == IOERR_FAULT_DIES_LATE)
		ioerr_fault_die();
	return k == IOERR_FAULT_LANDS ? -1 : n;
}

ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t off);
ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t off)
{
	if (!ioerr_libc_ours())
		return syscall(SYS_pwrite64, fd, buf, len, off);
	return ioerr_libc_fails("pwrite") ? -1 : ioerr_libc_write(fd, buf, len, off);
}

int fsync(int fd)
{
	enum ioerr_fault_kind k = IOERR_FAULT_NONE;

	if (!ioerr_libc_ours())
		return (int)syscall(SYS_fsync, fd);
	if (ioerr_libc_fails("fsync"))
		return -1;
	k = ioerr_fault_turn(ioerr_world_medium(), IOERR_FAULT_FLUSH);
	errno = EIO;
	if (k == IOERR_FAULT_DROPS)
		ioerr_world_media_cut();
	if (k == IOERR_FAULT_FAILS || k == IOERR_FAULT_EVER || k == IOERR_FAULT_DROPS)
		return -1;
	if (k != IOERR_FAULT_LOST)
		ioerr_world_media_flush();
	if (k == IOERR_FAULT_DIES_LATE)
		ioerr_fault_die();
	return k == IOERR_FAULT_LANDS ? -1 : 0;
}

/* Logs, progress, what the guardian asks of the kernel. */
ssize_t write(int fd, const void *buf, size_t len)
{
	if (ioerr_libc_fails("write"))
		return -1;
	if (ioerr_world_process == IOERR_FAULT_GUARDIAN && ioerr_guardian_write(fd, buf, len))
		return (ssize_t)len;
	return syscall(SYS_write, fd, buf, len);
}

/* ---------------------------------------------------------------- files and memory */

int flock(int fd, int how)
{
	return IOERR_LIBC_DO(flock, int, fd, how);
}

int fstat64(int fd, struct stat64 *st)
{
	return ioerr_libc_fails("fstat") ? -1 : IOERR_LIBC_REAL(fstat64)(fd, st);
}

int fcntl64(int fd, int cmd, ...)
{
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	return IOERR_LIBC_DO(fcntl, int, fd, cmd, arg);
}

int faccessat(int dir, const char *path, int mode, int flags)
{
	(void)flags;
	return IOERR_LIBC_DO(faccessat, int, dir, path, mode);
}

int unlinkat(int dir, const char *path, int flags)
{
	return IOERR_LIBC_DO(unlinkat, int, dir, path, flags);
}

int posix_fadvise64(int fd, off64_t off, off64_t len, int advice)
{
	return ioerr_libc_fails("fadvise") ? errno
					   : IOERR_LIBC_REAL(posix_fadvise64)(fd, off, len, advice);
}

DIR *opendir(const char *path)
{
	return ioerr_libc_fails("opendir") ? NULL : IOERR_LIBC_REAL(opendir)(path);
}

struct dirent64 *readdir64(DIR *dir)
{
	return ioerr_libc_fails("readdir") ? NULL : IOERR_LIBC_REAL(readdir64)(dir);
}

/* Media are listed by it. */
long syscall(long number, ...)
{
	long a[6];
	va_list ap;

	if (number == SYS_getdents64 && ioerr_libc_fails("getdents"))
		return -1;
	va_start(ap, number);
	for (unsigned i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	return IOERR_LIBC_REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int memfd_create(const char *name, unsigned flags)
{
	return IOERR_LIBC_DO(memfd_create, int, name, flags);
}

int ftruncate64(int fd, off64_t len)
{
	return IOERR_LIBC_DO(ftruncate, int, fd, len);
}

void *mmap64(void *at, size_t len, int prot, int flags, int fd, off64_t off)
{
	return ioerr_libc_fails("mmap") ? MAP_FAILED
					: IOERR_LIBC_REAL(mmap64)(at, len, prot, flags, fd, off);
}

int mlockall(int flags)
{
	(void)flags;
	return ioerr_libc_fails("mlockall") ? -1 : 0;
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
