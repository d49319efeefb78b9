/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: modules. Each is loaded by a child: the init of a driver runs in the
 * process that loads it, and may hang or crash there. */
#include "lib/os.h"
#include "lib/os_proc.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COMPRESSED 4	/* MODULE_INIT_COMPRESSED_FILE, which older headers lack */
#define INIT_MS	   4000 /* below what a watchdog counts */

static bool is_compressed(const char *path)
{
	size_t len = strlen(path);

	return len < 3 || strcmp(path + len - 3, ".ko") != 0;
}

/* Answers errno, and 0. */
static int load(const char *path, const char *params)
{
	KB_CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	if (syscall(SYS_finit_module, fd, params, is_compressed(path) ? COMPRESSED : 0) == 0 ||
	    errno == EEXIST)
		return 0;
	return errno;
}

static enum kb_err result_of(int errnum)
{
	errno = errnum;
	return errnum == 0 ? KB_OK : err_errno(errnum);
}

/* It may stay forever: then it holds neither the watchdog nor the console. */
static void load_and_exit(const char *path, const char *params, int fd)
{
	int errnum;

	if (dup2(fd, 0) != 0)
		_exit(1);
	os_proc_close_from(1);
	errnum = load(path, params);
	_exit(write(0, &errnum, sizeof(errnum)) == (ssize_t)sizeof(errnum) ? 0 : 1);
}

/* The answer of a child that may never give one. Its end is noticed by the next os_wait(). */
static enum kb_err await_load(int fd)
{
	int errnum;
	bool ready;

	if (os_poll(&fd, &ready, 1, INIT_MS) == KB_ETIMEDOUT) {
		errno = ETIMEDOUT;
		return KB_ETIMEDOUT;
	}
	return result_of(read(fd, &errnum, sizeof(errnum)) == (ssize_t)sizeof(errnum) ? errnum
										      : EFAULT);
}

enum kb_err os_finit_module(const char *path, const char *params)
{
	enum kb_err err;
	int fds[2];
	pid_t pid;

	if (os_pipe(fds) != KB_OK)
		return result_of(load(path, params));
	pid = fork();
	if (pid == 0)
		load_and_exit(path, params, fds[1]);
	util_close(&fds[1]);
	err = pid > 0 ? await_load(fds[0]) : result_of(load(path, params));
	util_close(&fds[0]);
	return err;
}
