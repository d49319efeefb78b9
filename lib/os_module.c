/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: modules. Each is loaded by a child: the init of a driver runs in the
 * process that loads it, and may hang or crash there. */
#include "lib/os.h"
#include "lib/os_proc.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COMPRESSED 4 /* MODULE_INIT_COMPRESSED_FILE, which older headers lack */

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

static bool answer(int fd, int errnum)
{
	return write(fd, &errnum, sizeof(errnum)) == (ssize_t)sizeof(errnum);
}

/* It may stay forever: then it holds neither the watchdog nor the console. */
static void load_and_exit(const char *path, const char *params, int fd)
{
	if (dup2(fd, 0) != 0)
		_exit(1);
	os_proc_close_from(1);
	_exit(answer(0, load(path, params)) ? 0 : 1);
}

/* The child's end is noticed by the next os_wait(). */
enum kb_err os_module_begin(const char *path, const char *params, int *fd)
{
	int fds[2];
	pid_t pid;

	*fd = -1;
	if (os_pipe(fds) != KB_OK)
		return result_of(load(path, params));
	pid = fork();
	if (pid == 0)
		load_and_exit(path, params, fds[1]);
	if (pid < 0 && !answer(fds[1], load(path, params)))
		errno = 0; /* then it counts as one that crashed */
	util_close(&fds[1]);
	*fd = fds[0];
	return KB_OK;
}

enum kb_err os_module_end(int *fd)
{
	int errnum = EFAULT;
	ssize_t n = read(*fd, &errnum, sizeof(errnum));

	if (n < 0 && errno == EAGAIN)
		errnum = ETIMEDOUT;
	else if (n != (ssize_t)sizeof(errnum))
		errnum = EFAULT;
	util_close(fd);
	return result_of(errnum);
}

enum kb_err os_finit_module(const char *path, const char *params)
{
	enum kb_err err;
	bool ready;
	int fd;

	err = os_module_begin(path, params, &fd);
	if (fd < 0)
		return err;
	(void)!os_poll(&fd, &ready, 1, OS_MODULE_MS); /* the end tells what became of it */
	return os_module_end(&fd);
}

unsigned os_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}
