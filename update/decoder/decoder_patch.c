/* SPDX-License-Identifier: Apache-2.0 */
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_initStaticDCtx */
#include "update/decoder/decoder_patch.h"

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

enum kb_err decoder_patch(void *dst, size_t plain, uint64_t at, const void *src, size_t stored,
			  const struct delta_seed *seed)
{
	struct delta_streams s;
	struct delta_stream *const parts[] = { &s.commands, &s.gaps, &s.words, &s.literals };
	size_t len;

	if (dctx == NULL || plain > MANIFEST_CHUNK_MAX)
		return KB_EINVAL;
	TRY(decoder_frame_whole(dctx, streams, plain + DELTA_MORE, src, stored, &len));
	TRY(delta_split((struct delta_stream){ streams, streams + len }, parts,
			KB_ARRAY_LEN(parts)));
	return delta_patch(dst, plain, at, &s, seed);
}
