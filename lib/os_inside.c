/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os_inside.h"

#include "lib/os.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of linux/openat2.h, which older headers lack. */
#define IN_ROOT	 0x10 /* RESOLVE_IN_ROOT */
#define NO_MAGIC 0x02 /* RESOLVE_NO_MAGICLINKS */

#define TRIES	   200 /* a millisecond apart */
#define FOLLOW_MAX 16  /* symbolic links behind each other */
#define EXEC_BITS  (S_IXUSR | S_IXGRP | S_IXOTH)

int os_inside_open(const char *root, const char *path, int flags)
{
	/* struct open_how */
	uint64_t how[3] = { (uint64_t)flags, 0, IN_ROOT | NO_MAGIC };
	int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = dir, errnum;

	/* A rename or a mount anywhere makes Linux give a path with ".." up: openat2(2). */
	for (int i = 0; dir >= 0 && i < TRIES; i++) {
		fd = (int)syscall(SYS_openat2, dir, path, how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
		os_sleep_ms(1);
		errno = EAGAIN;
	}
	errnum = errno;
	os_close(&dir);
	errno = errnum;
	return fd;
}

static bool is_executable(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_mode & EXEC_BITS;
}

bool os_executable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && is_executable(&st);
}

/*
 * For kernels before 5.6, or busy ones: follows the links of the last part of the name only. Links
 * to folders are nearly always relative in a root file system, and so stay inside.
 */
static bool executable_in_old(const char *root, const char *path)
{
	char at[512], link[256], full[800];
	struct stat st;

	snprintf(at, sizeof(at), "%s", path);
	for (int i = 0; i < FOLLOW_MAX; i++) {
		ssize_t n;

		if (snprintf(full, sizeof(full), "%s/%s", root, at) >= (int)sizeof(full) ||
		    lstat(full, &st) < 0)
			return false;
		if (!S_ISLNK(st.st_mode))
			return is_executable(&st);
		n = readlink(full, link, sizeof(link) - 1);
		if (n < 0)
			return false;
		link[n] = '\0';
		if (link[0] == '/')
			at[0] = '\0';
		else if (strrchr(at, '/') != NULL)
			strrchr(at, '/')[1] = '\0';
		else
			at[0] = '\0';
		if (strlen(at) + strlen(link) >= sizeof(at))
			return false;
		memcpy(at + strlen(at), link, strlen(link) + 1);
	}
	return false;
}

bool os_executable_in(const char *root, const char *path)
{
	KB_CLEANUP_FD int fd = os_inside_open(root, path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EAGAIN))
		return executable_in_old(root, path);
	return fd >= 0 && fstat(fd, &st) == 0 && is_executable(&st);
}
