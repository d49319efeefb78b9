/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_remake.h"

#include "cli/bundle/bundle_put.h"
#include "cli/bundle/bundle_queue.h"
#include "cli/bundle/bundle_remade.h"
#include "lib/bytes.h"
#include "lib/util.h"
#include "lib/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define THREADS_MAX 4u /* each needs 0.3 GiB */
#define JOBS_MAX    (THREADS_MAX + 2)
#define JOB_MAX	    (4u << 20) /* bytes of the image */
#define JOB_CHUNKS  (JOB_MAX / MANIFEST_CHUNK_MIN)
#define TEXT_FULL   (2u << 20) /* as much text as is looked for in one region */
#define TEXT_MAX    (TEXT_FULL + REMAKE_TEXT_MAX + (2u << 20))

/* Some chunks, until there is enough text. */
struct job {
	/* owned */
	uint8_t *stored;
	struct bundle_text text;
	uint64_t off;
	size_t len, stored_len;
	unsigned nchunks;
	struct job_chunk {
		uint32_t len, stored_len;
		enum reader_form form;
	} chunk[JOB_CHUNKS];
};

/* What a thread keeps. */
struct coder {
	struct bundle_match match;
	struct bundle_remade remade;
	struct bundle_how_memory memory;
};

struct work {
	struct bundle_delta *d;
	const struct bundle_view *view;
	struct bundle_text_image image;
	struct bundle_put put;
	struct bundle_queue queue;
	struct job job[JOBS_MAX];
	struct coder coder[THREADS_MAX];
	/* what is next */
	uint64_t off;
};

/* ---------------------------------------------------------------- filling, in order */

/* Of a chunk: how much text it has at most, and of how many blocks. */
static size_t measure_text(const struct work *w, uint64_t off, uint64_t end, size_t *nparts)
{
	const struct bundle_blocks *b = &w->image.blocks;
	size_t need = 0;

	for (size_t i = bundle_text_block(&w->image, off); i < b->n && b->block[i].off < end; i++) {
		need += bundle_text_need(&w->image, i);
		++*nparts;
	}
	return need;
}

static enum kb_err make_room(struct bundle_text *t, size_t nparts)
{
	if (nparts <= t->parts_room)
		return KB_OK;
	free(t->part); /* of another job: it is over */
	/* bound: one for each block that reaches into JOB_MAX bytes, once for each chunk */
	t->part = malloc(nparts * sizeof(*t->part));
	/* lint: -Wanalyzer-malloc-leak: it is the job's, and free_remaking() frees it */
	t->parts_room = t->part != NULL ? nparts : 0;
	return t->part != NULL ? KB_OK : KB_ENOMEM;
}

static enum kb_err fill_job(void *ctx, unsigned number, bool *end)
{
	struct work *w = ctx;
	struct job *j = &w->job[number];
	uint64_t size = w->d->source->size;
	size_t text = 0, nparts = 0;

	j->off = w->off;
	j->len = j->stored_len = 0;
	j->nchunks = 0;
	while (w->off < size && j->len <= JOB_MAX - w->d->chunk && text < TEXT_FULL) {
		uint64_t left = size - w->off;
		uint32_t len = left < w->d->chunk ? (uint32_t)left : w->d->chunk;

		j->chunk[j->nchunks++].len = len;
		text += measure_text(w, w->off, w->off + len, &nparts);
		j->len += len;
		w->off += len;
	}
	*end = j->len == 0;
	return make_room(&j->text, nparts);
}

/* ---------------------------------------------------------------- the work */

static enum kb_err remake_one(struct work *w, struct coder *k, struct job *j, struct job_chunk *jc,
			      uint64_t at, size_t *first)
{
	struct bundle_remade_chunk c = {
		.plain = w->image.bytes.p + at,
		.at = at,
		.len = jc->len,
		.text = &j->text,
		.piece = k->match.piece,
		.npieces = k->match.n,
	};

	while (j->text.part[*first].off + j->text.part[*first].len <= at)
		++*first;
	c.first = *first;
	jc->form = READER_ZERO;
	jc->stored_len = 0;
	if (bytes_all(c.plain, c.len, 0))
		return KB_OK;
	TRY(bundle_remade_make(&k->remade, &c, &w->image));
	jc->form = c.stored.form;
	jc->stored_len = c.stored.len;
	memcpy(j->stored + j->stored_len, c.stored.p, c.stored.len);
	j->stored_len += c.stored.len;
	return KB_OK;
}

static enum kb_err remake_job(void *ctx, unsigned thread, unsigned number)
{
	struct work *w = ctx;
	struct job *j = &w->job[number];
	struct coder *k = &w->coder[thread];
	uint64_t at = j->off;
	size_t first = 0;

	bundle_text_make(&j->text, &w->image, w->view, &k->memory, j->off, j->off + j->len);
	k->match.t = j->text.p;
	k->match.map = j->text.map;
	k->match.nblocks = (uint32_t)(j->text.len / BUNDLE_SEED_BLOCK);
	k->match.expected = BUNDLE_SEED_NONE;
	TRY(bundle_match_run(&k->match));
	bundle_remade_begin(&k->remade);
	for (unsigned i = 0; i < j->nchunks; i++) {
		TRY(remake_one(w, k, j, &j->chunk[i], at, &first));
		at += j->chunk[i].len;
	}
	return KB_OK;
}

