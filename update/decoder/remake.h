/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chunk of an image that is compressed by itself, as squashfs: it is a delta of what its blocks
 * and those of the seed unpack to, and the blocks are compressed again.
 */
#pragma once

#include "update/decoder/decoder_frame.h"
#include "update/decoder/delta.h"
#include "update/decoder/remake_pack.h"
#include "update/wire/remake_form.h"

#include <stdalign.h>

/* Only what a chunk needs of it is touched. */
struct remake {
	alignas(64) uint8_t arena[REMAKE_MEMORY];
	alignas(64) uint8_t workspace[DECODER_FRAME_WORKSPACE];
	uint8_t streams[REMAKE_STREAMS_MAX];
	/* unpacked blocks of the seed, one behind the other */
	uint8_t view[REMAKE_VIEW_MAX];
	size_t view_len;
	/* of a block: plain; compressed */
	uint8_t text[REMAKE_BLOCK_MAX], packed[REMAKE_BLOCK_MAX];
	/* ZSTD_DCtx, in workspace */
	void *dctx;
	const struct delta_seed *seed;
};

/* KB_ENOSPC: this libzstd needs more memory than we give it. */
enum kb_err remake_init(struct remake *r) KB_MUST_CHECK;

struct remake_chunk {
	enum remake_packer packer;
	/* where the chunk is in its image, and its stored bytes */
	uint64_t at;
	const uint8_t *stored;
	size_t stored_len;
};

/* Makes the chunk of `plain` bytes. KB_EFORMAT: it breaks a rule, or a block of the seed is not
 * what it was; KB_EIO: the seed cannot be read. */
enum kb_err remake_chunk(struct remake *r, void *dst, size_t plain, const struct remake_chunk *c,
			 const struct delta_seed *seed) KB_MUST_CHECK;
