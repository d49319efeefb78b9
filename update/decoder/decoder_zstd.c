/* SPDX-License-Identifier: Apache-2.0 */
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_initStaticDCtx, ZSTD_getFrameHeader */
#include "update/decoder/decoder_zstd.h"

#include <stdalign.h>
#include <stdint.h>
#include <zstd.h>

/* Bits of a frame's descriptor (RFC 8878, 3.1.1.1): the size of that field, or a single segment. */
#define SAYS_CONTENT_SIZE 0xe0u

/* zstd 1.5 needs about 160 KiB; newer ones may want a little more. */
static alignas(64) uint8_t workspace[256u << 10];
static ZSTD_DCtx *dctx;

enum kb_err decoder_zstd_init(void)
{
	dctx = ZSTD_initStaticDCtx(workspace, sizeof(workspace));
	return dctx != NULL ? KB_OK : KB_ENOSPC;
}

/*
 * ZSTD_decompressDCtx() would take several frames, skippable ones, and any window, since it needs
 * none itself; a decoder that streams needs one, so a bundle must not depend on which of them reads
 * it.
 */
static enum kb_err check_frame(const void *src, size_t stored, size_t plain)
{
	const uint8_t *descriptor = (const uint8_t *)src + 4;
	ZSTD_frameHeader fh;

	if (ZSTD_getFrameHeader(&fh, src, stored) != 0)
		return KB_EFORMAT;
	if (fh.frameType != ZSTD_frame || fh.dictID != 0)
		return KB_EFORMAT;
	if (fh.windowSize > 1ull << DECODER_ZSTD_WINDOW_LOG)
		return KB_EFORMAT;
	/* A size of 2^64 - 1 looks like ZSTD_CONTENTSIZE_UNKNOWN. */
	if ((*descriptor & SAYS_CONTENT_SIZE) != 0 && fh.frameContentSize != plain)
		return KB_EFORMAT;
	if (ZSTD_findFrameCompressedSize(src, stored) != stored)
		return KB_EFORMAT;
	return KB_OK;
}

enum kb_err decoder_zstd(void *dst, size_t plain, const void *src, size_t stored)
{
	size_t n;

	if (dctx == NULL)
		return KB_EINVAL;
	TRY(check_frame(src, stored, plain));
	n = ZSTD_decompressDCtx(dctx, dst, plain, src, stored);
	return !ZSTD_isError(n) && n == plain ? KB_OK : KB_EFORMAT;
}