/* ---------------------------------------------------------------- putting, in order */

static enum kb_err put_job(void *ctx, unsigned number)
{
	struct work *w = ctx;
	const struct job *j = &w->job[number];
	size_t stored = 0;

	for (unsigned i = 0; i < j->nchunks; i++) {
		const struct job_chunk *c = &j->chunk[i];
		const struct bundle_stored s = { c->form, j->stored + stored, c->stored_len };

		TRY(bundle_put_chunk(&w->put, &s, w->image.bytes.p + w->put.off, c->len));
		stored += c->stored_len;
	}
	return KB_OK;
}

/* ---------------------------------------------------------------- the whole */

static enum kb_err alloc_job(struct job *j)
{
	/* bound: JOB_MAX and TEXT_MAX */
	j->stored = malloc(JOB_MAX);
	j->text.p = malloc(TEXT_MAX);
	j->text.room = TEXT_MAX;
	/* bound: a number for each 4096 bytes of TEXT_MAX */
	j->text.map = calloc(TEXT_MAX / BUNDLE_SEED_BLOCK, sizeof(*j->text.map));
	return j->stored != NULL && j->text.p != NULL && j->text.map != NULL ? KB_OK : KB_ENOMEM;
}

static enum kb_err alloc_remaking(struct work *w)
{
	for (unsigned i = 0; i < w->queue.threads; i++) {
		TRY(bundle_match_alloc(&w->coder[i].match, &w->view->seed));
		TRY(bundle_remade_alloc(&w->coder[i].remade, w->view));
		TRY(bundle_how_memory_alloc(&w->coder[i].memory));
	}
	for (unsigned i = 0; i < w->queue.jobs; i++)
		TRY(alloc_job(&w->job[i]));
	return bundle_put_begin(&w->put, w->d);
}

static void free_remaking(struct work *w)
{
	for (unsigned i = 0; i < w->queue.threads; i++) {
		bundle_match_free(&w->coder[i].match);
		bundle_remade_free(&w->coder[i].remade);
		bundle_how_memory_free(&w->coder[i].memory);
	}
	for (unsigned i = 0; i < w->queue.jobs; i++) {
		free(w->job[i].stored);
		free(w->job[i].text.p);
		free(w->job[i].text.map);
		free(w->job[i].text.part);
	}
	bundle_text_close(&w->image);
	bundle_put_free(&w->put);
}

static enum kb_err map_file_at(uint8_t *p, const struct bundle_source *s)
{
	const int flags = MAP_PRIVATE | MAP_FIXED;
	/* bound: the file */
	const uint8_t *at = mmap(p, s->file_size, PROT_READ | PROT_WRITE, flags, s->fd, 0);

	/* lint: memleak: it lies in what the caller mapped, and goes with that */
	return at == p ? KB_OK : err_errno(errno);
}

/* The image in memory, as it is read: the file, padded, and what was put behind it. */
static enum kb_err map_source(const struct bundle_source *s, uint8_t **p)
{
	if (!util_maps(s->size))
		return KB_ENOMEM;
	/* bound: the image */
	*p = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (*p == MAP_FAILED)
		return errno == ENOMEM ? KB_ENOMEM : err_errno(errno);
	TRY(map_file_at(*p, s));
	if (s->tail != NULL)
		memcpy(*p + s->tail_off, s->tail, s->tail_len);
	return KB_OK;
}

static enum kb_err run_jobs(struct work *w, const uint8_t *image)
{
	TRY(bundle_text_open(&w->image, (struct bundle_blocks_image){ image, w->d->source->size },
			     w->d->chunk, w->view));
	bundle_queue_size(&w->queue, w->d->threads, THREADS_MAX);
	w->queue.fill = fill_job;
	w->queue.work = remake_job;
	w->queue.put = put_job;
	w->queue.ctx = w;
	TRY(alloc_remaking(w));
	TRY(bundle_queue_run(&w->queue));
	return bundle_put_end(&w->put);
}

enum kb_err bundle_remake_run(struct bundle_delta *d, const struct bundle_view *view)
{
	/* bound: one struct */
	struct work *w = calloc(1, sizeof(*w));
	uint8_t *image = MAP_FAILED;
	enum kb_err err = KB_ENOMEM;
	bool reported;

	if (w != NULL) {
		w->d = d;
		w->view = view;
		err = map_source(d->source, &image);
		if (err == KB_OK)
			err = run_jobs(w, image);
		free_remaking(w);
	}
	if (image != MAP_FAILED)
		munmap(image, d->source->size);
	reported = w != NULL && w->put.reported;
	free(w);
	if (err != KB_OK && err != KB_EFORMAT && !reported)
		log_err("image %s: making the delta failed: %s", d->source->path, err_text(err));
	return err;
}
