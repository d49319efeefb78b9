/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_streams.h"

#include "lib/bytes.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define LEVEL	   19
#define WINDOW_LOG 21

static enum kb_err alloc_stream(struct bundle_stream *s, size_t room)
{
	/* bound: what the caller lets the streams of a chunk have */
	s->p = malloc(room);
	return s->p != NULL ? KB_OK : KB_ENOMEM;
}

static bool set_zstd(ZSTD_CCtx *z, ZSTD_cParameter name, int value)
{
	return !ZSTD_isError(ZSTD_CCtx_setParameter(z, name, value));
}

static enum kb_err alloc_zstd(struct bundle_streams *s)
{
	s->zstd = ZSTD_createCCtx();
	if (s->zstd == NULL)
		return KB_ENOMEM;
	return set_zstd(s->zstd, ZSTD_c_compressionLevel, LEVEL) &&
			       set_zstd(s->zstd, ZSTD_c_windowLog, WINDOW_LOG) &&
			       set_zstd(s->zstd, ZSTD_c_minMatch, 3) &&
			       set_zstd(s->zstd, ZSTD_c_contentSizeFlag, 0) &&
			       set_zstd(s->zstd, ZSTD_c_checksumFlag, 0)
		       ? KB_OK
		       : KB_EIO;
}

enum kb_err bundle_streams_alloc(struct bundle_streams *s, size_t room)
{
	memset(s, 0, sizeof(*s));
	s->room = room;
	TRY(alloc_stream(&s->commands, room));
	TRY(alloc_stream(&s->gaps, room));
	TRY(alloc_stream(&s->words, room));
	TRY(alloc_stream(&s->literals, room));
	TRY(alloc_stream(&s->all, room));
	return alloc_zstd(s);
}

void bundle_streams_free(struct bundle_streams *s)
{
	free(s->commands.p);
	free(s->gaps.p);
	free(s->words.p);
	free(s->literals.p);
	free(s->all.p);
	ZSTD_freeCCtx(s->zstd);
	memset(s, 0, sizeof(*s));
}

/* ---------------------------------------------------------------- what is put into them */

static void put_bytes(struct bundle_streams *s, struct bundle_stream *to, const void *data,
		      size_t n)
{
	if (n > s->room - to->n) {
		s->full = true;
		return;
	}
	memcpy(to->p + to->n, data, n);
	to->n += n;
}

void bundle_streams_number(struct bundle_streams *s, struct bundle_stream *to, uint64_t v)
{
	uint8_t bytes[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		bytes[n++] = (uint8_t)(v | 0x80);
	bytes[n++] = (uint8_t)v;
	put_bytes(s, to, bytes, n);
}

static void put_command(struct bundle_streams *s, enum delta_type type, uint64_t len)
{
	bundle_streams_number(s, &s->commands, len << DELTA_LEN_SHIFT | type);
	s->ncommands++;
}

/* Where a word begins that has the byte i, which differs: `gap` bytes before are free. */
static uint64_t begin_word(const struct bundle_streams *s, uint64_t i, uint64_t gap, uint64_t at,
			   uint64_t len)
{
	uint64_t back = (at + i) % s->align;

	return back <= gap && i - back + DELTA_WORD <= len ? i - back : i;
}

static void put_word(struct bundle_streams *s, const uint8_t *t, const uint8_t *was, uint64_t n)
{
	uint8_t is[DELTA_WORD] = { 0 }, before[DELTA_WORD] = { 0 };

	memcpy(is, t, n);
	memcpy(before, was, n);
	bytes_put32(is, bytes_get32(is) - bytes_get32(before));
	put_bytes(s, &s->words, is, DELTA_WORD);
}

/* What must be added to the bytes of the seed. */
static void put_words(struct bundle_streams *s, const struct bundle_streams_text *t,
		      const uint8_t *was)
{
	uint64_t end = 0; /* of the word before */

	for (uint64_t i = 0; i < t->len;) {
		uint64_t begin, n;

		if (t->p[i] == was[i]) {
			i++;
			continue;
		}
		begin = begin_word(s, i, i - end, t->at, t->len);
		n = t->len - begin < DELTA_WORD ? t->len - begin : DELTA_WORD;
		bundle_streams_number(s, &s->gaps, begin - end + 1);
		put_word(s, t->p + begin, was + begin, n);
		i = end = begin + n;
		s->needs_patch = true;
	}
	bundle_streams_number(s, &s->gaps, 0);
}

void bundle_streams_begin(struct bundle_streams *s, uint64_t at)
{
	s->commands.n = s->gaps.n = s->words.n = s->literals.n = s->all.n = 0;
	s->full = s->needs_patch = false;
	s->ncommands = 0;
	s->expected = at;
}

void bundle_streams_seed(struct bundle_streams *s, const struct bundle_streams_text *t,
			 const uint8_t *was, uint64_t from)
{
	uint64_t behind = from - s->expected;

	put_command(s, DELTA_SEED, t->len);
	bundle_streams_number(s, &s->commands, behind << 1 ^ (0 - (behind >> 63)));
	put_words(s, t, was);
	s->expected = from + t->len;
}

void bundle_streams_literal(struct bundle_streams *s, const struct bundle_streams_text *t)
{
	put_command(s, DELTA_LITERAL, t->len);
	put_bytes(s, &s->literals, t->p, t->len);
	s->needs_patch = true;
	s->expected += t->len;
}

void bundle_streams_zero(struct bundle_streams *s, uint64_t len)
{
	put_command(s, DELTA_ZERO, len);
	s->expected += len;
}

/* ---------------------------------------------------------------- the frame */

size_t bundle_streams_frame_room(const struct bundle_streams *s)
{
	return ZSTD_compressBound(s->room);
}

enum kb_err bundle_streams_compress(struct bundle_streams *s,
				    const struct bundle_stream *const stream[], unsigned n,
				    size_t most, uint8_t *frame, size_t *len)
{
	*len = 0;
	for (unsigned i = 0; i < n; i++)
		bundle_streams_number(s, &s->all, stream[i]->n);
	for (unsigned i = 0; i < n; i++)
		put_bytes(s, &s->all, stream[i]->p, stream[i]->n);
	if (s->full || s->all.n > most)
		return KB_OK;
	if (ZSTD_isError(ZSTD_CCtx_reset(s->zstd, ZSTD_reset_session_only)))
		return KB_EIO;
	*len = ZSTD_compress2(s->zstd, frame, bundle_streams_frame_room(s), s->all.p, s->all.n);
	return ZSTD_isError(*len) ? KB_EIO : KB_OK;
}
