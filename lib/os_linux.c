/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: time, files, descriptors. */
#include "lib/os.h"

#include "lib/os_dirent.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NAME_SIZE 64 /* of os_list() */
#define POLL_MAX  64

static uint64_t clock_ms(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t os_now_ms(void)
{
	return clock_ms(CLOCK_BOOTTIME);
}

uint64_t os_time_s(void)
{
	return clock_ms(CLOCK_REALTIME) / 1000;
}

void os_sleep_ms(unsigned ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

/* Not blocking: it may be a pipe without a writer. */
static int open_to_read(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static enum kb_err read_on(int fd, char *buf, size_t size, size_t *len)
{
	size_t used = 0;

	if (size == 0)
		return KB_EINVAL;
	buf[0] = '\0';
	if (len != NULL)
		*len = 0;
	if (fd < 0)
		return err_errno(errno);
	while (used < size - 1) {
		ssize_t n = read(fd, buf + used, size - 1 - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			buf[0] = '\0';
			return err_errno(errno);
		}
		if (n == 0)
			break;
		used += (size_t)n;
	}
	buf[used] = '\0';
	if (len != NULL)
		*len = used;
	return KB_OK;
}

enum kb_err os_read_file(const char *path, char *buf, size_t size, size_t *len)
{
	KB_CLEANUP_FD int fd = open_to_read(path);

	return read_on(fd, buf, size, len);
}

enum kb_err os_read_end(const char *path, char *buf, size_t size, size_t *len)
{
	KB_CLEANUP_FD int fd = open_to_read(path);
	struct stat st;

	if (size > 0 && fd >= 0 && fstat(fd, &st) == 0 && st.st_size > (off_t)size - 1)
		(void)lseek(fd, st.st_size - ((off_t)size - 1), SEEK_SET);
	return read_on(fd, buf, size, len);
}

enum kb_err os_write_file(const char *path, const char *text, size_t len)
{
	KB_CLEANUP_FD int fd =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);

	if (fd < 0)
		return err_errno(errno);
	while (len > 0) {
		/* One write as long as it goes: what /proc and /sys take is not to be split. */
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? err_errno(errno) : KB_EIO;
		text += n;
		len -= (size_t)n;
	}
	return KB_OK;
}

enum kb_err os_open(const char *path, int flags, int *fd)
{
	*fd = open(path, flags | O_CLOEXEC | O_NOCTTY, 0644);
	return *fd < 0 ? err_errno(errno) : KB_OK;
}

void os_close(int *fd)
{
	util_close(fd);
}

enum kb_err os_mkdir(const char *path, unsigned mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return KB_OK;
	if (errno != EEXIST)
		return err_errno(errno);
	if (stat(path, &st) < 0)
		return err_errno(errno);
	if (S_ISDIR(st.st_mode))
		return KB_OK;
	errno = ENOTDIR;
	return KB_EIO;
}

enum kb_err os_unlink(const char *path)
{
	return unlink(path) < 0 ? err_errno(errno) : KB_OK;
}

enum kb_err os_rename(const char *from, const char *to)
{
	return rename(from, to) < 0 ? err_errno(errno) : KB_OK;
}

bool os_exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

bool os_is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

enum kb_err os_readlink(const char *path, char *buf, size_t size)
{
	ssize_t n;

	if (size == 0)
		return KB_EINVAL;
	buf[0] = '\0';
	n = readlink(path, buf, size);
	if (n < 0)
		return err_errno(errno);
	if ((size_t)n >= size) {
		buf[0] = '\0';
		errno = ENAMETOOLONG;
		return KB_ENOSPC;
	}
	buf[n] = '\0';
	return KB_OK;
}

/* Puts a name into its place; the last one of a full table gives way. */
static void insert_name(char (*names)[NAME_SIZE], unsigned max, unsigned *n, const char *name)
{
	unsigned at = *n, move;

	while (at > 0 && strcmp(names[at - 1], name) > 0)
		at--;
	if (at == max)
		return;
	move = *n < max ? *n - at : max - 1 - at;
	memmove(names[at + 1], names[at], (size_t)move * NAME_SIZE);
	snprintf(names[at], NAME_SIZE, "%.*s", NAME_SIZE - 1, name);
	if (*n < max)
		(*n)++;
}

enum kb_err os_each(const char *path, os_visit_fn visit, void *ctx)
{
	KB_CLEANUP_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char buf[4096] __attribute__((aligned(8)));

	if (fd < 0)
		return err_errno(errno);
	for (;;) {
		long got = syscall(SYS_getdents64, fd, buf, sizeof(buf));

		if (got < 0)
			return err_errno(errno);
		if (got == 0)
			return KB_OK;
		for (long at = 0; at < got;) {
			const struct os_dirent *d = (const void *)(buf + at);

			at += d->reclen;
			if (strcmp(d->name, ".") != 0 && strcmp(d->name, "..") != 0)
				TRY(visit(ctx, d->name));
		}
	}
}

struct name_list {
	char (*names)[NAME_SIZE];
	unsigned max, *n;
};

static enum kb_err list_name(void *ctx, const char *name)
{
	const struct name_list *l = ctx;

	insert_name(l->names, l->max, l->n, name);
	return KB_OK;
}

enum kb_err os_list(const char *path, char (*names)[NAME_SIZE], unsigned max, unsigned *n)
{
	struct name_list list = { names, max, n };

	*n = 0;
	return os_each(path, list_name, &list);
}

enum kb_err os_lock(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return KB_OK;
	return errno == EINTR ? KB_EBUSY : err_errno(errno);
}

void os_unlock(int fd)
{
	flock(fd, LOCK_UN);
}

enum kb_err os_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC) < 0) {
		fds[0] = fds[1] = -1;
		return err_errno(errno);
	}
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0)
		return KB_OK;
	os_close(&fds[0]);
	os_close(&fds[1]);
	return KB_EIO;
}

enum kb_err os_poll(const int *fds, bool *ready, unsigned n, unsigned timeout_ms)
{
	uint64_t end = os_now_ms() + (timeout_ms > INT32_MAX ? INT32_MAX : timeout_ms), now;
	struct pollfd p[POLL_MAX];
	int got;

	if (n > POLL_MAX)
		return KB_EINVAL;
	for (unsigned i = 0; i < n; i++) {
		p[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
		ready[i] = false;
	}
	do {
		now = os_now_ms();
		got = poll(p, n, now < end ? (int)(end - now) : 0);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_errno(errno);
	for (unsigned i = 0; i < n; i++)
		ready[i] = p[i].revents != 0;
	return got > 0 ? KB_OK : KB_ETIMEDOUT;
}

enum kb_err os_read(int fd, void *buf, size_t size, size_t *len)
{
	ssize_t n;

	*len = 0;
	do {
		n = read(fd, buf, size);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(errno);
	*len = (size_t)n;
	return KB_OK;
}

void os_stdio(void)
{
	int fd;

	do {
		fd = open("/dev/console", O_RDWR | O_NOCTTY);
		if (fd < 0)
			fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= 2);
	util_close(&fd);
}

bool os_is_init(void)
{
	return getpid() == 1;
}
