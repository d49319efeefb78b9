/* SPDX-License-Identifier: Apache-2.0 */
/* Which unpacked blocks of the older image a chunk uses: the device has room for so many. */
#pragma once

#include "cli/bundle/bundle_streams.h"
#include "cli/bundle/bundle_view.h"

struct bundle_used {
	const struct bundle_view *view;
	/* of each block: while bytes are counted, how many are wanted of it; then 1 more than where
	 * its text begins behind the image; 0: it is not used */
	uint32_t *base;
	/* those of which something is wanted, then those that are used */
	uint32_t *block;
	size_t n;
};

/* KB_ENOMEM. bundle_used_free() is due even then. */
enum kb_err bundle_used_alloc(struct bundle_used *u, const struct bundle_view *view) KB_MUST_CHECK;
void bundle_used_free(struct bundle_used *u);

/* For a chunk: nothing is wanted; then the blocks are taken of which most is. */
void bundle_used_begin(struct bundle_used *u);
void bundle_used_choose(struct bundle_used *u);

/* Puts the blocks down, and where the text of each begins. */
void bundle_used_place(struct bundle_used *u, struct bundle_streams *s,
		       struct bundle_stream *sources);

/* Bytes as a device has them. */
struct bundle_used_place {
	/* it has them not */
	bool nowhere;
	uint64_t from, len;
};

/* The bytes of the view at `from`, and up to where one place has them. wanted: `len` of them are
 * only counted. */
struct bundle_used_place bundle_used_find(struct bundle_used *u, uint64_t from, uint64_t len,
					  bool wanted);
