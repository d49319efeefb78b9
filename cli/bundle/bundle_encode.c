/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_encode.h"

#include "cli/bundle/bundle_frame.h"
#include "cli/bundle/bundle_output.h"
#include "lib/log.h"
#include "update/bundle/payload_digest.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX 32u
#define JOBS_MAX    (THREADS_MAX + 2)

/* A frame on its way. */
struct job {
	struct bundle_frame frame;
	bool encoded;
};

/*
 * Jobs are numbered by frame, each of MANIFEST_FRAME_MAX bytes of the image; number i lies in job[i
 * % njobs]. All counters only go up, under the lock: written <= taken <= filled <= written + njobs.
 */
struct work {
	struct bundle_encode *e;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct job job[JOBS_MAX];
	unsigned njobs;
	/* were read */
	uint64_t filled;
	/* by a thread that encodes */
	uint64_t taken;
	/* nothing more will be filled */
	bool ended;
	/* the first failure of a thread */
	enum kb_err err;
	/* of the image */
	struct digest digest;
	struct payload_digest payload;
};

static struct job *job_at(struct work *w, uint64_t number)
{
	/* lint: core.DivideZero: bundle_encode_run() makes it 3 at least */
	return &w->job[number % w->njobs];
}

static void note_failure(struct work *w, enum kb_err err)
{
	pthread_mutex_lock(&w->lock);
	if (w->err == KB_OK)
		w->err = err;
	w->ended = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

/* ---------------------------------------------------------------- threads */

/* The next frame to encode, or NULL at the end. */
static struct job *take_job(struct work *w)
{
	struct job *j = NULL;

	pthread_mutex_lock(&w->lock);
	while (w->taken == w->filled && !w->ended)
		pthread_cond_wait(&w->changed, &w->lock);
	if (w->taken < w->filled && w->err == KB_OK)
		j = job_at(w, w->taken++);
	pthread_mutex_unlock(&w->lock);
	return j;
}

static void mark_encoded(struct work *w, struct job *j)
{
	pthread_mutex_lock(&w->lock);
	j->encoded = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static void *encode_thread(void *arg)
{
	struct work *w = arg;
	struct bundle_frame_coder coder;
	enum kb_err err = bundle_frame_coder_init(&coder, w->e->compress, w->e->level);
	struct job *j;

	while (err == KB_OK && (j = take_job(w)) != NULL) {
		err = bundle_frame_encode(&coder, &j->frame);
		if (err == KB_OK)
			mark_encoded(w, j);
	}
	bundle_frame_coder_free(&coder);
	if (err != KB_OK)
		note_failure(w, err);
	return NULL;
}

/* ---------------------------------------------------------------- reading and writing, in order */

/* The text of the job before stays where it is until this one is put. */
static enum kb_err fill_job(struct work *w, uint64_t number)
{
	struct bundle_source *s = w->e->source;
	uint64_t off = number * MANIFEST_FRAME_MAX, left = s->size - off;
	uint64_t end = off + (left < MANIFEST_FRAME_MAX ? left : MANIFEST_FRAME_MAX);
	struct job *j = job_at(w, number);

	j->encoded = false;
	bundle_frame_begin(&j->frame, number > 0 ? &job_at(w, number - 1)->frame : NULL);
	for (uint32_t len; off < end; off += len) {
		bool hole;

		len = end - off < w->e->chunk ? (uint32_t)(end - off) : w->e->chunk;
		TRY(bundle_source_read(s, off, bundle_frame_room(&j->frame), len, &hole));
		bundle_frame_add(&j->frame, len, hole);
	}
	pthread_mutex_lock(&w->lock);
	w->filled++;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	return KB_OK;
}

static enum kb_err wait_done(struct work *w, struct job *j)
{
	enum kb_err err;

	pthread_mutex_lock(&w->lock);
	while (!j->encoded && w->err == KB_OK)
		pthread_cond_wait(&w->changed, &w->lock);
	err = w->err;
	pthread_mutex_unlock(&w->lock);
	return err;
}

static enum kb_err put_chunk(struct bundle_encode *e, uint32_t index,
			     const struct bundle_frame_chunk *c)
{
	TRY(bundle_table_hash(&e->hashes, c->hash));
	if (e->payload_fd < 0)
		return KB_OK;
	TRY(bundle_table_record(&e->records, index, e->payload_len, c->form, c->stored_len));
	e->payload_len += c->stored_len;
	e->forms |= MANIFEST_FORM(c->form);
	return KB_OK;
}

static enum kb_err put_job(struct work *w, uint64_t number)
{
	struct bundle_encode *e = w->e;
	struct job *j = job_at(w, number);
	const struct bundle_frame *f = &j->frame;
	uint64_t done = number * MANIFEST_FRAME_MAX;

	TRY(wait_done(w, j));
	TRY(digest_add(&w->digest, f->blocks, f->blocks_len));
	for (unsigned i = 0; i < f->n; i++) {
		TRY(put_chunk(e, (uint32_t)(done / e->chunk), &f->chunk[i]));
		done += f->chunk[i].len;
	}
	if (e->payload_fd >= 0) {
		TRY(payload_digest_add(&w->payload, f->stored, f->stored_len));
		TRY(bundle_output_append(e->payload_fd, f->stored, f->stored_len));
	}
	if (e->progress != NULL)
		e->progress(e->ctx, done);
	return KB_OK;
}

static enum kb_err run_jobs(struct work *w)
{
	uint64_t n = (w->e->source->size + MANIFEST_FRAME_MAX - 1) / MANIFEST_FRAME_MAX;
	uint64_t put_no = 0;

	TRY(digest_init(&w->digest));
	TRY(digest_begin(&w->digest));
	TRY(payload_digest_init(&w->payload));
	for (uint64_t i = 0; i < n; i++) {
		if (i - put_no == w->njobs)
			TRY(put_job(w, put_no++));
		TRY(fill_job(w, i));
	}
	while (put_no < n)
		TRY(put_job(w, put_no++));
	TRY(payload_digest_end(&w->payload, w->e->payload_digest));
	return digest_end(&w->digest, w->e->digest);
}

/* ---------------------------------------------------------------- the whole */

static enum kb_err run_threads(struct work *w)
{
	pthread_t encoders[THREADS_MAX];
	enum kb_err err = KB_OK;
	unsigned started = 0;

	while (err == KB_OK && started < w->e->threads) {
		if (pthread_create(&encoders[started], NULL, encode_thread, w) != 0)
			err = KB_EIO;
		else
			started++;
	}
	if (err == KB_OK)
		err = run_jobs(w);
	if (err != KB_OK)
		note_failure(w, err);
	pthread_mutex_lock(&w->lock);
	w->ended = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < started; i++)
		pthread_join(encoders[i], NULL);
	return err != KB_OK ? err : w->err;
}

enum kb_err bundle_encode_run(struct bundle_encode *e)
{
	/* bound: one struct */
	struct work *w = calloc(1, sizeof(*w));
	enum kb_err err = w != NULL ? KB_OK : KB_ENOSPC;

	if (err == KB_OK) {
		w->e = e;
		e->threads = e->threads < 1 ? 1 : e->threads;
		e->threads = e->threads > THREADS_MAX ? THREADS_MAX : e->threads;
		w->njobs = e->threads + 2;
		pthread_mutex_init(&w->lock, NULL);
		pthread_cond_init(&w->changed, NULL);
		for (unsigned i = 0; err == KB_OK && i < w->njobs; i++)
			err = bundle_frame_alloc(&w->job[i].frame);
	}
	if (err == KB_OK)
		err = run_threads(w);
	if (err != KB_OK)
		log_err("image %s: encoding failed: %s", e->source->path, err_text(err));
	for (unsigned i = 0; w != NULL && i < w->njobs; i++)
		bundle_frame_free(&w->job[i].frame);
	if (w != NULL) {
		digest_free(&w->digest);
		payload_digest_free(&w->payload);
	}
	free(w);
	return err;
}
