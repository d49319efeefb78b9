/* SPDX-License-Identifier: Apache-2.0 */
/* Copies and patches as docs/FORMAT.md wants them, put together by hand. */
#pragma once

#include "lib/bytes.h"
#include "tests/unit/frame.h"
#include "update/wire/delta_form.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct patch {
	struct patch_stream {
		uint8_t p[65536];
		size_t n;
	} commands, gaps, words, literals;
};

static inline void patch_number(struct patch_stream *s, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		s->p[s->n++] = (uint8_t)(v | 0x80);
	s->p[s->n++] = (uint8_t)v;
}

static inline void patch_command(struct patch *d, enum delta_type type, uint64_t len)
{
	patch_number(&d->commands, len << DELTA_LEN_SHIFT | type);
}

/* From the seed, at so much behind what is expected. */
static inline void patch_seed(struct patch *d, uint64_t len, int64_t behind)
{
	patch_command(d, DELTA_SEED, len);
	patch_number(&d->commands, (uint64_t)behind << 1 ^ (uint64_t)(behind >> 63));
}

static inline void patch_word(struct patch *d, uint64_t gap, uint32_t add)
{
	patch_number(&d->gaps, gap + 1);
	bytes_put32(d->words.p + d->words.n, add);
	d->words.n += DELTA_WORD;
}

static inline void patch_end(struct patch *d)
{
	patch_number(&d->gaps, 0);
}

static inline void patch_literal(struct patch *d, const void *p, size_t len)
{
	patch_command(d, DELTA_LITERAL, len);
	memcpy(d->literals.p + d->literals.n, p, len);
	d->literals.n += len;
}

static inline size_t patch_raw(const struct patch *d, uint8_t *out)
{
	const struct patch_stream *const all[] = { &d->commands, &d->gaps, &d->words,
						   &d->literals };
	struct patch_stream head = { .n = 0 };
	size_t n;

	for (unsigned i = 0; i < 4; i++)
		patch_number(&head, all[i]->n);
	memcpy(out, head.p, n = head.n);
	for (unsigned i = 0; i < 4; i++) {
		memcpy(out + n, all[i]->p, all[i]->n);
		n += all[i]->n;
	}
	return n;
}

/* A frame that has an end, of these bytes. */
static inline uint32_t patch_frame(uint8_t *dst, size_t room, const void *src, size_t len)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();
	size_t n;

	if (z == NULL || ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, 21)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0)))
		abort();
	n = ZSTD_compress2(z, dst, room, src, len);
	ZSTD_freeCCtx(z);
	if (ZSTD_isError(n))
		abort();
	return (uint32_t)n;
}

/* The stored bytes of a chunk of the form `patch`. */
static inline uint32_t patch_stored(const struct patch *d, uint8_t *dst, size_t room)
{
	static uint8_t raw[4 * 65536 + 64];

	return patch_frame(dst, room, raw, patch_raw(d, raw));
}
