/* SPDX-License-Identifier: Apache-2.0 */
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_initStaticDCtx */
#include "update/decoder/remake.h"

#include "lib/util.h"
#include "update/wire/delta_form.h"

#include <string.h>
#include <zstd.h>

/* A chunk on its way. */
struct remaking {
	struct remake *r;
	const struct remake_library *library;
	struct delta_stream pieces;
	struct delta_making m;
	uint8_t *dst;
	/* of dst; how much text blocks may still have */
	size_t left, text_left;
};

enum kb_err remake_init(struct remake *r)
{
	r->dctx = ZSTD_initStaticDCtx(r->workspace, sizeof(r->workspace));
	return r->dctx != NULL ? KB_OK : KB_ENOSPC;
}

static struct remake_arena all_memory(struct remake *r)
{
	return (struct remake_arena){ .p = r->arena, .size = sizeof(r->arena) };
}

/* ---------------------------------------------------------------- the seed, unpacked */

static enum kb_err unpack_block(struct remaking *k, uint64_t at, uint64_t stored, uint64_t plain)
{
	struct remake *r = k->r;
	struct remake_arena arena = all_memory(r);
	size_t len;

	if (stored == 0 || stored > sizeof(r->packed) || stored > r->seed->size - at ||
	    plain == 0 || plain > REMAKE_BLOCK_MAX || plain > sizeof(r->view) - r->view_len)
		return KB_EFORMAT;
	TRY(r->seed->read(r->seed->ctx, at, r->packed, (size_t)stored));
	TRY(k->library->unpack(&arena, (struct remake_bytes){ r->packed, (size_t)stored },
			       r->view + r->view_len, (size_t)plain, &len));
	r->view_len += len;
	return len == plain ? KB_OK : KB_EFORMAT;
}

/* Of each block: how far it is behind the one before, its length, and what it unpacks to. */
static enum kb_err unpack_blocks(struct remaking *k, struct delta_stream sources)
{
	uint64_t at = 0, gap, stored, plain;

	k->r->view_len = 0;
	while (sources.at < sources.end) {
		TRY(delta_number(&sources, &gap));
		TRY(delta_number(&sources, &stored));
		TRY(delta_number(&sources, &plain));
		if (gap > k->r->seed->size - at)
			return KB_EFORMAT;
		at += gap;
		TRY(unpack_block(k, at, stored, plain));
		at += stored;
	}
	return KB_OK;
}

/* The seed, and behind it what was unpacked. */
static enum kb_err read_view(void *ctx, uint64_t off, void *buf, size_t len)
{
	const struct remake *r = ctx;
	uint8_t *p = buf;
	size_t n = 0;

	if (off < r->seed->size) {
		n = len < r->seed->size - off ? len : (size_t)(r->seed->size - off);
		TRY(r->seed->read(r->seed->ctx, off, p, n));
		off += n;
	}
	if (n < len)
		memcpy(p + n, r->view + (off - r->seed->size), len - n);
	return KB_OK;
}

/* ---------------------------------------------------------------- pieces */

static enum kb_err make_text(struct remaking *k, size_t len)
{
	if (len > REMAKE_BLOCK_MAX || len > k->text_left)
		return KB_EFORMAT;
	k->text_left -= len;
	k->m.left += len / DELTA_COMMAND_BYTES;
	return delta_make(&k->m, k->r->text, len);
}

static enum kb_err get_how(struct remaking *k, struct remake_how *how)
{
	uint64_t a, b;

	TRY(delta_number(&k->pieces, &a));
	TRY(delta_number(&k->pieces, &b));
	*how = (struct remake_how){ (uint32_t)a, (uint32_t)b };
	return a <= UINT32_MAX && b <= UINT32_MAX ? KB_OK : KB_EFORMAT;
}

/* Of the compressed bytes, the chunk has `take`, behind `skip`. */
static enum kb_err make_block(struct remaking *k, size_t len)
{
	struct remake_arena arena = all_memory(k->r);
	struct remake_how how;
	uint64_t skip, take;
	size_t packed;

