/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation's workers: the real end behind calls that can fail, with a program of this one. */
#include "lib/os_worker.h"
#include "tests/sim/os_sim_int.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FDS 128 /* more than are ever open */

/* lib/os_worker.o and lib/os_worker_child.o once more, with other names: see the Makefile. */
__typeof__(os_worker_start) real_os_worker_start;
__typeof__(os_worker_send) real_os_worker_send;
__typeof__(os_worker_receive) real_os_worker_receive;
__typeof__(os_worker_wait) real_os_worker_wait;
__typeof__(os_worker_stop) real_os_worker_stop;
__typeof__(os_worker_memory) real_os_worker_memory;
__typeof__(os_worker_take) real_os_worker_take;
__typeof__(os_worker_reply) real_os_worker_reply;

static int (*program)(void);

void os_sim_worker(int (*run)(void))
{
	program = run;
}

/* What the real end calls in the place of execve(). */
__typeof__(execve) os_sim_worker_exec;
int os_sim_worker_exec(const char *path, char *const *argv, char *const *envp)
{
	if (program == NULL)
		return execve(path, argv, envp);
	for (int fd = 0; fd < FDS; fd++) {
		if (fcntl(fd, F_GETFD) == FD_CLOEXEC)
			close(fd);
	}
	_exit(program());
}

enum kb_err os_worker_start(struct os_worker *w, const char *path, const char *argv0, size_t len)
{
	*w = (struct os_worker){ .pid = -1, .sock = -1 };
	TRY(os_sim_turn("worker_start"));
	return real_os_worker_start(w, path, argv0, len);
}

enum kb_err os_worker_send(struct os_worker *w, const void *msg, size_t len)
{
	TRY(os_sim_turn("worker_send"));
	return real_os_worker_send(w, msg, len);
}

enum kb_err os_worker_receive(struct os_worker *w, void *msg, size_t len, unsigned timeout_ms)
{
	TRY(os_sim_turn("worker_receive"));
	return real_os_worker_receive(w, msg, len, timeout_ms);
}

enum kb_err os_worker_wait(struct os_worker *w, unsigned timeout_ms, int *status)
{
	TRY(os_sim_turn("worker_wait"));
	return real_os_worker_wait(w, timeout_ms, status);
}

void os_worker_stop(struct os_worker *w)
{
	real_os_worker_stop(w);
}

enum kb_err os_worker_memory(size_t len, uint8_t **shared)
{
	TRY(os_sim_turn("worker_memory"));
	return real_os_worker_memory(len, shared);
}

enum kb_err os_worker_take(void *msg, size_t len)
{
	TRY(os_sim_turn("worker_take"));
	return real_os_worker_take(msg, len);
}

enum kb_err os_worker_reply(const void *msg, size_t len)
{
	TRY(os_sim_turn("worker_reply"));
	return real_os_worker_reply(msg, len);
}
