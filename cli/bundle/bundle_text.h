/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A piece of a new image, with what its compressed blocks unpack to: the text in which
 * something of the older image is looked for.
 */
#pragma once

#include "cli/bundle/bundle_how.h"
#include "cli/bundle/bundle_view.h"

#include <stdbool.h>

/* The new image. */
struct bundle_text_image {
	/* all of it, in memory */
	struct bundle_blocks_image bytes;
	struct bundle_blocks blocks;
	/* of each block: that of the older image with the same stored bytes, or BUNDLE_VIEW_NONE */
	size_t *same;
	struct bundle_how how;
	/* bytes, set by the caller: what is filled goes on over no end of one */
	uint32_t chunk;
};

/* KB_EFORMAT: nothing of it can be made again; KB_ENOMEM. bundle_text_close() is due even then. */
enum kb_err bundle_text_open(struct bundle_text_image *im, struct bundle_blocks_image bytes,
			     uint32_t chunk, const struct bundle_view *v) KB_MUST_CHECK;
void bundle_text_close(struct bundle_text_image *im);

enum bundle_part_type {
	BUNDLE_PART_SAME,  /* as in the older image */
	BUNDLE_PART_RAW,   /* as it is */
	BUNDLE_PART_BLOCK, /* unpacked */
	BUNDLE_PART_FILLED /* blocks that are filled, unpacked; none reaches out of a chunk */
};

/* Of a block of the image, what the piece has. */
struct bundle_part {
	enum bundle_part_type type;
	/* its number */
	size_t block;
	/* in the image */
	uint64_t off;
	uint32_t len;
	/* of RAW and BLOCK: in the text; of BLOCK all of it, however little the piece has */
	size_t text, text_len;
	struct remake_how how;
};

struct bundle_text {
	/* set by the caller: room bytes are at p, and map has a number for each 4096 of them; so
	 * many parts are at part */
	uint8_t *p;
	size_t room, len;
	uint32_t *map;
	struct bundle_part *part;
	size_t nparts, parts_room;
};

/* A bound of the room that block number i takes. */
size_t bundle_text_need(const struct bundle_text_image *im, size_t i);

/* Which block has the byte at `off`. */
size_t bundle_text_block(const struct bundle_text_image *im, uint64_t off);

/* Makes the parts and the text of [off, end). What has no room stays as it is. */
void bundle_text_make(struct bundle_text *t, const struct bundle_text_image *im,
		      const struct bundle_view *v, struct bundle_how_memory *m, uint64_t off,
		      uint64_t end);
