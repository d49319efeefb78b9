/* SPDX-License-Identifier: Apache-2.0 */
/* One zstd frame, decoded in static memory, within limits that do not depend on what it claims. */
#pragma once

#include "lib/err.h"

#include <stddef.h>

#define DECODER_ZSTD_WINDOW_LOG 21 /* largest window that a frame may ask for */

/* Prepares the static context. KB_ENOSPC: this libzstd needs more memory than we give it. */
enum kb_err decoder_zstd_init(void) KB_MUST_CHECK;

/*
 * Decodes src, which must be exactly one frame without dictionary, to exactly `plain` bytes.
 * KB_EFORMAT.
 */
enum kb_err decoder_zstd(void *dst, size_t plain, const void *src, size_t stored) KB_MUST_CHECK;