	TRY(delta_number(&k->pieces, &skip));
	TRY(delta_number(&k->pieces, &take));
	TRY(get_how(k, &how));
	if (take == 0 || take > k->left)
		return KB_EFORMAT;
	TRY(make_text(k, len));
	TRY(k->library->pack(&arena, how, (struct remake_bytes){ k->r->text, len }, k->r->packed,
			     sizeof(k->r->packed), &packed));
	if (skip > packed || take > packed - skip)
		return KB_EFORMAT;
	memcpy(k->dst, k->r->packed + skip, (size_t)take);
	k->dst += take;
	k->left -= (size_t)take;
	return KB_OK;
}

static enum kb_err make_filled(struct remaking *k, size_t len)
{
	struct remake_arena arena = all_memory(k->r);
	struct remake_how how;
	uint64_t blocks, take;

	TRY(delta_number(&k->pieces, &blocks));
	TRY(get_how(k, &how));
	take = blocks * how.size;
	if (k->library->fill == NULL || blocks == 0 || blocks > k->left || take == 0 ||
	    take > k->left)
		return KB_EFORMAT;
	TRY(make_text(k, len));
	TRY(k->library->fill(&arena, how, (struct remake_bytes){ k->r->text, len }, k->dst,
			     (uint32_t)blocks));
	k->dst += take;
	k->left -= (size_t)take;
	return KB_OK;
}

static enum kb_err make_as_is(struct remaking *k, size_t len)
{
	if (len > k->left)
		return KB_EFORMAT;
	TRY(delta_make(&k->m, k->dst, len));
	k->dst += len;
	k->left -= len;
	return KB_OK;
}

static enum kb_err make_piece(struct remaking *k)
{
	uint64_t v, len;

	TRY(delta_number(&k->pieces, &v));
	len = v >> REMAKE_LEN_SHIFT;
	if (len == 0 || len > REMAKE_TEXT_MAX)
		return KB_EFORMAT;
	switch (v & REMAKE_TYPE_MASK) {
	case REMAKE_AS_IS:
		return make_as_is(k, (size_t)len);
	case REMAKE_BLOCK:
		return make_block(k, (size_t)len);
	case REMAKE_FILL:
		return make_filled(k, (size_t)len);
	default:
		return KB_EFORMAT;
	}
}

static enum kb_err make_pieces(struct remaking *k)
{
	while (k->pieces.at < k->pieces.end)
		TRY(make_piece(k));
	return k->left == 0 ? delta_end(&k->m) : KB_EFORMAT;
}

enum kb_err remake_chunk(struct remake *r, void *dst, size_t plain, const struct remake_chunk *c,
			 const struct delta_seed *seed)
{
	struct delta_seed view = { .read = read_view, .ctx = r };
	struct delta_stream sources;
	struct remaking k = {
		.r = r,
		.library = remake_library_of(c->packer),
		.m = { .seed = &view,
		       .patching = true,
		       .expected = c->at,
		       .left = plain / DELTA_COMMAND_BYTES },
		.dst = dst,
		.left = plain,
		.text_left = REMAKE_TEXT_MAX,
	};
	struct delta_stream *const parts[] = { &sources,    &k.pieces,	  &k.m.s.commands,
					       &k.m.s.gaps, &k.m.s.words, &k.m.s.literals };
	size_t len;

	if (k.library == NULL || r->dctx == NULL)
		return KB_EINVAL;
	r->seed = seed;
	TRY(decoder_frame_whole(r->dctx, r->streams, sizeof(r->streams), c->stored, c->stored_len,
				&len));
	TRY(delta_split((struct delta_stream){ r->streams, r->streams + len }, parts,
			KB_ARRAY_LEN(parts)));
	TRY(unpack_blocks(&k, sources));
	view.size = seed->size + r->view_len;
	return make_pieces(&k);
}
