/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: starting, awaiting and ending processes. */
#include "lib/os_proc.h"

#include "lib/os.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN_MAX 32
#define KILL_WAIT_MS 5000
#define EXEC_WAIT_MS 10000 /* a program on a disk that stalls may never be read */
#define SYNC_WAIT_MS 5000
#define LAST_FD	     1024 /* to close, where the kernel has no close_range() */

/* Children that nobody has waited for: waitpid(-1) of process 1 may meet them beside strangers. */
static struct child {
	/* 0: free */
	pid_t pid;
	bool done;
	int status;
} children[CHILDREN_MAX];

static struct child *find_child(pid_t pid)
{
	for (unsigned i = 0; i < CHILDREN_MAX; i++) {
		if (children[i].pid == pid)
			return &children[i];
	}
	return NULL;
}

void os_proc_close_from(int from)
{
	if (syscall(SYS_close_range, (unsigned)from, ~0u, 0u) == 0)
		return;
	for (int fd = from; fd < LAST_FD; fd++)
		close(fd);
}

/* dup2() that also works, and clears close-on-exec, when both are the same. */
static bool move_fd(int from, int to)
{
	if (from == to)
		return fcntl(to, F_SETFD, 0) == 0;
	return dup2(from, to) == to;
}

/* Never waits for a modem that is missing. It becomes the session's, unless another has it. */
static bool child_tty(const char *tty)
{
	int fd = open(tty, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fcntl(fd, F_SETFL, O_RDWR) < 0)
		return false;
	ioctl(fd, TIOCSCTTY, 0);
	return move_fd(fd, 0) && move_fd(fd, 1) && move_fd(fd, 2);
}

/* Descriptors 0 to 3; fd3 has been moved out of their way. */
static bool child_fds(const struct os_spawn *sp, int fd3, bool of_init)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), out = -1;

	if (sp->tty != NULL) {
		close(3);
		/* lint: resourceLeak: closed by exec, or by the end of the process */
		return child_tty(sp->tty) && (fd3 < 0 || move_fd(fd3, 3));
	}
	if (sp->capture)
		out = fd3;
	else if (of_init)
		out = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (sp->capture && out < 0)
		out = null;
	if (out >= 0 && (!move_fd(out, 1) || !move_fd(out, 2)))
		/* lint: resourceLeak: closed by the end of the process */
		return false;
	if (null >= 0 && !move_fd(null, 0))
		return false;
	if (fd3 < 0 || sp->capture) {
		close(3);
		return true;
	}
	return move_fd(fd3, 3);
}

static void default_signals(void)
{
	/* As the kernel has it: glibc's sigaction() refuses the two signals that it keeps for
	 * itself, and those may be ignored as well. All zero is SIG_DFL, and no
	 * processor has a larger one. */
	static const unsigned long kernel_sigaction[8];
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		syscall(SYS_rt_sigaction, sig, kernel_sigaction, NULL, NSIG / 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void be_guest(void)
{
	static const char first[] = "1000";
	struct rlimit file = { OS_SPAWN_FILE_MAX, OS_SPAWN_FILE_MAX };
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	setrlimit(RLIMIT_FSIZE, &file);
	/* Without it the kernel still kills it before process 1, which it never does. */
	if (fd >= 0 && write(fd, first, sizeof(first) - 1) < 0)
		errno = 0;
	if (fd >= 0)
		close(fd);
}

static void limit_child(const struct os_spawn *sp)
{
	struct rlimit core = { 0, 0 }, cpu = { sp->cpu_s, sp->cpu_s };

	setrlimit(RLIMIT_CORE, &core);
	if (sp->cpu_s != 0)
		setrlimit(RLIMIT_CPU, &cpu);
	if (sp->guest)
		be_guest();
}

/* The end of a child that cannot start its program. */
__attribute__((noreturn)) static void say_errno(int fd)
{
	_exit(write(fd, &errno, sizeof(errno)) < 0 ? 126 : 127);
}

/* In the child. Only what is safe after fork(). is_init is process 1's: here getpid() is another.
 */
static void run_child(const struct os_spawn *sp, pid_t parent, int err_fd)
{
	static const char *const bare[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	int fd3 = -1, err = fcntl(err_fd, F_DUPFD_CLOEXEC, 10);

	if (err < 0)
		say_errno(err_fd);
	if (sp->fd3 >= 0)
		fd3 = fcntl(sp->fd3, F_DUPFD_CLOEXEC, 10);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	setsid();
	default_signals();
	limit_child(sp);
	if ((sp->fd3 < 0 || fd3 >= 0) && chdir("/") == 0 && child_fds(sp, fd3, parent == 1) &&
	    (sp->root == NULL || (chroot(sp->root) == 0 && chdir("/") == 0)) &&
	    (!sp->own_mounts || (unshare(CLONE_NEWNS) == 0 &&
				 mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0))) {
		if (err != 4 && dup3(err, 4, O_CLOEXEC) == 4)
			err = 4;
		os_proc_close_from(5);
		execve(sp->path, (char *const *)sp->argv,
		       (char *const *)(sp->envp != NULL ? sp->envp : bare));
	}
	if (write(err, &errno, sizeof(errno)) < 0)
		_exit(126);
	_exit(127);
}

int os_proc_started(int fd)
{
	uint64_t now = os_now_ms(), end = now + EXEC_WAIT_MS;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int errnum = 0, ready;
	ssize_t n = 0;

	do {
		ready = poll(&p, 1, (int)(end - now));
		if (ready > 0)
			n = read(fd, &errnum, sizeof(errnum));
		now = os_now_ms();
	} while ((ready < 0 || n < 0) && errno == EINTR && now < end);
	if (ready <= 0)
		return ETIMEDOUT;
	return n == (ssize_t)sizeof(errnum) ? errnum : 0;
}

void os_proc_discard(pid_t pid)
{
	uint64_t end = os_now_ms() + KILL_WAIT_MS;

	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, WNOHANG) == 0 && os_now_ms() < end)
		os_sleep_ms(5);
}

enum kb_err os_spawn(const struct os_spawn *sp, pid_t *pid)
{
	struct child *c = find_child(0);
	pid_t parent = getpid();
	int fds[2], errnum;

	*pid = -1;
	if (c == NULL)
		return KB_EBUSY;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return KB_EEXEC;
	*pid = fork();
	if (*pid == 0)
		run_child(sp, parent, fds[1]);
	errnum = errno;
	close(fds[1]);
	if (*pid > 0) {
		*c = (struct child){ .pid = *pid };
		errnum = os_proc_started(fds[0]);
	}
	close(fds[0]);
	if (*pid > 0 && errnum == 0)
		return KB_OK;
	if (*pid > 0) {
		os_proc_discard(*pid);
		c->pid = 0;
		*pid = -1;
	}
	errno = errnum;
	return KB_EEXEC;
}

/* Takes in whoever has ended. Only process 1 has strangers; elsewhere other code may have children
 * of its own. */
static void reap(struct child *c)
{
	int status;
	pid_t pid;

	for (;;) {
		pid = waitpid(os_is_init() ? -1 : c->pid, &status, WNOHANG);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid <= 0)
			return;
		for (unsigned i = 0; i < CHILDREN_MAX; i++) {
			if (children[i].pid != pid)
				continue;
			children[i].done = true;
			children[i].status = status;
		}
		if (c->done)
			return;
	}
}

