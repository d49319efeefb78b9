/* SPDX-License-Identifier: Apache-2.0 */
/* What ioerr_libc.h is for files, for processes and for the guardian's calls. */
#pragma once

#include "tests/sim/ioerr_libc.h"
#include "update/decoder/decoder.h"
#include "update/decoder/decoder_main.h"
#include "update/decoder/decoder_limits.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

/* ---------------------------------------------------------------- processes */

int pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*fn)(void *arg), void *arg)
{
	return ioerr_libc_fails("pthread_create")
		       ? errno
		       : IOERR_LIBC_REAL(pthread_create)(id, attr, fn, arg);
}

pid_t fork(void)
{
	pid_t pid;

	if (ioerr_libc_fails("fork"))
		return -1;
	ioerr_fault_fork_begin();
	pid = IOERR_LIBC_REAL(fork)();
	ioerr_fault_fork_end();
	if (pid == 0 && ioerr_libc_ours())
		alarm(IOERR_WORLD_HANG_S);
	return pid;
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	return IOERR_LIBC_DO(wait4, pid_t, pid, status, options, NULL);
}

int kill(pid_t pid, int sig)
{
	if (ioerr_libc_fails("kill"))
		return -1;
	return ioerr_guardian_kill(pid, sig) ? 0 : (int)syscall(SYS_kill, pid, sig);
}

int dup2(int from, int to)
{
	return from == to ? to : IOERR_LIBC_DO(dup3, int, from, to, 0);
}

#define IOERR_LIBC_FDS 128 /* more than are ever open */

/* The one program that anybody becomes. */
int execve(const char *path, char *const *argv, char *const *envp)
{
	if (ioerr_libc_fails("execve"))
		return -1;
	if (ioerr_world_process != IOERR_FAULT_APPLY && ioerr_world_process != IOERR_FAULT_COMMAND)
		return (int)syscall(SYS_execve, path, argv, envp);
	for (int fd = 0; fd < IOERR_LIBC_FDS; fd++) {
		if (syscall(SYS_fcntl, fd, F_GETFD) == FD_CLOEXEC)
			close(fd);
	}
	ioerr_world_process = IOERR_FAULT_DECODER;
	_exit(decoder_main());
}

/* Its cage would be that of the simulation. */
enum kb_err decoder_limits_privileges(void)
{
	return ioerr_libc_fails("limits") ? KB_EPERM : KB_OK;
}

enum kb_err decoder_limits_syscalls(void)
{
	return ioerr_libc_fails("limits") ? KB_EPERM : KB_OK;
}

int socketpair(int family, int type, int protocol, int fds[2])
{
	return IOERR_LIBC_DO(socketpair, int, family, type, protocol, fds);
}

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	return IOERR_LIBC_DO(sendto, ssize_t, fd, buf, len, flags, NULL, 0);
}

ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	return IOERR_LIBC_DO(recvfrom, ssize_t, fd, buf, len, flags, NULL, NULL);
}

ssize_t __recv_chk(int fd, void *buf, size_t len, size_t size, int flags);
ssize_t __recv_chk(int fd, void *buf, size_t len, size_t size, int flags)
{
	return recv(fd, buf, len < size ? len : size, flags);
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	const struct timespec ts = { timeout / 1000, timeout % 1000 * 1000000L };

	if (ioerr_libc_fails("poll"))
		return errno == ETIMEDOUT ? 0 : -1;
	return (int)syscall(SYS_ppoll, fds, n, timeout < 0 ? NULL : &ts, NULL, 8);
}

int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size);
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size)
{
	(void)size;
	return poll(fds, n, timeout);
}

/* ---------------------------------------------------------------- the guardian */

int clock_gettime(clockid_t id, struct timespec *ts)
{
	if (ioerr_world_process == IOERR_FAULT_GUARDIAN) {
		ioerr_guardian_clock(ts);
		return 0;
	}
	return (int)syscall(SYS_clock_gettime, id, ts);
}

int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *ts)
{
	(void)info;
	if (ioerr_libc_fails("sigtimedwait")) {
		ioerr_guardian_pass(100); /* it may spin, but in no time nothing happens */
		return -1;
	}
	return ioerr_guardian_wait(set, ts);
}

/* Its signals are the simulation's; that one is blocked would hide that it hangs. */
int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	(void)how;
	(void)set;
	(void)old;
	return ioerr_libc_fails("sigprocmask") ? -1 : 0;
}

void sync(void)
{
}

/* That nothing here can restart the machine that runs the test. */
int reboot(int how);
int reboot(int how)
{
	if (ioerr_libc_fails("reboot"))
		return -1;
	ioerr_guardian_reset(how);
	return 0;
}
