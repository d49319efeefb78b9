/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_view.h"

#include "cli/bundle/bundle_output.h"
#include "cli/bundle/bundle_queue.h"
#include "lib/bytes.h"
#include "lib/util.h"
#include "update/wire/remake_form.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define JOB_MAX (4u << 20) /* bytes of text */
#define BLOCK	BUNDLE_SEED_BLOCK

struct unpacking {
	struct bundle_view *v;
	const uint8_t *image;
	struct bundle_queue queue;
	struct job {
		/* owned */
		uint8_t *text;
		size_t first, end, len;
	} job[BUNDLE_QUEUE_JOBS];
	/* owned */
	uint8_t *memory[BUNDLE_QUEUE_THREADS];
	int fd;
	/* which block is next; where its text goes */
	size_t next;
	uint64_t at;
};

static size_t whole_blocks(size_t len)
{
	return (len + BLOCK - 1) / BLOCK * BLOCK;
}

static enum kb_err fill_blocks(void *ctx, unsigned number, bool *end)
{
	struct unpacking *u = ctx;
	const struct bundle_blocks *b = &u->v->blocks;
	struct job *j = &u->job[number];
	size_t room = 0;

	j->first = u->next;
	while (u->next < b->n && room + BLOCK + b->block[u->next].plain <= JOB_MAX)
		room += BLOCK + b->block[u->next++].plain;
	j->end = u->next;
	*end = j->first == j->end;
	return KB_OK;
}

/* The text of a file goes on; others begin at a multiple of 4096. */
static void pad(struct job *j)
{
	memset(j->text + j->len, 0, whole_blocks(j->len) - j->len);
	j->len = whole_blocks(j->len);
}

/* What does not unpack is no block. */
static enum kb_err unpack_blocks(void *ctx, unsigned thread, unsigned number)
{
	struct unpacking *u = ctx;
	struct bundle_blocks *b = &u->v->blocks;
	const struct remake_library *library = remake_library_of(b->packer);
	struct job *j = &u->job[number];

	j->len = 0;
	for (size_t i = j->first; i < j->end; i++) {
		struct remake_arena arena = { .p = u->memory[thread], .size = REMAKE_MEMORY };
		struct bundle_block *k = &b->block[i];
		size_t len;

		if (k->plain == 0)
			continue;
		if (!k->next)
			pad(j);
		if (library->unpack(&arena, bundle_block_packed(k, u->image), j->text + j->len,
				    k->plain, &len) != KB_OK)
			len = 0;
		k->plain = (uint32_t)len;
		u->v->place[i] = j->len;
		j->len += len;
	}
	pad(j);
	return KB_OK;
}

static enum kb_err put_blocks(void *ctx, unsigned number)
{
	struct unpacking *u = ctx;
	const struct job *j = &u->job[number];

	for (size_t i = j->first; i < j->end; i++)
		u->v->place[i] += u->at;
	u->at += j->len;
	return bundle_output_append(u->fd, j->text, j->len);
}

static enum kb_err run_unpacking(struct unpacking *u, unsigned threads)
{
	bundle_queue_size(&u->queue, threads, BUNDLE_QUEUE_THREADS);
	u->queue.fill = fill_blocks;
	u->queue.work = unpack_blocks;
	u->queue.put = put_blocks;
	u->queue.ctx = u;
	for (unsigned i = 0; i < u->queue.jobs; i++) {
		/* bound: JOB_MAX */
		u->job[i].text = malloc(JOB_MAX);
		if (u->job[i].text == NULL)
			return KB_ENOMEM;
	}
	for (unsigned i = 0; i < u->queue.threads; i++) {
		/* bound: REMAKE_MEMORY */
		u->memory[i] = aligned_alloc(64, REMAKE_MEMORY);
		if (u->memory[i] == NULL)
			return KB_ENOMEM;
	}
	return bundle_queue_run(&u->queue);
}

/* Puts it behind the image, into the file fd. */
static enum kb_err unpack_behind(struct bundle_view *v, const uint8_t *image, int fd,
				 unsigned threads)
{
	/* bound: one struct */
	struct unpacking *u = calloc(1, sizeof(*u));
	enum kb_err err = KB_ENOMEM;

	if (u == NULL)
		return err;
	u->v = v;
	u->image = image;
	u->fd = fd;
	u->at = v->image;
	err = run_unpacking(u, threads);
	v->seed.size = u->at;
	for (unsigned i = 0; i < BUNDLE_QUEUE_JOBS; i++)
		free(u->job[i].text);
	for (unsigned i = 0; i < BUNDLE_QUEUE_THREADS; i++)
		free(u->memory[i]);
	free(u);
	return err;
}

static enum kb_err map_view_at(uint8_t *p, size_t len, int fd)
{
	const uint8_t *at;

	if (len == 0)
		return KB_OK;
	/* bound: the image, or what it unpacks to */
	at = mmap(p, len, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
	/* lint: memleak: it lies in what the caller mapped, and goes with that */
	return at == p ? KB_OK : err_errno(errno);
}

/* Files are mapped from a page on, which may have 64 KiB: one that begins where the image ends has
 * that before it. */
static bool is_paged(const struct bundle_view *v)
{
	return v->image % (uint64_t)sysconf(_SC_PAGESIZE) == 0;
}

/* Both files, side by side. */
static enum kb_err map_both(struct bundle_view *v, int image, int unpacked)
{
	uint8_t *p;

