/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/host_files.h"

#include "lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- the real end */

/* lib/os_file.o once more, with other names: see the Makefile. */
#define DECLARE(op, call) __typeof__(os_file_##call) real_os_file_##call;
HOST_FILES_CALLS(DECLARE)
DECLARE(FORGET, forget)
DECLARE(HASTEN, hasten)
DECLARE(SEQUENTIAL, sequential)

/* ---------------------------------------------------------------- what a simulation says */

static const struct host_files nothing, *host = &nothing;

void host_files_use(const struct host_files *h)
{
	host = h != NULL ? h : &nothing;
}

const char *host_files_name(enum host_files_op op)
{
#define NAME(op, call) "file_" #call,
	static const char *const names[HOST_FILES_OPS] = { HOST_FILES_CALLS(NAME) };

	return names[op];
}

const char *host_files_of(int fd)
{
	static char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

void host_files_path(int fd, char path[HOST_FILES_PATH])
{
	ssize_t n = readlink(host_files_of(fd), path, HOST_FILES_PATH - 1);

	path[n < 0 ? 0 : n] = '\0';
}

static void put_path(char out[HOST_FILES_PATH], const char *path)
{
	const char *there = host->place != NULL ? host->place(path) : NULL;

	snprintf(out, HOST_FILES_PATH, "%s", there != NULL ? there : path);
}

static void put_name(char out[HOST_FILES_PATH], int dir, const char *name)
{
	size_t len;

	host_files_path(dir, out);
	len = strlen(out);
	snprintf(out + len, HOST_FILES_PATH - len, "/%s", name);
}

static enum kb_err begin(struct host_files_call *c)
{
	int errnum = host->before != NULL ? host->before(c) : 0;

	if (errnum != 0)
		errno = errnum;
	return err_errno(errnum);
}

static enum kb_err end(struct host_files_call *c, enum kb_err err)
{
	int was = err == KB_OK ? 0 : errno, now = was;

	if (host->after != NULL)
		now = host->after(c, was);
	errno = now;
	return now == was ? err : err_errno(now);
}

/* A call that gives a descriptor. */
static enum kb_err end_open(struct host_files_call *c, enum kb_err err, int *fd)
{
	if (err == KB_OK)
		c->fd = *fd;
	err = end(c, err);
	if (err != KB_OK)
		util_close(fd);
	return err;
}

/*
 * A call that only goes on to the real one. subject: the open file or folder that it is about; -1:
 * none. The rest fills in where the names of the call lie on this machine.
 */
#define CALL(OP, call, parameters, subject, arguments, ...)                          \
	enum kb_err os_file_##call parameters                                        \
	{                                                                            \
		struct host_files_call c = { .op = HOST_FILES_##OP, .fd = subject }; \
                                                                                     \
		__VA_ARGS__;                                                         \
		TRY(begin(&c));                                                      \
		return end(&c, c.left_out ? KB_OK : real_os_file_##call arguments);  \
	}

/* The same of one that opens something: *opened. */
#define OPENS(OP, call, parameters, subject, opened, arguments, ...)                 \
	enum kb_err os_file_##call parameters                                        \
	{                                                                            \
		struct host_files_call c = { .op = HOST_FILES_##OP, .fd = subject }; \
                                                                                     \
		*(opened) = -1;                                                      \
		__VA_ARGS__;                                                         \
		TRY(begin(&c));                                                      \
		return end_open(&c, real_os_file_##call arguments, opened);          \
	}

/* ---------------------------------------------------------------- folders */

OPENS(FOLDER, folder, (const char *path, int *dir), -1, dir, (c.path, dir), put_path(c.path, path))
OPENS(REOPEN, reopen, (int dir, int *again), dir, again, (dir, again))
CALL(ENTER, enter, (int *dir, const char *name), *dir, (dir, name), put_name(c.path, *dir, name))
CALL(MKDIR, mkdir, (int dir, const char *name, unsigned mode), dir, (dir, name, mode),
     put_name(c.path, dir, name))
CALL(RENAME, rename, (int dir, const char *from, const char *to), dir, (dir, from, to),
     put_name(c.path, dir, from), put_name(c.to, dir, to))
CALL(SWAP, swap, (int dir, const char *one, const char *other), dir, (dir, one, other),
     put_name(c.path, dir, one), put_name(c.to, dir, other))
CALL(UNLINK, unlink, (int dir, const char *name), dir, (dir, name), put_name(c.path, dir, name))
CALL(REPLACE, replace, (const char *from, const char *to), -1, (c.path, c.to),
     put_path(c.path, from), put_path(c.to, to))
CALL(LOOK, look, (const char *path, struct os_file_at *at), -1, (c.path, at),
     put_path(c.path, path))

enum kb_err os_file_next(struct os_file_names *n, char name[OS_FILE_NAME_MAX + 1])
{
	struct host_files_call c = { .op = HOST_FILES_NEXT, .fd = n->dir };
	enum kb_err err;

	TRY(begin(&c));
	err = real_os_file_next(n, name);
	return err == KB_ENOENT ? err : end(&c, err); /* which is no error, and has no errno */
}

/* ---------------------------------------------------------------- opening files */

OPENS(OPEN, open, (int dir, const char *name, int *fd), dir, fd, (dir, name, fd),
      put_name(c.path, dir, name))
OPENS(OPEN_PATH, open_path, (const char *path, int *fd), -1, fd, (c.path, fd),
      put_path(c.path, path))
OPENS(CREATE, create, (int dir, const char *name, int *fd), dir, fd, (dir, name, fd),
      put_name(c.path, dir, name))
OPENS(CHANGE, change, (int dir, const char *name, int *fd), dir, fd, (dir, name, fd),
      put_name(c.path, dir, name))
OPENS(PRIVATE, private, (int dir, const char *name, int *fd), dir, fd, (dir, name, fd),
      put_name(c.path, dir, name))
OPENS(DUP, dup, (int fd, int *other), fd, other, (fd, other))
OPENS(MEMORY, memory, (const void *buf, size_t len, int *fd), -1, fd, (buf, len, fd))

enum kb_err os_file_device(const char *path, int *fd)
{
	struct host_files_call c = { .op = HOST_FILES_DEVICE, .fd = -1 };
	enum kb_err err;

	*fd = -1;
	put_path(c.path, path);
	err = begin(&c);
	if (err != KB_OK)
		return err == KB_ENOENT ? KB_ENODEV : err;
	return end_open(&c, real_os_file_device(c.path, fd), fd);
}

/* ---------------------------------------------------------------- open files */

CALL(SIZE, size, (int fd, uint64_t *bytes), fd, (fd, bytes))
CALL(RESERVE, reserve, (int fd, uint64_t len), fd, (fd, len), c.len = (size_t)len)
CALL(CUT, cut, (int fd, uint64_t len), fd, (fd, len), c.len = (size_t)len)
CALL(SYNC, sync, (int fd), fd, (fd))

enum os_file_kind os_file_kind(int fd)
{
	struct host_files_call c = { .op = HOST_FILES_KIND, .fd = fd };

	return begin(&c) == KB_OK ? real_os_file_kind(fd) : OS_FILE_CLOSED;
}

bool os_file_is(int fd, int dir, const char *name)
{
	struct host_files_call c = { .op = HOST_FILES_IS, .fd = fd };

	put_name(c.path, dir, name);
	return begin(&c) == KB_OK && real_os_file_is(fd, dir, name);
}

enum kb_err os_file_read(int fd, uint64_t off, void *buf, size_t len, size_t *got)
{
	*got = 0;
	while (*got < len) {
		struct host_files_call c = { .op = HOST_FILES_READ,
					     .fd = fd,
					     .off = off + *got,
					     .into = (uint8_t *)buf + *got,
					     .len = len - *got };
		enum kb_err err = KB_OK;

		TRY(begin(&c));
		if (!c.left_out)
			err = real_os_file_read(fd, c.off, c.into, c.len, &c.got);
		TRY(end(&c, err));
		*got += c.got;
		if (c.got < c.len)
			break;
	}
	return KB_OK;
}

enum kb_err os_file_write(int fd, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	while (len > 0) {
		struct host_files_call c = {
			.op = HOST_FILES_WRITE, .fd = fd, .from = p, .len = len
		};

		TRY(begin(&c));
		TRY(end(&c, real_os_file_write(fd, c.from, c.len)));
		p += c.len;
		len -= c.len;
	}
	return KB_OK;
}

/* Advice: nothing comes of it when it fails. */
void os_file_forget(int fd)
{
	real_os_file_forget(fd);
}

void os_file_hasten(int fd)
{
	real_os_file_hasten(fd);
}

void os_file_sequential(int fd)
{
	real_os_file_sequential(fd);
}
