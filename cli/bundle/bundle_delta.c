/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_delta.h"

#include "cli/bundle/bundle_patch.h"
#include "cli/bundle/bundle_put.h"
#include "cli/bundle/bundle_queue.h"
#include "lib/bytes.h"
#include "lib/log.h"

#include <stdlib.h>
#include <string.h>

#define THREADS_MAX 4u /* each needs 0.2 GiB */
#define JOBS_MAX    (THREADS_MAX + 2)
#define JOB_MAX	    (16u << 20) /* bytes */
#define JOB_BLOCKS  (JOB_MAX / BUNDLE_SEED_BLOCK)
#define JOB_CHUNKS  (JOB_MAX / MANIFEST_CHUNK_MIN)

/* Some chunks, until enough blocks of them are none of the seed. */
struct job {
	/* owned */
	uint8_t *plain, *stored;
	uint64_t off;
	size_t len, stored_len;
	/* of each block which of the seed it is; which was expected to be the first */
	uint32_t map[JOB_BLOCKS], expected;
	unsigned nchunks;
	struct job_chunk {
		uint32_t len, stored_len;
		bool zero;
		enum reader_form form;
	} chunk[JOB_CHUNKS];
};

/* What a thread keeps. */
struct coder {
	struct bundle_match match;
	struct bundle_patch patch;
};

struct delta {
	struct bundle_delta *d;
	struct bundle_put put;
	struct bundle_queue queue;
	struct job job[JOBS_MAX];
	struct coder coder[THREADS_MAX];
	/* what is read next, and which block of the seed is expected there */
	uint64_t off;
	uint32_t expected;
	/* why it failed, who reads has reported */
	bool reported;
};

/* ---------------------------------------------------------------- filling, in order */

static bool is_changed(struct delta *w, struct job *j, size_t block, size_t nblocks)
{
	const uint8_t *t = j->plain + block * BUNDLE_SEED_BLOCK;
	uint32_t before = w->expected != BUNDLE_SEED_NONE ? w->expected - 1 : BUNDLE_SEED_NONE;
	uint32_t found = BUNDLE_MATCH_ZERO;

	if (!bytes_all(t, BUNDLE_SEED_BLOCK, 0)) {
		found = bundle_seed_block(w->d->seed, t, nblocks, before);
		if (found != BUNDLE_SEED_NONE)
			w->expected = found;
	}
	if (w->expected != BUNDLE_SEED_NONE)
		w->expected++;
	j->map[block] = found;
	return found == BUNDLE_MATCH_CHANGED;
}

/* How many blocks of a chunk changed. */
static unsigned compare_chunk(struct delta *w, struct job *j, uint32_t len, bool hole)
{
	size_t first = j->len / BUNDLE_SEED_BLOCK, n = len / BUNDLE_SEED_BLOCK;
	uint8_t *plain = j->plain + j->len;
	unsigned changed = 0;

	if (hole)
		memset(plain, 0, len);
	for (size_t i = 0; i < n; i++)
		changed += is_changed(w, j, first + i, n - i);
	j->chunk[j->nchunks++] = (struct job_chunk){ .len = len, .zero = bytes_all(plain, len, 0) };
	j->len += len;
	return changed;
}

static enum kb_err fill_delta(void *ctx, unsigned number, bool *end)
{
	struct delta *w = ctx;
	struct bundle_source *s = w->d->source;
	struct job *j = &w->job[number];
	unsigned changed = 0;
	bool hole;

	j->off = w->off;
	j->expected = w->expected;
	j->len = j->stored_len = 0;
	j->nchunks = 0;
	while (w->off < s->size && j->len <= JOB_MAX - w->d->chunk &&
	       changed + w->d->chunk / BUNDLE_SEED_BLOCK <= BUNDLE_REGION_CHANGED) {
		uint64_t left = s->size - w->off;
		uint32_t len = left < w->d->chunk ? (uint32_t)left : w->d->chunk;

		w->reported = true;
		TRY(bundle_source_read(s, w->off, j->plain + j->len, len, &hole));
		w->reported = false;
		changed += compare_chunk(w, j, len, hole);
		w->off += len;
	}
	*end = j->len == 0;
	return KB_OK;
}

/* ---------------------------------------------------------------- the work */

