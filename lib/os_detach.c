/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: a process that outlives the boot. */
#include "lib/os.h"
#include "lib/os_proc.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST	3
#define FDS_MAX 16
#define AWAY	64 /* where descriptors wait until their numbers are free */

/* fds[i] becomes descriptor 3 + i, all others but err_fd are closed, err_fd gets another number. */
static int arrange_fds(const int *fds, unsigned n, int err_fd)
{
	int away[FDS_MAX], err, null;

	for (unsigned i = 0; i < n; i++)
		away[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, AWAY);
	err = fcntl(err_fd, F_DUPFD_CLOEXEC, AWAY);
	for (unsigned i = 0; i < n; i++) {
		close(FIRST + (int)i);
		if (away[i] >= 0 && dup2(away[i], FIRST + (int)i) < 0)
			return -1;
	}
	/* The console is not held: who owns it later must be able to hang it up. */
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		return -1;
	err = dup3(err, FIRST + (int)n, O_CLOEXEC);
	os_proc_close_from(FIRST + (int)n + 1);
	return err;
}

/* In the child. Every signal stays blocked: the program unblocks what it wants to hear. */
static void exec_program(const char *path, const char *const *argv, const int *fds, unsigned n,
			 int err_fd)
{
	static const char *const none[] = { NULL };
	sigset_t all;
	int err;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid();
	err = arrange_fds(fds, n, err_fd);
	if (err >= 0 && chdir("/") == 0)
		execve(path, (char *const *)argv, (char *const *)none);
	if (write(err >= 0 ? err : err_fd, &errno, sizeof(errno)) < 0)
		_exit(126);
	_exit(127);
}

enum kb_err os_detach(const char *path, const char *const *argv, const int *fds, unsigned n,
		      pid_t *pid)
{
	int fd[2], errnum;

	*pid = -1;
	if (n > FDS_MAX)
		return KB_EINVAL;
	if (pipe2(fd, O_CLOEXEC) < 0)
		return KB_EEXEC;
	*pid = fork();
	if (*pid == 0)
		exec_program(path, argv, fds, n, fd[1]);
	errnum = *pid < 0 ? errno : 0;
	close(fd[1]);
	if (*pid > 0)
		errnum = os_proc_started(fd[0]);
	close(fd[0]);
	if (*pid > 0 && errnum == 0)
		return KB_OK;
	if (*pid > 0)
		os_proc_discard(*pid);
	*pid = -1;
	errno = errnum;
	return KB_EEXEC;
}
