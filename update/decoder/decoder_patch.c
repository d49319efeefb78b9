/* SPDX-License-Identifier: Apache-2.0 */
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_initStaticDCtx */
#include "update/decoder/decoder_patch.h"

#include "lib/bytes.h"
#include "lib/util.h"
#include "update/decoder/decoder_frame.h"
#include "update/wire/delta_form.h"
#include "update/wire/manifest_limits.h"

#include <stdalign.h>
#include <zstd.h>

static alignas(64) uint8_t workspace[DECODER_FRAME_WORKSPACE];
static ZSTD_DCtx *dctx;
static uint8_t streams[MANIFEST_CHUNK_MAX + DELTA_MORE];

enum kb_err decoder_patch_init(void)
{
	dctx = ZSTD_initStaticDCtx(workspace, sizeof(workspace));
	return dctx != NULL ? KB_OK : KB_ENOSPC;
}

enum kb_err decoder_patch_copy(void *dst, size_t plain, uint64_t at, const void *src, size_t stored,
			       const struct delta_seed *seed)
{
	const struct delta_stream commands = { src, (const uint8_t *)src + stored };

	return delta_copy(dst, plain, at, &commands, seed);
}

/* One frame, and nothing behind it. It needs no window: what it refers to lies in the output. */
static enum kb_err decompress(const uint8_t *src, size_t stored, size_t room, size_t *len)
{
	if (!decoder_frame_is_head(src, stored, DELTA_WINDOW) ||
	    ZSTD_findFrameCompressedSize(src, stored) != stored)
		return KB_EFORMAT;
	*len = ZSTD_decompressDCtx(dctx, streams, room, src, stored);
	return ZSTD_isError(*len) ? KB_EFORMAT : KB_OK;
}

/* The lengths of the streams, then these, one behind the other, with nothing left. */
static enum kb_err split(struct delta_stream all, struct delta_streams *s)
{
	struct delta_stream *const parts[] = { &s->commands, &s->gaps, &s->words, &s->literals };
	uint64_t len[KB_ARRAY_LEN(parts)];

	for (unsigned i = 0; i < KB_ARRAY_LEN(parts); i++)
		TRY(delta_number(&all, &len[i]));
	for (unsigned i = 0; i < KB_ARRAY_LEN(parts); i++) {
		if (len[i] > (uint64_t)(all.end - all.at))
			return KB_EFORMAT;
		*parts[i] = (struct delta_stream){ all.at, all.at + len[i] };
		all.at += len[i];
	}
	return all.at == all.end ? KB_OK : KB_EFORMAT;
}

enum kb_err decoder_patch(void *dst, size_t plain, uint64_t at, const void *src, size_t stored,
			  const struct delta_seed *seed)
{
	struct delta_streams s;
	size_t len;

	if (dctx == NULL || plain > MANIFEST_CHUNK_MAX)
		return KB_EINVAL;
	TRY(decompress(src, stored, plain + DELTA_MORE, &len));
	TRY(split((struct delta_stream){ streams, streams + len }, &s));
	return delta_patch(dst, plain, at, &s, seed);
}