static enum kb_err make_chunk(struct coder *k, struct job *j, struct job_chunk *jc, size_t at,
			      size_t *piece)
{
	struct bundle_patch_chunk c = {
		.plain = j->plain + at, .at = j->off + at, .in_job = at, .len = jc->len
	};
	const struct bundle_match *m = &k->match;

	while (*piece < m->n && m->piece[*piece].at + m->piece[*piece].len <= at)
		++*piece;
	if (jc->zero) {
		jc->form = READER_ZERO;
		jc->stored_len = 0;
		return KB_OK;
	}
	TRY(bundle_patch_make(&k->patch, &c, m->piece + *piece, m->n - *piece));
	jc->form = c.stored.form;
	jc->stored_len = c.stored.len;
	memcpy(j->stored + j->stored_len, c.stored.p, c.stored.len);
	j->stored_len += c.stored.len;
	return KB_OK;
}

static enum kb_err make_job(void *ctx, unsigned thread, unsigned number)
{
	struct delta *w = ctx;
	struct job *j = &w->job[number];
	struct coder *k = &w->coder[thread];
	size_t at = 0, piece = 0;

	k->match.t = j->plain;
	k->match.map = j->map;
	k->match.nblocks = (uint32_t)(j->len / BUNDLE_SEED_BLOCK);
	k->match.expected = j->expected;
	TRY(bundle_match_run(&k->match));
	bundle_patch_begin(&k->patch);
	for (unsigned i = 0; i < j->nchunks; i++) {
		TRY(make_chunk(k, j, &j->chunk[i], at, &piece));
		at += j->chunk[i].len;
	}
	return KB_OK;
}

/* ---------------------------------------------------------------- putting, in order */

static enum kb_err put_delta(void *ctx, unsigned number)
{
	struct delta *w = ctx;
	const struct job *j = &w->job[number];
	size_t at = 0, stored = 0;

	for (unsigned i = 0; i < j->nchunks; i++) {
		const struct job_chunk *c = &j->chunk[i];
		const struct bundle_stored s = { c->form, j->stored + stored, c->stored_len };

		TRY(bundle_put_chunk(&w->put, &s, j->plain + at, c->len));
		at += c->len;
		stored += c->stored_len;
	}
	return KB_OK;
}

/* ---------------------------------------------------------------- the whole */

static enum kb_err alloc_all(struct delta *w)
{
	for (unsigned i = 0; i < w->queue.threads; i++) {
		TRY(bundle_match_alloc(&w->coder[i].match, w->d->seed));
		TRY(bundle_patch_alloc(&w->coder[i].patch, w->d->seed));
	}
	for (unsigned i = 0; i < w->queue.jobs; i++) {
		/* bound: JOB_MAX each; nothing is stored longer than it is */
		w->job[i].plain = malloc(JOB_MAX);
		w->job[i].stored = malloc(JOB_MAX);
		if (w->job[i].plain == NULL || w->job[i].stored == NULL)
			return KB_ENOMEM;
	}
	return bundle_put_begin(&w->put, w->d);
}

static void free_all(struct delta *w)
{
	for (unsigned i = 0; i < w->queue.threads; i++) {
		bundle_match_free(&w->coder[i].match);
		bundle_patch_free(&w->coder[i].patch);
	}
	for (unsigned i = 0; i < w->queue.jobs; i++) {
		free(w->job[i].plain);
		free(w->job[i].stored);
	}
	bundle_put_free(&w->put);
}

enum kb_err bundle_delta_run(struct bundle_delta *d)
{
	/* bound: one struct */
	struct delta *w = calloc(1, sizeof(*w));
	enum kb_err err = KB_ENOMEM;

	if (w != NULL) {
		w->d = d;
		w->expected = 0;
		bundle_queue_size(&w->queue, d->threads, THREADS_MAX);
		w->queue.fill = fill_delta;
		w->queue.work = make_job;
		w->queue.put = put_delta;
		w->queue.ctx = w;
		err = alloc_all(w);
		if (err == KB_OK)
			err = bundle_queue_run(&w->queue);
		if (err == KB_OK)
			err = bundle_put_end(&w->put);
		free_all(w);
	}
	if (err != KB_OK && (w == NULL || !(w->reported || w->put.reported)))
		log_err("image %s: making the delta failed: %s", d->source->path, err_text(err));
	free(w);
	return err;
}
