/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_patch.h"

#include "lib/bytes.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define LEVEL	   19
#define WINDOW_LOG 21
#define TRY_BOTH   3u /* chunks of which both ways are tried */
#define FRAME_ROOM ZSTD_COMPRESSBOUND(BUNDLE_PATCH_ROOM)

static enum kb_err alloc_stream(struct bundle_patch_stream *s)
{
	/* bound: a chunk and what the streams may exceed it by */
	s->p = malloc(BUNDLE_PATCH_ROOM);
	return s->p != NULL ? KB_OK : KB_ENOSPC;
}

static bool set_zstd(ZSTD_CCtx *z, ZSTD_cParameter name, int value)
{
	return !ZSTD_isError(ZSTD_CCtx_setParameter(z, name, value));
}

static enum kb_err alloc_zstd(struct bundle_patch *p)
{
	p->zstd = ZSTD_createCCtx();
	if (p->zstd == NULL)
		return KB_ENOSPC;
	return set_zstd(p->zstd, ZSTD_c_compressionLevel, LEVEL) &&
			       set_zstd(p->zstd, ZSTD_c_windowLog, WINDOW_LOG) &&
			       set_zstd(p->zstd, ZSTD_c_minMatch, 3) &&
			       set_zstd(p->zstd, ZSTD_c_contentSizeFlag, 0) &&
			       set_zstd(p->zstd, ZSTD_c_checksumFlag, 0)
		       ? KB_OK
		       : KB_EIO;
}

enum kb_err bundle_patch_alloc(struct bundle_patch *p, const struct bundle_seed *seed)
{
	memset(p, 0, sizeof(*p));
	p->seed = seed;
	TRY(alloc_stream(&p->commands));
	TRY(alloc_stream(&p->gaps));
	TRY(alloc_stream(&p->words));
	TRY(alloc_stream(&p->literals));
	TRY(alloc_stream(&p->all));
	for (unsigned i = 0; i < 2; i++) {
		/* bound: the same, and what zstd may make it longer by */
		p->frame[i] = malloc(FRAME_ROOM);
		if (p->frame[i] == NULL)
			return KB_ENOSPC;
	}
	return alloc_zstd(p);
}

void bundle_patch_free(struct bundle_patch *p)
{
	free(p->commands.p);
	free(p->gaps.p);
	free(p->words.p);
	free(p->literals.p);
	free(p->all.p);
	free(p->frame[0]);
	free(p->frame[1]);
	ZSTD_freeCCtx(p->zstd);
	memset(p, 0, sizeof(*p));
}

/* ---------------------------------------------------------------- streams */

static void put_bytes(struct bundle_patch *p, struct bundle_patch_stream *s, const void *data,
		      size_t n)
{
	if (n > BUNDLE_PATCH_ROOM - s->n) {
		p->full = true;
		return;
	}
	memcpy(s->p + s->n, data, n);
	s->n += n;
}

