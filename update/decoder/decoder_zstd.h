/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The zstd chunks of an encoding, decoded in static memory, within limits that do not depend on
 * what they claim. Their plain bytes, one chunk behind the other, are the text. A frame holds a
 * piece of it, and refers to the text before.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Prepares the static context, and forgets the text. KB_ENOSPC: this libzstd needs more memory than
 * we give it. */
enum kb_err decoder_zstd_init(void) KB_MUST_CHECK;

/* What comes next is another text. */
void decoder_zstd_forget(void);

/* So many bytes of the text stand here, and were obtained elsewhere. Closes the frame. KB_EFORMAT:
 * more than a chunk. */
enum kb_err decoder_zstd_know(const void *plain, size_t len) KB_MUST_CHECK;

/*
 * Decodes the stored bytes of a chunk to exactly `plain` bytes: the begin of a frame and some of
 * its blocks, or, unless `begins`, more blocks of the frame of the chunk before. KB_EFORMAT.
 */
enum kb_err decoder_zstd(bool begins, void *dst, size_t plain, const void *src,
			 size_t stored) KB_MUST_CHECK;
