/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in front of a function of the C library, and still does its work: by another function
 * than the one that it replaces. Numbers and arguments of system calls would differ between
 * processors where an offset or a time is wider than a register.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Numbers of users have 32 bits behind other calls, where they had 16 at first. */
#ifdef SYS_setresuid32
#define RAW_SETGROUPS SYS_setgroups32
#define RAW_SETRESGID SYS_setresgid32
#define RAW_SETRESUID SYS_setresuid32
#else
#define RAW_SETGROUPS SYS_setgroups
#define RAW_SETRESGID SYS_setresgid
#define RAW_SETRESUID SYS_setresuid
#endif

/* The kernel takes the two halves of their offset apart, whatever the processor. */
static inline ssize_t raw_pread(int fd, void *buf, size_t len, int64_t off)
{
	const struct iovec all = { buf, len };

	return syscall(SYS_preadv, fd, &all, 1, (long)off, (long)(off >> 32));
}

/* By the call itself, the only one by which the decoder may read what it is given. Where a register
 * has 32 bits, arm puts the halves of the offset into an even pair. */
static inline ssize_t raw_pread_given(int fd, void *buf, size_t len, int64_t off)
{
#if defined(__LP64__)
	return syscall(SYS_pread64, fd, buf, len, off);
#elif defined(__arm__)
	return syscall(SYS_pread64, fd, buf, len, 0, (long)off, (long)(off >> 32));
#else
	return syscall(SYS_pread64, fd, buf, len, (long)off, (long)(off >> 32));
#endif
}

static inline ssize_t raw_pwrite(int fd, const void *buf, size_t len, int64_t off)
{
	const struct iovec all = { (void *)(uintptr_t)buf, len };

	return syscall(SYS_pwritev, fd, &all, 1, (long)off, (long)(off >> 32));
}

/* Forever where us is negative. */
static inline int raw_poll(struct pollfd *fds, nfds_t n, int64_t us)
{
	const struct timespec ts = { us / 1000000, us % 1000000 * 1000 };

	return ppoll(fds, n, us < 0 ? NULL : &ts, NULL);
}

static inline int raw_sleep(const struct timespec *time, struct timespec *rest)
{
	errno = clock_nanosleep(CLOCK_MONOTONIC, 0, time, rest);
	return errno == 0 ? 0 : -1;
}

static inline int raw_clock(clockid_t id, struct timespec *ts)
{
#ifdef SYS_clock_gettime64
	return (int)syscall(SYS_clock_gettime64, id, ts);
#else
	return (int)syscall(SYS_clock_gettime, id, ts);
#endif
}

static inline int raw_fcntl(int fd, int cmd, long arg)
{
#ifdef SYS_fcntl64
	return (int)syscall(SYS_fcntl64, fd, cmd, arg);
#else
	return (int)syscall(SYS_fcntl, fd, cmd, arg);
#endif
}

static inline int raw_stat(int at, const char *name, struct stat *st, int flags)
{
	const int how = O_PATH | O_CLOEXEC | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0);
	int fd = openat(at, name, how), rc = fd < 0 ? -1 : fstat(fd, st);

	if (fd >= 0)
		close(fd);
	return rc;
}
