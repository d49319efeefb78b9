/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs that are filled and put one after the other, and worked on by threads in between. So what
 * comes out does not depend on how many there are.
 */
#pragma once

#include "lib/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define BUNDLE_QUEUE_THREADS 32u
#define BUNDLE_QUEUE_JOBS    (BUNDLE_QUEUE_THREADS + 2)

struct bundle_queue {
	unsigned threads, jobs;
	/* Set by the caller: fills a job; *end: there was nothing left. */
	enum kb_err (*fill)(void *ctx, unsigned job, bool *end);
	/* By one of the threads. */
	enum kb_err (*work)(void *ctx, unsigned thread, unsigned job);
	/* In the order in which they were filled. */
	enum kb_err (*put)(void *ctx, unsigned job);
	void *ctx;
	/* inside; all counters only go up, under the lock */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t filled, taken;
	bool done[BUNDLE_QUEUE_JOBS];
	/* nothing more will be filled */
	bool ended;
	/* the first failure of a thread */
	enum kb_err err;
	struct bundle_queue_thread {
		struct bundle_queue *queue;
		unsigned number;
		pthread_t thread;
	} thread[BUNDLE_QUEUE_THREADS];
};

/* As many threads as are wanted, but at least one and at most `most`, and two jobs more. */
void bundle_queue_size(struct bundle_queue *q, unsigned threads, unsigned most);

/* Runs all jobs. The first failure of a callback; KB_EIO: a thread cannot be started. */
enum kb_err bundle_queue_run(struct bundle_queue *q) KB_MUST_CHECK;
