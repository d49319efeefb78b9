/* SPDX-License-Identifier: Apache-2.0 */
#include "libkeelboot/keelboot_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_FD 3

struct pipes {
	int from[KEELBOOT_CHILD_ENDS], to[KEELBOOT_CHILD_ENDS];
	/* for its standard input */
	int null;
};

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_pipes(struct pipes *p)
{
	for (int i = 0; i < KEELBOOT_CHILD_ENDS; i++) {
		close_end(&p->from[i]);
		close_end(&p->to[i]);
	}
	close_end(&p->null);
}

/* Out of the way of the three standard descriptors, which a daemon may have closed. */
static bool lift(int *fd)
{
	int high;

	if (*fd > STDERR_FILENO)
		return true;
	high = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (high >= 0) {
		close(*fd);
		*fd = high;
	}
	return high >= 0;
}

static bool open_pipe(int *from, int *to)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	*from = ends[0];
	*to = ends[1];
	return lift(from) && lift(to) && fcntl(*from, F_SETFL, O_NONBLOCK) == 0;
}

static int open_pipes(struct pipes *p)
{
	int err = 0;

	*p = (struct pipes){ { -1, -1, -1 }, { -1, -1, -1 }, -1 };
	p->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (p->null < 0 || !lift(&p->null))
		err = -errno;
	for (int i = 0; err == 0 && i < KEELBOOT_CHILD_ENDS; i++)
		if (!open_pipe(&p->from[i], &p->to[i]))
			err = -errno;
	if (err != 0)
		close_pipes(p);
	return err;
}

/* From here on in a copy of a process that may have had threads: only what a handler of signals may
 * call. */
static void reset_signals(void)
{
	/* As the kernel has it: glibc's sigaction() refuses the two signals that it keeps for
	 * itself, and those may be ignored as well. All zero is SIG_DFL, and no
	 * processor has a larger one. */
	static const unsigned long usual[8];
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		syscall(SYS_rt_sigaction, sig, usual, NULL, NSIG / 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void become(const struct pipes *p, char *const *argv)
{
	char *const environment[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };

	if (dup2(p->null, STDIN_FILENO) >= 0 &&
	    dup2(p->to[KEELBOOT_CHILD_OUTPUT], STDOUT_FILENO) >= 0 &&
	    dup2(p->to[KEELBOOT_CHILD_MESSAGES], STDERR_FILENO) >= 0) {
		/* What the application has open is not for the command. Linux before 5.9 leaves it.
		 */
		syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0u);
		reset_signals();
		execve(argv[0], argv, environment);
	}
	_exit(KEELBOOT_CHILD_NOT_STARTED);
}

/* The signal that ends the command comes to whoever reports its end, too. */
static void outlive_command(void)
{
	struct sigaction ignored = { .sa_handler = SIG_IGN };

	reset_signals();
	sigaction(SIGTERM, &ignored, NULL);
	sigaction(SIGPIPE, &ignored, NULL);
}

static _Noreturn void stand_between(const struct pipes *p, char *const *argv)
{
	int status = 0;
	pid_t command, ended;

	setpgid(0, 0);
	outlive_command();
	command = _Fork();
	if (command == 0)
		become(p, argv);
	if (command < 0 || dup2(p->to[KEELBOOT_CHILD_STATUS], STATUS_FD) < 0)
		_exit(1);
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	syscall(SYS_close_range, STATUS_FD + 1, ~0u, 0u);
	do
		ended = waitpid(command, &status, 0);
	while (ended < 0 && errno == EINTR);
	if (ended != command || write(STATUS_FD, &status, sizeof(status)) != sizeof(status))
		_exit(1);
	_exit(0);
}

/* Not fork(): its handlers are the application's, and may wait for a lock. No signal may come
 * before the handlers are gone. */
static pid_t fork_between(const struct pipes *p, char *const *argv)
{
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = _Fork();
	if (pid == 0)
		stand_between(p, argv);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pid;
}

int keelboot_child_start(struct keelboot_child *c, char *const *argv)
{
	struct pipes p;
	int err = open_pipes(&p);

	if (err != 0)
		return err;
	c->pid = fork_between(&p, argv);
	if (c->pid < 0) {
		err = -errno;
		close_pipes(&p);
		return err;
	}
	/* Whoever comes first: a signal for the group must not find none. */
	(void)!setpgid(c->pid, c->pid);
	for (int i = 0; i < KEELBOOT_CHILD_ENDS; i++) {
		c->end[i] = p.from[i];
		p.from[i] = -1;
	}
	close_pipes(&p);
	return 0;
}

void keelboot_child_forget(struct keelboot_child *c)
{
	pid_t ended;

	for (int i = 0; i < KEELBOOT_CHILD_ENDS; i++)
		close_end(&c->end[i]);
	/* ECHILD where the application does not want to hear of children, or was faster. */
	do
		ended = waitpid(c->pid, NULL, 0);
	while (ended < 0 && errno == EINTR);
}
