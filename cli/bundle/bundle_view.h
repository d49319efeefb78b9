/* SPDX-License-Identifier: Apache-2.0 */
/* An older image with compressed blocks, and behind it what these unpack to. */
#pragma once

#include "cli/bundle/bundle_blocks.h"
#include "cli/bundle/bundle_seed.h"

#define BUNDLE_VIEW_NONE SIZE_MAX

struct bundle_view {
	/* of all of it, with an index; its digest is the image's */
	struct bundle_seed seed;
	/* the image alone, in bytes */
	uint64_t image;
	struct bundle_blocks blocks;
	/* of each block that unpacks to something: where that begins */
	uint64_t *place;
	/* those blocks */
	uint32_t *text;
	size_t ntext;
	/* inside: the blocks by the hash of their stored bytes; one more than they count */
	uint32_t *first, *next;
	unsigned bits;
};

/*
 * Unpacks the image of `old`, which is fd, into a file without a name beside `output`. KB_EFORMAT:
 * it has no blocks that we know; KB_ENOMEM, KB_ENOSPC, KB_EIO. bundle_view_close() is due even
 * then.
 */
enum kb_err bundle_view_open(struct bundle_view *v, const struct bundle_seed *old, int fd,
			     const char *output, unsigned threads) KB_MUST_CHECK;
void bundle_view_close(struct bundle_view *v);

/* The block with these stored bytes, best the one behind `before`; or BUNDLE_VIEW_NONE. */
size_t bundle_view_same(const struct bundle_view *v, struct remake_bytes stored, size_t before);

/* The block that has the byte at `at`, which lies behind the image, or BUNDLE_VIEW_NONE: it is
 * between two. *end: where that ends. */
size_t bundle_view_block(const struct bundle_view *v, uint64_t at, uint64_t *end);
