/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_queue.h"

#include <stddef.h>

static void fail_queue(struct bundle_queue *q, enum kb_err err)
{
	pthread_mutex_lock(&q->lock);
	if (q->err == KB_OK)
		q->err = err;
	q->ended = true;
	pthread_cond_broadcast(&q->changed);
	pthread_mutex_unlock(&q->lock);
}

static unsigned slot_of(const struct bundle_queue *q, uint64_t number)
{
	return (unsigned)(number % q->jobs);
}

/* False at the end. */
static bool take(struct bundle_queue *q, unsigned *job)
{
	bool taken = false;

	pthread_mutex_lock(&q->lock);
	while (q->taken == q->filled && !q->ended)
		pthread_cond_wait(&q->changed, &q->lock);
	if (q->taken < q->filled && q->err == KB_OK) {
		*job = slot_of(q, q->taken++);
		taken = true;
	}
	pthread_mutex_unlock(&q->lock);
	return taken;
}

static void mark_done(struct bundle_queue *q, unsigned job)
{
	pthread_mutex_lock(&q->lock);
	q->done[job] = true;
	pthread_cond_broadcast(&q->changed);
	pthread_mutex_unlock(&q->lock);
}

static void *thread_main(void *arg)
{
	const struct bundle_queue_thread *t = arg;
	struct bundle_queue *q = t->queue;
	enum kb_err err = KB_OK;
	unsigned job;

	while (err == KB_OK && take(q, &job)) {
		err = q->work(q->ctx, t->number, job);
		if (err == KB_OK)
			mark_done(q, job);
	}
	if (err != KB_OK)
		fail_queue(q, err);
	return NULL;
}

static enum kb_err wait_for(struct bundle_queue *q, unsigned job)
{
	enum kb_err err;

	pthread_mutex_lock(&q->lock);
	while (!q->done[job] && q->err == KB_OK)
		pthread_cond_wait(&q->changed, &q->lock);
	err = q->err;
	pthread_mutex_unlock(&q->lock);
	return err;
}

static enum kb_err put_one(struct bundle_queue *q, uint64_t number)
{
	unsigned job = slot_of(q, number);

	TRY(wait_for(q, job));
	q->done[job] = false;
	return q->put(q->ctx, job);
}

static enum kb_err fill_and_put(struct bundle_queue *q)
{
	uint64_t put = 0;
	bool end = false;

	while (!end) {
		if (q->filled - put == q->jobs)
			TRY(put_one(q, put++));
		TRY(q->fill(q->ctx, slot_of(q, q->filled), &end));
		pthread_mutex_lock(&q->lock);
		q->filled += !end;
		pthread_cond_broadcast(&q->changed);
		pthread_mutex_unlock(&q->lock);
	}
	while (put < q->filled)
		TRY(put_one(q, put++));
	return KB_OK;
}

static enum kb_err start_and_end(struct bundle_queue *q)
{
	enum kb_err err = KB_OK;
	unsigned started = 0;

	for (; err == KB_OK && started < q->threads; started++) {
		struct bundle_queue_thread *t = &q->thread[started];

		*t = (struct bundle_queue_thread){ .queue = q, .number = started };
		if (pthread_create(&t->thread, NULL, thread_main, t) != 0) {
			err = KB_EIO;
			break;
		}
	}
	if (err == KB_OK)
		err = fill_and_put(q);
	if (err != KB_OK)
		fail_queue(q, err);
	pthread_mutex_lock(&q->lock);
	q->ended = true;
	pthread_cond_broadcast(&q->changed);
	pthread_mutex_unlock(&q->lock);
	for (unsigned i = 0; i < started; i++)
		pthread_join(q->thread[i].thread, NULL);
	return q->err;
}

void bundle_queue_size(struct bundle_queue *q, unsigned threads, unsigned most)
{
	q->threads = threads < 1 ? 1 : threads < most ? threads : most;
	q->jobs = q->threads + 2;
}

enum kb_err bundle_queue_run(struct bundle_queue *q)
{
	enum kb_err err;

	q->filled = q->taken = 0;
	q->ended = false;
	q->err = KB_OK;
	for (unsigned i = 0; i < BUNDLE_QUEUE_JOBS; i++)
		q->done[i] = false;
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->changed, NULL);
	err = start_and_end(q);
	pthread_cond_destroy(&q->changed);
	pthread_mutex_destroy(&q->lock);
	return err;
}
