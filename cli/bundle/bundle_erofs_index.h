/* SPDX-License-Identifier: Apache-2.0 */
/* The index of a compressed file of erofs: where its blocks begin. */
#pragma once

#include "cli/bundle/bundle_blocks.h"

#define BUNDLE_EROFS_BLOCK 4096u

struct bundle_erofs_index {
	struct bundle_blocks_image image;
	/* its entries: so many short ones, longer ones, and short ones again */
	uint64_t at, total, first, longer;
	bool compact;
	/* which entry is next */
	uint64_t n;
};

struct bundle_erofs_head {
	/* where in the file */
	uint64_t from;
	/* number of the block */
	uint64_t block;
	bool packed;
};

/* Of a file of `size` bytes; its inode ends at `end`. KB_EFORMAT: it is none that we follow. */
enum kb_err bundle_erofs_index_begin(struct bundle_erofs_index *x, struct bundle_blocks_image image,
				     uint64_t end, uint64_t size, bool compact) KB_MUST_CHECK;

/* The next begin of a block. KB_ENOENT: there is none; KB_EFORMAT. */
enum kb_err bundle_erofs_index_next(struct bundle_erofs_index *x,
				    struct bundle_erofs_head *h) KB_MUST_CHECK;