static void put_number(struct bundle_patch *p, struct bundle_patch_stream *s, uint64_t v)
{
	uint8_t bytes[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		bytes[n++] = (uint8_t)(v | 0x80);
	bytes[n++] = (uint8_t)v;
	put_bytes(p, s, bytes, n);
}

static void put_command(struct bundle_patch *p, enum delta_type type, uint64_t len)
{
	put_number(p, &p->commands, len << DELTA_LEN_SHIFT | type);
	p->ncommands++;
}

/* Where a word begins that has the byte i, which differs: `gap` bytes before are free. */
static uint64_t begin_word(const struct bundle_patch *p, uint64_t i, uint64_t gap, uint64_t at,
			   uint64_t len)
{
	uint64_t back = (at + i) % p->align;

	return back <= gap && i - back + DELTA_WORD <= len ? i - back : i;
}

static void put_word(struct bundle_patch *p, const uint8_t *t, const uint8_t *s, uint64_t n)
{
	uint8_t is[DELTA_WORD] = { 0 }, was[DELTA_WORD] = { 0 };

	memcpy(is, t, n);
	memcpy(was, s, n);
	bytes_put32(is, bytes_get32(is) - bytes_get32(was));
	put_bytes(p, &p->words, is, DELTA_WORD);
}

/* What must be added to len bytes of the seed; at: where they are in the image. */
static void put_words(struct bundle_patch *p, const uint8_t *t, const uint8_t *s, uint64_t len,
		      uint64_t at)
{
	uint64_t end = 0; /* of the word before */

	for (uint64_t i = 0; i < len;) {
		uint64_t begin, n;

		if (t[i] == s[i]) {
			i++;
			continue;
		}
		begin = begin_word(p, i, i - end, at, len);
		n = len - begin < DELTA_WORD ? len - begin : DELTA_WORD;
		put_number(p, &p->gaps, begin - end + 1);
		put_word(p, t + begin, s + begin, n);
		i = end = begin + n;
		p->needs_patch = true;
	}
	put_number(p, &p->gaps, 0);
}

/* The part of a piece that lies in the chunk. */
static struct bundle_match_piece cut_piece(const struct bundle_match_piece *x,
					   const struct bundle_patch_chunk *c)
{
	uint64_t end = x->at + x->len, last = c->in_job + c->len;
	struct bundle_match_piece cut = *x;

	if (cut.at < c->in_job) {
		cut.from += c->in_job - cut.at;
		cut.at = c->in_job;
	}
	cut.len = (end < last ? end : last) - cut.at;
	return cut;
}

/* One command for neighbours that lie side by side in the seed, too. */
static size_t join_pieces(struct bundle_match_piece *x, const struct bundle_match_piece *piece,
			  size_t i, size_t n, const struct bundle_patch_chunk *c)
{
	while (++i < n && piece[i].at < c->in_job + c->len) {
		struct bundle_match_piece next = cut_piece(&piece[i], c);

		if (next.type != x->type ||
		    (x->type == DELTA_SEED && next.from != x->from + x->len))
			break;
		x->len += next.len;
	}
	return i;
}

static void put_piece(struct bundle_patch *p, const struct bundle_patch_chunk *c,
		      const struct bundle_match_piece *x, uint64_t *expected)
{
	const uint8_t *t = c->plain + (x->at - c->in_job);
	uint64_t behind = x->from - *expected;

	put_command(p, x->type, x->len);
	if (x->type == DELTA_SEED) {
		put_number(p, &p->commands, behind << 1 ^ (0 - (behind >> 63)));
		put_words(p, t, p->seed->bytes + x->from, x->len, c->at + (x->at - c->in_job));
		*expected = x->from;
	} else if (x->type == DELTA_LITERAL) {
		put_bytes(p, &p->literals, t, x->len);
		p->needs_patch = true;
	}
	*expected += x->len;
}

static void put_pieces(struct bundle_patch *p, const struct bundle_patch_chunk *c,
		       const struct bundle_match_piece *piece, size_t n)
{
	uint64_t expected = c->at;

	p->commands.n = p->gaps.n = p->words.n = p->literals.n = p->all.n = 0;
	p->full = p->needs_patch = false;
	p->ncommands = 0;
	for (size_t i = 0; i < n && piece[i].at < c->in_job + c->len;) {
		struct bundle_match_piece x = cut_piece(&piece[i], c);

		i = join_pieces(&x, piece, i, n, c);
		put_piece(p, c, &x, &expected);
	}
	p->full |= p->ncommands > c->len / DELTA_COMMAND_BYTES;
}

/* ---------------------------------------------------------------- stored bytes */

static void join_streams(struct bundle_patch *p)
{
	const struct bundle_patch_stream *const s[] = { &p->commands, &p->gaps, &p->words,
							&p->literals };

	for (unsigned i = 0; i < 4; i++)
		put_number(p, &p->all, s[i]->n);
	for (unsigned i = 0; i < 4; i++)
		put_bytes(p, &p->all, s[i]->p, s[i]->n);
}

/* 0: they do not fit. */
static enum kb_err compress_streams(struct bundle_patch *p, uint32_t len, uint8_t *frame, size_t *n)
{
	*n = 0;
	join_streams(p);
	if (p->full || p->all.n > len + DELTA_MORE)
		return KB_OK;
	if (ZSTD_isError(ZSTD_CCtx_reset(p->zstd, ZSTD_reset_session_only)))
		return KB_EIO;
	*n = ZSTD_compress2(p->zstd, frame, FRAME_ROOM, p->all.p, p->all.n);
	return ZSTD_isError(*n) ? KB_EIO : KB_OK;
}

static void choose(struct bundle_patch_chunk *c, enum reader_form form, const uint8_t *stored,
		   size_t n)
{
	if (n == 0 || n >= c->stored_len)
		return;
	c->form = form;
	c->stored = stored;
	c->stored_len = (uint32_t)n;
}

void bundle_patch_begin(struct bundle_patch *p)
{
	p->tried = 0;
	p->sum[0] = p->sum[1] = 0;
}

/* Whether this way is worth a try: both at first, then the one that was better. */
static bool is_worth(const struct bundle_patch *p, unsigned way)
{
	return p->tried < TRY_BOTH || (p->sum[1] < p->sum[0]) == (way == 1);
}

static enum kb_err try_way(struct bundle_patch *p, struct bundle_patch_chunk *c, unsigned way)
{
	size_t stored;

	TRY(compress_streams(p, c->len, p->frame[way], &stored));
	choose(c, READER_PATCH, p->frame[way], stored);
	if (p->tried < TRY_BOTH)
		p->sum[way] += stored > 0 ? stored : c->len;
	return KB_OK;
}

enum kb_err bundle_patch_make(struct bundle_patch *p, struct bundle_patch_chunk *c,
			      const struct bundle_match_piece *piece, size_t n)
{
	static const unsigned aligns[] = { 1, DELTA_WORD };

	c->form = READER_RAW;
	c->stored = c->plain;
	c->stored_len = c->len;
	for (unsigned i = 0; i < 2; i++) {
		p->align = aligns[i];
		if (!is_worth(p, i))
			continue;
		put_pieces(p, c, piece, n);
		if (!p->needs_patch) {
			choose(c, READER_COPY, p->commands.p, p->full ? 0 : p->commands.n);
			return KB_OK; /* it has no words */
		}
		TRY(try_way(p, c, i));
	}
	p->tried++;
	return KB_OK;
}
