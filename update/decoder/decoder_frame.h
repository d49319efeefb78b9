/* SPDX-License-Identifier: Apache-2.0 */
/* The begin of every zstd frame in a bundle, and the memory to decode one in. */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All of a header: magic, a descriptor that promises nothing, the window. */
#define DECODER_FRAME_HEAD 6u

/* zstd 1.5 needs about 160 KiB; newer ones may want a little more. */
#define DECODER_FRAME_WORKSPACE (256u << 10)

/* Nothing of a header is left to how a decoder takes it: one that differs is refused, and one with
 * a window byte above `window`. */
bool decoder_frame_is_head(const uint8_t *src, size_t stored, uint8_t window);

/* Decodes one frame that has an end, and nothing behind it, to at most `room` bytes. It needs no
 * window: what it refers to lies in the output. dctx: a ZSTD_DCtx. KB_EFORMAT. */
enum kb_err decoder_frame_whole(void *dctx, uint8_t *out, size_t room, const uint8_t *src,
				size_t stored, size_t *len) KB_MUST_CHECK;
