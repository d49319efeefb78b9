/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: a worker, for the one who starts it. */
#include "lib/os_worker.h"

#include "lib/os_clock.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AWAY	16 /* where descriptors wait until their numbers are free */
#define STEP_MS 10

/* Sealed, so that the worker cannot shrink it below us (SIGBUS). */
static enum kb_err make_shared(struct os_worker *w, size_t len, int *out)
{
	KB_CLEANUP_FD int fd = memfd_create("keelboot-worker", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *p;

	if (fd < 0 || ftruncate(fd, (off_t)len) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return KB_EIO;
	/* bound: what the caller asks for, whatever the worker is given */
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return KB_EIO;
	w->shared = p;
	w->len = len;
	*out = util_take(&fd);
	return KB_OK;
}

/* Between fork and exec: only calls that are safe after a fork. */
static void become_worker(const char *path, const char *argv0, int sock, int shared, int given)
{
	const char *const argv[] = { argv0, NULL };
	static const char *const envp[] = { NULL };
	/* Out of the way first, since one may have the number that the other is to get. */
	int a = fcntl(sock, F_DUPFD_CLOEXEC, AWAY), b = fcntl(shared, F_DUPFD_CLOEXEC, AWAY);

	int c = given < 0 ? -1 : fcntl(given, F_DUPFD_CLOEXEC, AWAY);

	if (a < 0 || b < 0 || dup2(a, OS_WORKER_SOCK) < 0 || dup2(b, OS_WORKER_SHARED) < 0)
		_exit(126);
	close(OS_WORKER_GIVEN);
	if (given >= 0 && (c < 0 || dup2(c, OS_WORKER_GIVEN) < 0))
		_exit(126);
	execve(path, (char *const *)argv, (char *const *)envp);
	_exit(send(OS_WORKER_SOCK, &errno, sizeof(errno), MSG_NOSIGNAL) < 0 ? 126 : 127);
}

enum kb_err os_worker_start(struct os_worker *w, const char *path, const char *argv0, size_t len,
			    int given)
{
	KB_CLEANUP_FD int shared = -1;
	int pair[2];

	*w = (struct os_worker){ .pid = -1, .sock = -1 };
	TRY(make_shared(w, len, &shared));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return KB_EIO;
	w->pid = fork();
	if (w->pid == 0)
		become_worker(path, argv0, pair[1], shared, given);
	util_close(&pair[1]);
	w->sock = pair[0];
	return w->pid < 0 ? KB_EEXEC : KB_OK;
}

enum kb_err os_worker_send(struct os_worker *w, const void *msg, size_t len)
{
	return send(w->sock, msg, len, MSG_NOSIGNAL) == (ssize_t)len ? KB_OK : KB_ECHILD;
}

static enum kb_err await_message(const struct os_worker *w, unsigned timeout_ms)
{
	uint64_t end = os_clock_ms() + timeout_ms;

	for (;;) {
		struct pollfd p = { .fd = w->sock, .events = POLLIN };
		uint64_t now = os_clock_ms();
		int rc = poll(&p, 1, now < end ? (int)(end - now) : 0);

		if (rc > 0)
			return KB_OK;
		if (rc == 0)
			return KB_ETIMEDOUT;
		if (errno != EINTR)
			return KB_EIO;
	}
}

enum kb_err os_worker_receive(struct os_worker *w, void *msg, size_t len, unsigned timeout_ms)
{
	int errnum;
	ssize_t n;

	TRY(await_message(w, timeout_ms));
	n = recv(w->sock, msg, len, MSG_DONTWAIT | MSG_TRUNC);
	if (n == (ssize_t)len)
		return KB_OK;
	if (n != (ssize_t)sizeof(errnum))
		return KB_ECHILD;
	memcpy(&errnum, msg, sizeof(errnum));
	errno = errnum;
	return KB_EEXEC;
}

enum kb_err os_worker_wait(struct os_worker *w, unsigned timeout_ms, int *status)
{
	const struct timespec step = { .tv_nsec = STEP_MS * 1000000L };

	if (w->pid <= 0)
		return KB_ECHILD;
	for (unsigned waited = 0;; waited += STEP_MS) {
		if (waitpid(w->pid, status, WNOHANG) == w->pid) {
			w->pid = -1;
			return KB_OK;
		}
		if (waited >= timeout_ms)
			return KB_ETIMEDOUT;
		nanosleep(&step, NULL);
	}
}

void os_worker_stop(struct os_worker *w)
{
	util_close(&w->sock);
	if (w->pid > 0) {
		kill(w->pid, SIGKILL);
		while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	w->pid = -1;
	if (w->shared != NULL)
		munmap(w->shared, w->len);
	w->shared = NULL;
}
