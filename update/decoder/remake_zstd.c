/* SPDX-License-Identifier: Apache-2.0 */
/* how: the level; size: 0. */
#define ZSTD_STATIC_LINKING_ONLY /* contexts in memory of ours */
#include "update/decoder/remake_pack.h"

#include <zstd.h>

#define LEVEL_MAX 22u

static enum kb_err pack_zstd(struct remake_arena *a, struct remake_how how,
			     struct remake_bytes text, uint8_t *out, size_t room, size_t *len)
{
	ZSTD_CCtx *z = ZSTD_initStaticCCtx(a->p, a->size);

	if (z == NULL || how.how < 1 || how.how > LEVEL_MAX || how.size != 0)
		return KB_EFORMAT;
	*len = ZSTD_compressCCtx(z, out, room, text.p, text.len, (int)how.how);
	return ZSTD_isError(*len) ? KB_EFORMAT : KB_OK;
}

static enum kb_err unpack_zstd(struct remake_arena *a, struct remake_bytes from, uint8_t *out,
			       size_t room, size_t *len)
{
	ZSTD_DCtx *z = ZSTD_initStaticDCtx(a->p, a->size);

	if (z == NULL || ZSTD_findFrameCompressedSize(from.p, from.len) != from.len)
		return KB_EFORMAT;
	*len = ZSTD_decompressDCtx(z, out, room, from.p, from.len);
	return ZSTD_isError(*len) ? KB_EFORMAT : KB_OK;
}

const struct remake_library remake_zstd = { .pack = pack_zstd, .unpack = unpack_zstd };
