/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_text.h"

#include "cli/bundle/bundle_match.h"
#include "lib/bytes.h"
#include "update/wire/remake_form.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK	   BUNDLE_SEED_BLOCK
#define SAMPLES	   24u	 /* blocks by which the parameters are found */
#define LOOK_AHEAD 4096u /* bytes */
#define RUN_MAX	   256u	 /* blocks */

static size_t padded(size_t len)
{
	return (len + BLOCK - 1) / BLOCK * BLOCK;
}

static struct remake_bytes stored_at(const struct bundle_text_image *im, size_t i)
{
	const struct bundle_block *b = &im->blocks.block[i];

	return (struct remake_bytes){ im->bytes.p + b->off, b->stored };
}

/* ---------------------------------------------------------------- the image */

static bool is_new(const struct bundle_text_image *im, size_t i)
{
	return im->blocks.block[i].plain > 0 && im->same[i] == BUNDLE_VIEW_NONE;
}

/* Into out, which has room for a block; 0: it does not unpack. */
static size_t unpack(const struct bundle_text_image *im, struct bundle_how_memory *m, size_t i,
		     uint8_t *out)
{
	const struct remake_library *library = remake_library_of(im->blocks.packer);
	const struct bundle_block *b = &im->blocks.block[i];
	struct remake_arena arena = { .p = m->arena, .size = REMAKE_MEMORY };
	size_t len;

	return library->unpack(&arena, bundle_block_packed(b, im->bytes.p), out, b->plain, &len) ==
			       KB_OK
		       ? len
		       : 0;
}

/* What a compressor looks at behind a block that it fills: some text of the next one, into out,
 * which has room for a block. */
static size_t look_ahead(const struct bundle_text_image *im, struct bundle_how_memory *m, size_t i,
			 uint8_t *out)
{
	size_t len;

	if (!im->blocks.filled || i >= im->blocks.n || !im->blocks.block[i].next ||
	    im->blocks.block[i].plain == 0)
		return 0;
	len = unpack(im, m, i, out);
	return len < LOOK_AHEAD ? len : LOOK_AHEAD;
}

/* Of the blocks that are new, SAMPLES that are spread over the image. */
static void try_samples(struct bundle_text_image *im, struct bundle_how_memory *m, uint8_t *text,
			size_t nnew)
{
	unsigned hits[BUNDLE_HOW_MAX] = { 0 }, last = 0;
	size_t every = nnew / SAMPLES + 1, seen = 0;

	for (size_t i = 0; i < im->blocks.n; i++) {
		size_t len;
		unsigned found;

		if (!is_new(im, i) || seen++ % every != 0)
			continue;
		len = unpack(im, m, i, text);
		if (len == 0 || len + LOOK_AHEAD > REMAKE_BLOCK_MAX)
			continue;
		len += look_ahead(im, m, i + 1, text + len);
		found = bundle_how_find(&im->how, im->blocks.packer, m,
					(struct remake_bytes){ text, len }, stored_at(im, i), last);
		if (found < im->how.n)
			hits[last = found]++;
	}
	bundle_how_keep(&im->how, hits);
}

static enum kb_err find_how(struct bundle_text_image *im, size_t nnew)
{
	struct bundle_how_memory m = { .arena = NULL };
	/* bound: two blocks */
	uint8_t *text = malloc(2 * (size_t)REMAKE_BLOCK_MAX);
	enum kb_err err = bundle_how_memory_alloc(&m);

	bundle_how_begin(&im->how, &im->blocks);
	if (err == KB_OK && text != NULL)
		try_samples(im, &m, text, nnew);
	else
		err = KB_ENOMEM;
	bundle_how_memory_free(&m);
	free(text);
	return err == KB_OK && im->how.n == 0 ? KB_EFORMAT : err;
}

