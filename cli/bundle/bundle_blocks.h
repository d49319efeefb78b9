/* SPDX-License-Identifier: Apache-2.0 */
/* Where in an image of a file system the compressed blocks lie: a list without gaps. */
#pragma once

#include "update/decoder/remake_pack.h"

/* A piece of the image. */
struct bundle_block {
	uint64_t off;
	uint32_t stored;
	/* bytes that it unpacks to, or at most: bundle_view_open() says how many; 0: it is not
	 * compressed, or is not known to be */
	uint32_t plain;
	/* zeroes before its compressed bytes */
	uint16_t lead;
	/* of a file whose blocks are filled: its text goes on behind that of the one before */
	bool next;
};

struct bundle_blocks {
	/* grows, in the order of the image; n 0: no file system that we know */
	struct bundle_block *block;
	size_t n, room;
	enum remake_packer packer;
	/* bytes of text that a block has at most; of a dictionary, 0: not said */
	uint32_t block_size, dictionary;
	/* blocks are filled to a fixed length, behind zeroes */
	bool filled;
};

/* Some bytes of an image. */
struct bundle_blocks_image {
	const uint8_t *p;
	uint64_t len;
};

/* Looks for squashfs and erofs. What cannot be followed is left as it is. KB_ENOMEM.
 * bundle_blocks_free() is due even then. */
enum kb_err bundle_blocks_find(struct bundle_blocks *b,
			       struct bundle_blocks_image image) KB_MUST_CHECK;
void bundle_blocks_free(struct bundle_blocks *b);

/* Its compressed bytes, in an image that is at p. */
struct remake_bytes bundle_block_packed(const struct bundle_block *b, const uint8_t *p);

/* For what finds them: adds a block, in any order, also again. KB_ENOMEM. */
enum kb_err bundle_blocks_add(struct bundle_blocks *b,
			      const struct bundle_block *block) KB_MUST_CHECK;
