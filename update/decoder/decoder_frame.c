/* SPDX-License-Identifier: Apache-2.0 */
#include "update/decoder/decoder_frame.h"

#include "lib/bytes.h"
#include "update/wire/delta_form.h"

#include <zstd.h>

#define MAGIC 0xfd2fb528u

bool decoder_frame_is_head(const uint8_t *src, size_t stored, uint8_t window)
{
	return stored > DECODER_FRAME_HEAD && bytes_get32(src) == MAGIC && src[4] == 0 &&
	       src[5] <= window;
}

enum kb_err decoder_frame_whole(void *dctx, uint8_t *out, size_t room, const uint8_t *src,
				size_t stored, size_t *len)
{
	if (!decoder_frame_is_head(src, stored, DELTA_WINDOW) ||
	    ZSTD_findFrameCompressedSize(src, stored) != stored)
		return KB_EFORMAT;
	*len = ZSTD_decompressDCtx(dctx, out, room, src, stored);
	return ZSTD_isError(*len) ? KB_EFORMAT : KB_OK;
}