enum kb_err bundle_text_open(struct bundle_text_image *im, struct bundle_blocks_image bytes,
			     uint32_t chunk, const struct bundle_view *v)
{
	size_t before = BUNDLE_VIEW_NONE, nnew = 0;

	memset(im, 0, sizeof(*im));
	im->bytes = bytes;
	im->chunk = chunk;
	TRY(bundle_blocks_find(&im->blocks, bytes));
	if (im->blocks.n == 0 || im->blocks.packer != v->blocks.packer)
		return KB_EFORMAT;
	/* bound: a number for each block */
	im->same = calloc(im->blocks.n, sizeof(*im->same));
	if (im->same == NULL)
		return KB_ENOMEM;
	for (size_t i = 0; i < im->blocks.n; i++) {
		before = im->same[i] = bundle_view_same(v, stored_at(im, i), before);
		nnew += is_new(im, i);
	}
	return nnew > 0 ? find_how(im, nnew) : KB_OK;
}

void bundle_text_close(struct bundle_text_image *im)
{
	bundle_blocks_free(&im->blocks);
	free(im->same);
	im->same = NULL;
}

size_t bundle_text_need(const struct bundle_text_image *im, size_t i)
{
	const struct bundle_block *b = &im->blocks.block[i];

	if (im->same[i] != BUNDLE_VIEW_NONE)
		return 0;
	return padded(b->plain > b->stored ? b->plain : b->stored);
}

