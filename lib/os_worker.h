/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel calls for a worker: a child that shares memory with us, and exchanges messages with
 * us. Process 1 links none of them. Chosen at link time as those of os.h: os_worker.c and
 * os_worker_child.c in the product, tests/sim/os_sim_worker.c in the simulations.
 *
 * A message is more than four bytes long, and comes whole or not at all. Nothing here allocates or
 * logs; after a failure errno holds the kernel's own word for it.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Descriptors of the worker; beside them it has its standard ones. */
#define OS_WORKER_SOCK	 3
#define OS_WORKER_SHARED 4
#define OS_WORKER_GIVEN	 5 /* to be read, if there is one */

struct os_worker {
	/* -1: none, or it ended, and that was heard */
	pid_t pid;
	/* for messages */
	int sock;
	uint8_t *shared;
	size_t len;
};

/* ---------------------------------------------------------------- for who starts it */

/*
 * Starts the program at path under the name argv0, without environment. len bytes of memory are
 * shared; the worker cannot make them less. given: a descriptor that it gets, too; -1: none.
 * KB_EIO: no memory or no socket; KB_EEXEC: no process. os_worker_stop() has to follow, after a
 * failure too.
 */
enum kb_err os_worker_start(struct os_worker *w, const char *path, const char *argv0, size_t len,
			    int given) KB_MUST_CHECK;
/* KB_ECHILD: nobody hears it. */
enum kb_err os_worker_send(struct os_worker *w, const void *msg, size_t len) KB_MUST_CHECK;
/* Waits up to timeout_ms for the next message. KB_ETIMEDOUT; KB_EEXEC: the program could not be
 * started, and errno says why; KB_ECHILD: it ended, or the message has another length. */
enum kb_err os_worker_receive(struct os_worker *w, void *msg, size_t len,
			      unsigned timeout_ms) KB_MUST_CHECK;
/* Waits up to timeout_ms for its end. *status as from waitpid(). KB_ETIMEDOUT: it still runs;
 * KB_ECHILD: there is none. */
enum kb_err os_worker_wait(struct os_worker *w, unsigned timeout_ms, int *status) KB_MUST_CHECK;
/* Kills it, waits for its end, and gives all back. Without effect on one that was stopped. */
void os_worker_stop(struct os_worker *w);

/* ---------------------------------------------------------------- for the worker itself */

/* The shared memory, to the end of the process. */
enum kb_err os_worker_memory(size_t len, uint8_t **shared) KB_MUST_CHECK;
/* Waits for the next message, without a bound. KB_ENOENT: none will come; KB_EIO, also when it has
 * another length. */
enum kb_err os_worker_take(void *msg, size_t len) KB_MUST_CHECK;
/* KB_EIO: nobody hears it. */
enum kb_err os_worker_reply(const void *msg, size_t len) KB_MUST_CHECK;
/* True if it was given something to read. */
bool os_worker_is_given(void);
/* Reads exactly len bytes at off of that. KB_EIO. */
enum kb_err os_worker_given(uint64_t off, void *buf, size_t len) KB_MUST_CHECK;
