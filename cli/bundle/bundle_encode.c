/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_encode.h"

#include "cli/bundle/bundle_frame.h"
#include "cli/bundle/bundle_output.h"
#include "cli/bundle/bundle_queue.h"
#include "lib/log.h"
#include "update/bundle/payload_digest.h"

#include <stdlib.h>
#include <string.h>

/* Frames are numbered, each of MANIFEST_FRAME_MAX bytes of the image; a job is one on its way. */
struct work {
	struct bundle_encode *e;
	struct bundle_queue queue;
	struct bundle_frame frame[BUNDLE_QUEUE_JOBS];
	struct bundle_frame_coder coder[BUNDLE_QUEUE_THREADS];
	/* the frame that is filled next, and the one that is put next */
	uint64_t filled, put;
	/* of the job that was filled last */
	const struct bundle_frame *before;
	/* of the image */
	struct digest digest;
	struct payload_digest payload;
	/* why it failed, who reads or writes has reported */
	bool reported;
};

/* The text of the job before stays where it is until this one is put. */
static enum kb_err fill_frame(void *ctx, unsigned job, bool *end)
{
	struct work *w = ctx;
	struct bundle_source *s = w->e->source;
	struct bundle_frame *f = &w->frame[job];
	uint64_t off = w->filled * MANIFEST_FRAME_MAX, left, stop;

	*end = off >= s->size;
	if (*end)
		return KB_OK;
	left = s->size - off;
	stop = off + (left < MANIFEST_FRAME_MAX ? left : MANIFEST_FRAME_MAX);
	bundle_frame_begin(f, w->before);
	for (uint32_t len; off < stop; off += len) {
		bool hole;

		len = stop - off < w->e->chunk ? (uint32_t)(stop - off) : w->e->chunk;
		w->reported = true;
		TRY(bundle_source_read(s, off, bundle_frame_room(f), len, &hole));
		w->reported = false;
		bundle_frame_add(f, len, hole);
	}
	w->before = f;
	w->filled++;
	return KB_OK;
}

static enum kb_err encode_frame(void *ctx, unsigned thread, unsigned job)
{
	struct work *w = ctx;

	return bundle_frame_encode(&w->coder[thread], &w->frame[job]);
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

static enum kb_err put_frame(void *ctx, unsigned job)
{
	struct work *w = ctx;
	struct bundle_encode *e = w->e;
	const struct bundle_frame *f = &w->frame[job];
	uint64_t done = w->put++ * MANIFEST_FRAME_MAX;

	TRY(digest_add(&w->digest, f->blocks, f->blocks_len));
	for (unsigned i = 0; i < f->n; i++) {
		TRY(put_chunk(e, (uint32_t)(done / e->chunk), &f->chunk[i]));
		done += f->chunk[i].len;
		e->plain_len += f->chunk[i].zero ? 0 : f->chunk[i].len;
	}
	if (e->payload_fd >= 0) {
		TRY(payload_digest_add(&w->payload, f->stored, f->stored_len));
		w->reported = true;
		TRY(bundle_output_append(e->payload_fd, f->stored, f->stored_len));
		w->reported = false;
	}
	if (e->progress != NULL)
		e->progress(e->ctx, done);
	return KB_OK;
}

/* ---------------------------------------------------------------- the whole */

static enum kb_err prepare_all(struct work *w)
{
	TRY(digest_init(&w->digest));
	TRY(digest_begin(&w->digest));
	TRY(payload_digest_init(&w->payload));
	for (unsigned i = 0; i < w->queue.threads; i++)
		TRY(bundle_frame_coder_init(&w->coder[i], w->e->compress, w->e->level,
					    w->e->frame));
	for (unsigned i = 0; i < w->queue.jobs; i++)
		TRY(bundle_frame_alloc(&w->frame[i]));
	return KB_OK;
}

static void free_work(struct work *w)
{
	for (unsigned i = 0; i < w->queue.threads; i++)
		bundle_frame_coder_free(&w->coder[i]);
	for (unsigned i = 0; i < w->queue.jobs; i++)
		bundle_frame_free(&w->frame[i]);
	digest_free(&w->digest);
	payload_digest_free(&w->payload);
	free(w);
}

static enum kb_err encode_frames(struct work *w)
{
	TRY(prepare_all(w));
	TRY(bundle_queue_run(&w->queue));
	TRY(payload_digest_end(&w->payload, w->e->payload_digest));
	return digest_end(&w->digest, w->e->digest);
}

enum kb_err bundle_encode_run(struct bundle_encode *e)
{
	/* bound: one struct */
	struct work *w = calloc(1, sizeof(*w));
	enum kb_err err = KB_ENOMEM;
	bool reported = false;

	bundle_source_rewind(e->source);
	if (w != NULL) {
		w->e = e;
		bundle_queue_size(&w->queue, e->threads, BUNDLE_QUEUE_THREADS);
		w->queue.fill = fill_frame;
		w->queue.work = encode_frame;
		w->queue.put = put_frame;
		w->queue.ctx = w;
		err = encode_frames(w);
		reported = w->reported;
		free_work(w);
	}
	if (err != KB_OK && !reported)
		log_err("image %s: encoding failed: %s", e->source->path, err_text(err));
	return err;
}
