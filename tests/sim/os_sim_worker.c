/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation's workers: the real end behind calls that can fail, with a program of this one. */
#include "lib/os_worker.h"
#include "tests/sim/os_sim_int.h"

#include <fcntl.h>
#include <unistd.h>

#define FDS	  128	     /* more than are ever open */
#define GIVEN_MAX (2u << 20) /* more than is read of it at once */

static int (*program)(void);
static struct bdev *given_dev; /* NULL: none, or a real one */

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

/* A call of lib/os_worker.h. The real one is lib/os_worker.o or lib/os_worker_child.o once more,
 * with another name: see the Makefile. */
#define CALL(name, parameters, arguments)                   \
	__typeof__(os_worker_##name) real_os_worker_##name; \
	enum kb_err os_worker_##name parameters             \
	{                                                   \
		TRY(os_sim_turn("worker_" #name));          \
		return real_os_worker_##name arguments;     \
	}

CALL(send, (struct os_worker * w, const void *msg, size_t len), (w, msg, len))
CALL(receive, (struct os_worker * w, void *msg, size_t len, unsigned ms), (w, msg, len, ms))
CALL(wait, (struct os_worker * w, unsigned timeout_ms, int *status), (w, timeout_ms, status))
CALL(memory, (size_t len, uint8_t **shared), (len, shared))
CALL(take, (void *msg, size_t len), (msg, len))
CALL(reply, (const void *msg, size_t len), (msg, len))

/* As the kernel reads of a device what somebody wants of it. */
static enum kb_err read_given(uint64_t off, void *buf, size_t len)
{
	static uint8_t blocks[GIVEN_MAX] __attribute__((aligned(BDEV_ALIGN)));
	uint64_t from = off - off % BDEV_ALIGN;
	uint64_t end = (off + len + BDEV_ALIGN - 1) / BDEV_ALIGN * BDEV_ALIGN;

	if (end - from > sizeof(blocks))
		return KB_EIO;
	TRY(bdev_read(given_dev, from, blocks, (size_t)(end - from)));
	memcpy(buf, blocks + (off - from), len);
	return KB_OK;
}

__typeof__(os_worker_given) real_os_worker_given;
enum kb_err os_worker_given(uint64_t off, void *buf, size_t len)
{
	TRY(os_sim_turn("worker_given"));
	return given_dev != NULL ? read_given(off, buf, len) : real_os_worker_given(off, buf, len);
}

__typeof__(os_worker_is_given) real_os_worker_is_given;
bool os_worker_is_given(void)
{
	return real_os_worker_is_given();
}

__typeof__(os_worker_start) real_os_worker_start;
enum kb_err os_worker_start(struct os_worker *w, const char *path, const char *argv0, size_t len,
			    int given)
{
	*w = (struct os_worker){ .pid = -1, .sock = -1 };
	TRY(os_sim_turn("worker_start"));
	given_dev = given >= 0 ? os_sim_bdev_of(given) : NULL;
	return real_os_worker_start(w, path, argv0, len, given);
}

__typeof__(os_worker_stop) real_os_worker_stop;
void os_worker_stop(struct os_worker *w)
{
	real_os_worker_stop(w);
}
