/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder of the test's own, and what the test puts there. Names are relative to it:
 *
 *	folder_make();
 *	folder_put("etc/keelboot/system.conf", "[system]\n");
 *	OK(conf_load(&conf, folder));
 *	folder_remove();
 */
#pragma once

#include "tests/unit/test.h"

#include <sys/uio.h>

#define FOLDER_PATHS 8	  /* that may be in use at once */
#define FOLDER_DEEP  4200 /* the room for the path of folder_deep() */

static char folder[64];

static inline const char *folder_at(const char *name)
{
	static char path[FOLDER_PATHS][512];
	static unsigned n;

	n = (n + 1) % FOLDER_PATHS;
	snprintf(path[n], sizeof(path[n]), "%.63s/%.400s", folder, name);
	return path[n];
}

/* A command of the shell, in the folder. */
static inline __attribute__((format(printf, 1, 2))) void folder_run(const char *fmt, ...)
{
	char line[1024];
	int n = snprintf(line, sizeof(line), "cd %s && ", folder);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	if (system(line) != 0)
		fail_msg("%s", line);
}

/* What a pwrite() of the test's own writes by. How the system call takes an offset of 64 bits
 * differs where a register has 32. */
static inline ssize_t folder_pwrite(int fd, const void *buf, size_t len, off_t off)
{
	struct iovec all = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };

	return pwritev(fd, &all, 1, off);
}

static inline void folder_make(void)
{
	snprintf(folder, sizeof(folder), "/tmp/keelboot-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
}

static inline void folder_remove(void)
{
	folder_run("rm -rf %s", folder);
}

static inline void folder_bytes(const char *name, const void *data, size_t len)
{
	int fd = open(folder_at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static inline void folder_put(const char *name, const char *text)
{
	folder_bytes(name, text, strlen(text));
}

/* A file of zeroes. */
static inline void folder_blank(const char *name, uint64_t size)
{
	folder_put(name, "");
	assert_int_equal(truncate(folder_at(name), (off_t)size), 0);
}

/* Makes a folder below it whose path has so many bytes, and opens it. */
static inline int folder_deep(char deep[FOLDER_DEEP], size_t len)
{
	char *end = deep + sprintf(deep, "%s", folder);
	int fd;

	while (end < deep + len) {
		int left = (int)(deep + len - end), n = left > 102 ? 100 : left - 1;

		end += sprintf(end, "/%.*d", n, 0);
		assert_int_equal(mkdir(deep, 0700), 0);
	}
	fd = open(deep, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}
