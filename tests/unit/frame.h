/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of zstd as docs/FORMAT.md wants them: no sizes, and no end. */
#pragma once

#include "lib/bytes.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define FRAME_HEAD 6u

/* Begins a frame behind this text. */
static inline ZSTD_CCtx *frame_begin(const void *history, size_t len)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();

	if (z == NULL || ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, 3)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, 22)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0)) ||
	    ZSTD_isError(ZSTD_CCtx_refPrefix(z, history, len)))
		abort();
	return z;
}

/* The stored bytes of a chunk, the next of the frame. */
static inline uint32_t frame_put(ZSTD_CCtx *z, uint8_t *dst, size_t room, const void *src,
				 size_t len)
{
	ZSTD_outBuffer out = { dst, room, 0 };
	ZSTD_inBuffer in = { src, len, 0 };

	if (ZSTD_compressStream2(z, &out, &in, ZSTD_e_flush) != 0)
		abort();
	return (uint32_t)out.pos;
}

/* A frame of one chunk, which refers to nothing. */
static inline uint32_t frame_make(uint8_t *dst, size_t room, const void *src, size_t len)
{
	ZSTD_CCtx *z = frame_begin(NULL, 0);
	uint32_t n = frame_put(z, dst, room, src, len);

	ZSTD_freeCCtx(z);
	return n;
}

/* What zstd makes of a frame, ended here, of one chunk; false: something else than len bytes. */
static inline bool frame_read(void *dst, size_t len, const uint8_t *src, size_t stored)
{
	static const uint8_t last[3] = { 1, 0, 0 }; /* an empty block */
	uint8_t *whole = malloc(stored + sizeof(last));
	size_t n;

	if (whole == NULL)
		abort();
	memcpy(whole, src, stored);
	memcpy(whole + stored, last, sizeof(last));
	n = ZSTD_decompress(dst, len, whole, stored + sizeof(last));
	free(whole);
	return !ZSTD_isError(n) && n == len;
}
