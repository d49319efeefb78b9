/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/guardian/guardian_os.h"

#include "lib/util.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint64_t guardian_os_now_ms(void)
{
	struct timespec ts = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---------------------------------------------------------------- files */

size_t guardian_os_read(int dir, const char *name, char *buf, size_t size)
{
	KB_CLEANUP_FD int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd >= 0 ? read(fd, buf, size - 1) : -1;
	size_t len = n > 0 ? (size_t)n : 0;

	buf[len] = '\0';
	return len;
}

bool guardian_os_exists(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, 0) == 0;
}

void guardian_os_remove(int dir, const char *name)
{
	unlinkat(dir, name, 0);
}

bool guardian_os_is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

bool guardian_os_say(int fd, char what)
{
	return write(fd, &what, 1) == 1;
}

/* ---------------------------------------------------------------- processes */

void guardian_os_block(void)
{
	sigset_t all;

	/* Blocked, not ignored: who ignores SIGCHLD never hears that a job ended. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

int guardian_os_hear(uint32_t ms)
{
	const struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	sig = sigtimedwait(&set, NULL, &ts);
	return sig > 0 ? sig : 0;
}

bool guardian_os_signal(pid_t pid, int sig)
{
	return kill(pid, sig) == 0;
}

bool guardian_os_repeat(int sig)
{
	return kill(getpid(), sig) == 0;
}

pid_t guardian_os_start(int (*job)(void *ctx), void *ctx)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(job(ctx));
	return pid;
}

pid_t guardian_os_reap(int *status)
{
	pid_t pid = waitpid(-1, status, WNOHANG);

	return pid > 0 ? pid : 0;
}

/* ---------------------------------------------------------------- the machine */

void guardian_os_sync(void)
{
	sync();
}

void guardian_os_restart(bool power_off)
{
	reboot(power_off ? RB_POWER_OFF : RB_AUTOBOOT);
}

bool guardian_os_enter(int dir)
{
	return fchdir(dir) == 0;
}

bool guardian_os_spare(int proc)
{
	static const char last[] = "-1000";
	KB_CLEANUP_FD int fd = openat(proc, "self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, last, sizeof(last) - 1) == (ssize_t)sizeof(last) - 1;
}

bool guardian_os_keep_memory(void)
{
	return mlockall(MCL_CURRENT | MCL_FUTURE) == 0;
}
