/* SPDX-License-Identifier: Apache-2.0 */
/* The stored bytes of copies and patches, decoded in static memory. */
#pragma once

#include "update/decoder/delta.h"

/* Prepares the static context. KB_ENOSPC: this libzstd needs more memory than we give it. */
enum kb_err decoder_patch_init(void) KB_MUST_CHECK;

/* Makes the chunk of `plain` bytes, which is at `at` in its image, by commands that are stored as
 * they are. Errors of delta_copy(). */
enum kb_err decoder_patch_copy(void *dst, size_t plain, uint64_t at, const void *src, size_t stored,
			       const struct delta_seed *seed) KB_MUST_CHECK;

/* The same by a frame of zstd with all streams. */
enum kb_err decoder_patch(void *dst, size_t plain, uint64_t at, const void *src, size_t stored,
			  const struct delta_seed *seed) KB_MUST_CHECK;
