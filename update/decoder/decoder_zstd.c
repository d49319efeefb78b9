/* SPDX-License-Identifier: Apache-2.0 */
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_initStaticDCtx, and decoding block by block */
#define ZSTD_DISABLE_DEPRECATE_WARNINGS
#include "update/decoder/decoder_zstd.h"

#include "update/decoder/decoder_frame.h"
#include "update/wire/manifest_limits.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>
#include <zstd.h>

#define WINDOW_MAX 0x60u /* 4 MiB: MANIFEST_FRAME_MAX */

static alignas(64) uint8_t workspace[DECODER_FRAME_WORKSPACE];
static ZSTD_DCtx *dctx;

/* The end of the text. A frame lies behind what it refers to, so that libzstd writes it here. */
static uint8_t text[MANIFEST_HISTORY + MANIFEST_FRAME_MAX];
static size_t text_len;
/* A frame is open, with so many bytes so far. */
static bool open;
static size_t frame_len;

enum kb_err decoder_zstd_init(void)
{
	decoder_zstd_forget();
	dctx = ZSTD_initStaticDCtx(workspace, sizeof(workspace));
	return dctx != NULL ? KB_OK : KB_ENOSPC;
}

void decoder_zstd_forget(void)
{
	open = false;
	text_len = 0;
}

static size_t history_len(void)
{
	return text_len < MANIFEST_HISTORY ? text_len : MANIFEST_HISTORY;
}

/* For len more bytes of text, at most a frame. */
static void make_room(size_t len)
{
	size_t keep = history_len();

	if (sizeof(text) - text_len >= len)
		return;
	memmove(text, text + text_len - keep, keep);
	text_len = keep;
}

enum kb_err decoder_zstd_know(const void *plain, size_t len)
{
	if (len > MANIFEST_CHUNK_MAX)
		return KB_EFORMAT;
	open = false;
	make_room(len);
	memcpy(text + text_len, plain, len);
	text_len += len;
	return KB_OK;
}

static enum kb_err begin_frame(const uint8_t *src, size_t stored)
{
	size_t history;

	if (!decoder_frame_is_head(src, stored, WINDOW_MAX))
		return KB_EFORMAT;
	make_room(MANIFEST_FRAME_MAX);
	history = history_len();
	if (ZSTD_isError(ZSTD_decompressBegin(dctx)) ||
	    (history > 0 &&
	     ZSTD_isError(ZSTD_insertBlock(dctx, text + text_len - history, history))))
		return KB_EFORMAT;
	frame_len = 0;
	open = true;
	return KB_OK;
}

/* Whole blocks, none of which is the last of a frame. */
static enum kb_err decode_blocks(uint8_t *dst, size_t plain, const uint8_t *src, size_t stored)
{
	size_t done = 0;

	while (stored > 0) {
		size_t need = ZSTD_nextSrcSizeToDecompress(dctx), n;

		if (need == 0 || need > stored)
			return KB_EFORMAT;
		n = ZSTD_decompressContinue(dctx, dst + done, plain - done, src, need);
		if (ZSTD_isError(n))
			return KB_EFORMAT;
		src += need;
		stored -= need;
		done += n;
	}
	return done == plain && ZSTD_nextInputType(dctx) == ZSTDnit_blockHeader ? KB_OK
										: KB_EFORMAT;
}

enum kb_err decoder_zstd(bool begins, void *dst, size_t plain, const void *src, size_t stored)
{
	enum kb_err err = KB_OK;

	if (dctx == NULL)
		return KB_EINVAL;
	if (begins)
		err = begin_frame(src, stored);
	if (err == KB_OK && (!open || plain > MANIFEST_FRAME_MAX - frame_len))
		err = KB_EFORMAT;
	if (err == KB_OK)
		err = decode_blocks(text + text_len, plain, src, stored);
	open = err == KB_OK;
	if (err != KB_OK)
		return err;
	memcpy(dst, text + text_len, plain);
	text_len += plain;
	frame_len += plain;
	return KB_OK;
}
