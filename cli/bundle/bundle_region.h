/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blocks of a seed that have something of some blocks of the new image, and of what begins
 * anywhere in the new image the longest match in them.
 */
#pragma once

#include "cli/bundle/bundle_seed.h"

#define BUNDLE_REGION_MAX     (8u << 20) /* bytes */
#define BUNDLE_REGION_BLOCKS  (BUNDLE_REGION_MAX / BUNDLE_SEED_BLOCK)
#define BUNDLE_REGION_CHANGED 512u /* blocks that are looked for in one region, at most */

struct bundle_region {
	const struct bundle_seed *seed;
	/* what each block of the seed got, and those that got something */
	uint32_t *votes, *voted;
	uint32_t nvoted;
	/* the blocks, one behind the other, and the order of their suffixes */
	uint8_t *bytes;
	size_t len;
	int32_t *sorted;
	/* where in that order the suffixes are that begin with two bytes */
	int32_t first[65537];
	/* of each block: which it is, and the end of those behind it that are neighbours */
	uint32_t block[BUNDLE_REGION_BLOCKS], end[BUNDLE_REGION_BLOCKS];
};

/* KB_ENOMEM. bundle_region_free() is due even then. */
enum kb_err bundle_region_alloc(struct bundle_region *r,
				const struct bundle_seed *seed) KB_MUST_CHECK;
void bundle_region_free(struct bundle_region *r);

/* Empties it; then the blocks at t vote: each for where its pieces are, and for what is near
 * `expected`, a block of the seed, or BUNDLE_SEED_NONE. */
void bundle_region_begin(struct bundle_region *r);
void bundle_region_vote(struct bundle_region *r, const uint8_t *t, uint32_t expected);

/* Then those are taken that got most. KB_ENOMEM. */
enum kb_err bundle_region_end(struct bundle_region *r) KB_MUST_CHECK;

/* The length of the longest match of the `most` bytes at t, and where in the seed it is. */
size_t bundle_region_search(const struct bundle_region *r, const uint8_t *t, size_t most,
			    uint64_t *off);
