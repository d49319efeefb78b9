/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library's calls of keelboot-apply, its decoder, the command and the guardian that go past
 * the seams, in front of the C library: where they fail. Only for the one program that is made for
 * it: whoever links this has these instead of the real ones. Files are ioerr_files.c's.
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

/* The guardian's own end of the kernel. */
int openat64(int dir, const char *path, int flags, ...)
{
	unsigned mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(ap, unsigned);
	va_end(ap);
	if (ioerr_world_process != IOERR_FAULT_GUARDIAN)
		return (int)syscall(SYS_openat, dir, path, flags, mode);
	if (ioerr_libc_fails("open"))
		return -1;
	return (int)syscall(SYS_openat, dir, ioerr_world_path(path), flags, mode);
}

int __openat64_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags)
{
	return openat64(dir, path, flags);
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

/* Logs, and what the guardian asks of the kernel. */
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
	if (ioerr_world_process != IOERR_FAULT_GUARDIAN)
		return (int)syscall(SYS_unlinkat, dir, path, flags);
	return IOERR_LIBC_DO(unlinkat, int, dir, path, flags);
}

DIR *opendir(const char *path)
{
	return ioerr_libc_fails("opendir") ? NULL : IOERR_LIBC_REAL(opendir)(path);
}

struct dirent64 *readdir64(DIR *dir)
{
	return ioerr_libc_fails("readdir") ? NULL : IOERR_LIBC_REAL(readdir64)(dir);
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