	if (!util_maps(v->seed.size))
		return KB_ENOMEM;
	/* bound: the image and what it unpacks to */
	p = mmap(NULL, v->seed.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return errno == ENOMEM ? KB_ENOMEM : err_errno(errno);
	v->seed.bytes = p;
	if (!is_paged(v))
		return map_view_at(p, v->seed.size, unpacked);
	TRY(map_view_at(p, v->image, image));
	return map_view_at(p + v->image, v->seed.size - v->image, unpacked);
}

/* ---------------------------------------------------------------- blocks by what they hold */

static uint64_t hash_of(const struct bundle_view *v, struct remake_bytes b)
{
	return bytes_hash(BYTES_HASH_START, b.p, b.len) >> (64 - v->bits);
}

static struct remake_bytes old_bytes(const struct bundle_view *v, size_t i)
{
	const struct bundle_block *b = &v->blocks.block[i];

	return (struct remake_bytes){ v->seed.bytes + b->off, b->stored };
}

/* From the end, so that of several the first is found. */
static enum kb_err index_blocks(struct bundle_view *v)
{
	for (v->bits = 8; v->bits < 24 && 1ull << v->bits < 2 * v->blocks.n; v->bits++)
		;
	/* bound: 16 bytes for each block */
	v->first = calloc((size_t)1 << v->bits, sizeof(*v->first));
	v->next = calloc(v->blocks.n, sizeof(*v->next));
	if (v->first == NULL || v->next == NULL)
		return KB_ENOMEM;
	for (size_t i = v->blocks.n; i-- > 0;) {
		uint32_t *first = &v->first[hash_of(v, old_bytes(v, i))];

		v->next[i] = *first;
		*first = (uint32_t)i + 1;
	}
	return KB_OK;
}

static bool has_bytes(const struct bundle_view *v, size_t i, struct remake_bytes stored)
{
	struct remake_bytes old = old_bytes(v, i);

	return old.len == stored.len && memcmp(old.p, stored.p, old.len) == 0;
}

size_t bundle_view_same(const struct bundle_view *v, struct remake_bytes stored, size_t before)
{
	if (before < v->blocks.n - 1 && has_bytes(v, before + 1, stored))
		return before + 1;
	for (uint32_t i = v->first[hash_of(v, stored)]; i != 0; i = v->next[i - 1]) {
		if (has_bytes(v, i - 1, stored))
			return i - 1;
	}
	return BUNDLE_VIEW_NONE;
}

/* Places go up in the order of text[]. */
size_t bundle_view_block(const struct bundle_view *v, uint64_t at, uint64_t *end)
{
	size_t low = 0, high = v->ntext;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (v->place[v->text[mid]] <= at)
			low = mid;
		else
			high = mid;
	}
	*end = v->place[v->text[low]] + v->blocks.block[v->text[low]].plain;
	if (at < *end)
		return v->text[low];
	*end = low + 1 < v->ntext ? v->place[v->text[low + 1]] : v->seed.size;
	return BUNDLE_VIEW_NONE;
}

static enum kb_err list_text(struct bundle_view *v)
{
	/* bound: a number for each block */
	v->text = calloc(v->blocks.n, sizeof(*v->text));
	if (v->text == NULL)
		return KB_ENOMEM;
	for (size_t i = 0; i < v->blocks.n; i++) {
		if (v->blocks.block[i].plain > 0)
			v->text[v->ntext++] = (uint32_t)i;
	}
	return v->ntext > 0 ? KB_OK : KB_EFORMAT;
}

/* ---------------------------------------------------------------- the whole */

static enum kb_err find_blocks(struct bundle_view *v, const struct bundle_seed *old)
{
	TRY(bundle_blocks_find(&v->blocks, (struct bundle_blocks_image){ old->bytes, old->size }));
	if (v->blocks.n == 0 || v->blocks.n >= UINT32_MAX)
		return KB_EFORMAT;
	/* bound: 8 bytes for each block */
	v->place = calloc(v->blocks.n, sizeof(*v->place));
	return v->place != NULL ? KB_OK : KB_ENOMEM;
}

enum kb_err bundle_view_open(struct bundle_view *v, const struct bundle_seed *old, int fd,
			     const char *output, unsigned threads)
{
	KB_CLEANUP_FD int unpacked = -1;

	memset(v, 0, sizeof(*v));
	v->image = old->size;
	TRY(find_blocks(v, old));
	TRY(bundle_output_spool(output, &unpacked));
	if (!is_paged(v))
		TRY(bundle_output_append(unpacked, old->bytes, old->size));
	TRY(unpack_behind(v, old->bytes, unpacked, threads));
	TRY(list_text(v));
	TRY(map_both(v, fd, unpacked));
	memcpy(v->seed.digest, old->digest, sizeof(v->seed.digest));
	v->seed.nblocks = (uint32_t)(v->seed.size / BLOCK);
	TRY(index_blocks(v));
	return bundle_seed_index(&v->seed);
}

void bundle_view_close(struct bundle_view *v)
{
	bundle_seed_close(&v->seed);
	bundle_blocks_free(&v->blocks);
	free(v->place);
	free(v->text);
	free(v->first);
	free(v->next);
	memset(v, 0, sizeof(*v));
}