/* Sleeps until the child ends, at most so long. */
static void await_end(pid_t pid, unsigned ms)
{
	KB_CLEANUP_FD int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (fd >= 0 && poll(&p, 1, (int)ms) >= 0)
		return;
	if (fd < 0 && errno != ESRCH)
		os_sleep_ms(ms < 5 ? ms : 5); /* before 5.3: nothing to wait on but time */
}

enum kb_err os_wait(pid_t pid, unsigned timeout_ms, int *status)
{
	uint64_t end = os_now_ms() + (timeout_ms > INT32_MAX ? INT32_MAX : timeout_ms), now;
	struct child *c = pid > 0 ? find_child(pid) : NULL;

	*status = 0;
	if (c == NULL)
		return KB_ECHILD;
	for (;;) {
		reap(c);
		if (c->done) {
			*status = c->status;
			*c = (struct child){ .pid = 0 };
			return KB_OK;
		}
		now = os_now_ms();
		if (now >= end)
			return KB_ETIMEDOUT;
		await_end(pid, (unsigned)(end - now));
	}
}

void os_forget(pid_t pid)
{
	struct child *c = pid > 0 ? find_child(pid) : NULL;

	if (c != NULL)
		*c = (struct child){ .pid = 0 };
}

/* As /proc/PID/stat has it: "PID (NAME) STATE PPID PGRP SESSION". */
bool os_proc_kin(const char *pid_name, pid_t *parent, pid_t *session)
{
	char path[80], text[256];
	const char *p;
	char *end;

	if (pid_name[0] < '1' || pid_name[0] > '9' || strlen(pid_name) > 10)
		return false;
	snprintf(path, sizeof(path), "/proc/%s/stat", pid_name);
	if (os_read_file(path, text, sizeof(text), NULL) != KB_OK)
		return false;
	p = strrchr(text, ')');
	if (p == NULL || strlen(p) < 5)
		return false;
	p += 4; /* ") S " */
	*parent = (pid_t)strtol(p, &end, 10);
	strtol(end, &end, 10);
	*session = (pid_t)strtol(end, &end, 10);
	return true;
}

void os_kill_begin(pid_t pid)
{
	static char names[1024][64]; /* more processes than that no boot has */
	pid_t parent, session;
	struct child *c;
	unsigned n;

	if (pid <= 1)
		return;
	c = find_child(pid);
	kill(-pid, SIGKILL);
	if (c != NULL && !c->done)
		kill(pid, SIGKILL);
	/* Those of the session that made process groups of their own. */
	if (os_list("/proc", names, KB_ARRAY_LEN(names), &n) != KB_OK)
		return;
	for (unsigned i = 0; i < n; i++) {
		if (os_proc_kin(names[i], &parent, &session) && session == pid)
			kill((pid_t)strtol(names[i], NULL, 10), SIGKILL);
	}
}

enum kb_err os_kill(pid_t pid)
{
	int status;
	enum kb_err err;

	os_kill_begin(pid);
	err = os_wait(pid, KILL_WAIT_MS, &status);
	if (err == KB_ETIMEDOUT)
		os_forget(pid);
	return err;
}

enum kb_err os_exec(const char *path, const char *const *argv, const char *const *envp)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(path, (char *const *)argv, (char *const *)envp);
	return KB_EEXEC;
}

void os_proc_sync(void)
{
	struct child *c = find_child(0);
	pid_t pid = c != NULL ? fork() : -1;
	int status;

	if (pid == 0) {
		sync();
		_exit(0);
	}
	if (pid < 0)
		return;
	*c = (struct child){ .pid = pid };
	if (os_wait(pid, SYNC_WAIT_MS, &status) != KB_OK)
		kill(pid, SIGKILL);
}