size_t bundle_text_block(const struct bundle_text_image *im, uint64_t off)
{
	size_t low = 0, high = im->blocks.n;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (im->blocks.block[mid].off <= off)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* ---------------------------------------------------------------- a piece of it */

/* Blocks of the older image that are the same, one by one. */
static void map_text(struct bundle_text *t, const struct bundle_view *v, size_t len)
{
	size_t n = padded(len) / BLOCK;
	uint32_t before = BUNDLE_SEED_NONE;

	memset(t->p + t->len + len, 0, padded(len) - len);
	for (size_t i = 0; i < n; i++, t->len += BLOCK) {
		uint32_t *found = &t->map[t->len / BLOCK];

		*found = BUNDLE_MATCH_ZERO;
		if (bytes_all(t->p + t->len, BLOCK, 0))
			continue;
		*found = bundle_seed_block(&v->seed, t->p + t->len, n - i, before);
		if (*found != BUNDLE_SEED_NONE)
			before = *found;
	}
}

static void add_raw(struct bundle_text *t, const struct bundle_text_image *im,
		    const struct bundle_view *v, struct bundle_part *part)
{
	part->type = BUNDLE_PART_RAW;
	part->text = t->len;
	part->text_len = part->len;
	if (padded(part->len) > t->room - t->len) {
		part->text = SIZE_MAX;
		return;
	}
	memcpy(t->p + t->len, im->bytes.p + part->off, part->len);
	map_text(t, v, part->len);
}

static bool add_unpacked(struct bundle_text *t, const struct bundle_text_image *im,
			 const struct bundle_view *v, struct bundle_how_memory *m,
			 struct bundle_part *part, unsigned *last)
{
	const struct bundle_block *b = &im->blocks.block[part->block];
	unsigned found;
	size_t len;

	if (b->plain == 0 || padded(b->plain) > t->room - t->len)
		return false;
	len = unpack(im, m, part->block, t->p + t->len);
	if (len == 0)
		return false;
	found = bundle_how_find(&im->how, im->blocks.packer, m,
				(struct remake_bytes){ t->p + t->len, len },
				stored_at(im, part->block), *last);
	if (found == im->how.n)
		return false;
	*last = found;
	part->type = BUNDLE_PART_BLOCK;
	part->how = im->how.how[found];
	part->text = t->len;
	part->text_len = len;
	map_text(t, v, len);
	return true;
}

/* ---------------------------------------------------------------- blocks that are filled */

/* Blocks of a file that lie and belong behind each other, from block i on. */
struct run {
	size_t first, n;
	/* in the text: where that of each begins, and where all ends; of it, what follows */
	size_t at[RUN_MAX + 1], ahead;
};

/* As many as one piece of a chunk may have. */
static size_t unpack_run(struct bundle_text *t, const struct bundle_text_image *im,
			 struct bundle_how_memory *m, struct run *r, uint64_t end)
{
	size_t at = t->len, len;

	for (r->n = 0; r->n < RUN_MAX; r->n++, at += len) {
		size_t i = r->first + r->n;
		const struct bundle_block *b = &im->blocks.block[i];

		r->at[r->n] = at;
		if (i >= im->blocks.n || !is_new(im, i) || b->off + b->stored > end ||
		    (r->n > 0 && (!b->next || b->off != b[-1].off + b[-1].stored)) ||
		    at - t->len + b->plain + LOOK_AHEAD > REMAKE_BLOCK_MAX ||
		    b->plain + (size_t)REMAKE_BLOCK_MAX + BLOCK > t->room - at)
			break;
		len = unpack(im, m, i, t->p + at);
		if (len != b->plain)
			break;
	}
	r->at[r->n] = at;
	r->ahead = r->n > 0 ? look_ahead(im, m, r->first + r->n, t->p + at) : 0;
	return r->n;
}

/* The text of some blocks, and what the compressor looks at behind it. */
static struct remake_bytes run_text(const struct bundle_text *t, const struct run *r, size_t from,
				    size_t end)
{
	size_t len = r->at[end] - r->at[from], ahead = r->at[r->n] + r->ahead - r->at[end];

	return (struct remake_bytes){ t->p + r->at[from],
				      len + (ahead < LOOK_AHEAD ? ahead : LOOK_AHEAD) };
}

/* Parts of blocks that the same parameters make. */
static void add_filled_parts(struct bundle_text *t, const struct bundle_text_image *im,
			     struct bundle_how_memory *m, const struct run *r, unsigned *last)
{
	enum remake_packer packer = im->blocks.packer;

	for (size_t k = 0, end; k < r->n; k = end) {
		struct bundle_part *part = &t->part[t->nparts++];
		struct remake_bytes stored = stored_at(im, r->first + k), text = { NULL, 0 };
		unsigned found = bundle_how_find(&im->how, packer, m, run_text(t, r, k, k + 1),
						 stored, *last);

		*part = (struct bundle_part){ .type = BUNDLE_PART_RAW,
					      .block = r->first + k,
					      .off = im->blocks.block[r->first + k].off,
					      .len = (uint32_t)stored.len,
					      .text = SIZE_MAX };
		end = k + 1;
		if (found == im->how.n)
			continue;
		*last = found;
		part->type = BUNDLE_PART_FILLED;
		part->how = im->how.how[found];
		part->text = r->at[k];
		text = run_text(t, r, k, r->n);
		if (bundle_how_makes(packer, part->how, m, text,
				     (struct remake_bytes){ stored.p, stored.len * (r->n - k) }))
			end = r->n;
		else
			text = run_text(t, r, k, end);
		part->text_len = text.len;
		part->len = (uint32_t)(stored.len * (end - k));
	}
}

/* How many blocks from i on became parts. */
static size_t add_filled_run(struct bundle_text *t, const struct bundle_text_image *im,
			     const struct bundle_view *v, struct bundle_how_memory *m, size_t i,
			     unsigned *last)
{
	uint64_t off = im->blocks.block[i].off;
	struct run r = { .first = i };

	if (unpack_run(t, im, m, &r, off - off % im->chunk + im->chunk) == 0)
		return 0;
	add_filled_parts(t, im, m, &r, last);
	map_text(t, v, r.at[r.n] + r.ahead - t->len);
	return r.n;
}

void bundle_text_make(struct bundle_text *t, const struct bundle_text_image *im,
		      const struct bundle_view *v, struct bundle_how_memory *m, uint64_t off,
		      uint64_t end)
{
	unsigned last = 0;

	t->len = t->nparts = 0;
	for (size_t i = bundle_text_block(im, off); off < end; i++) {
		const struct bundle_block *b = &im->blocks.block[i];
		uint64_t stop = b->off + b->stored < end ? b->off + b->stored : end;
		struct bundle_part *part;

		if (im->blocks.filled && off == b->off) {
			size_t n = add_filled_run(t, im, v, m, i, &last);

			if (n > 0) {
				i += n - 1;
				off = im->blocks.block[i].off + im->blocks.block[i].stored;
				continue;
			}
		}
		part = &t->part[t->nparts++];
		*part = (struct bundle_part){ .block = i, .off = off };
		part->len = (uint32_t)(stop - off);
		if (im->same[i] == BUNDLE_VIEW_NONE &&
		    (im->blocks.filled || !add_unpacked(t, im, v, m, part, &last)))
			add_raw(t, im, v, part);
		off = stop;
	}
}
