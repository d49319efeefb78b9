/* SPDX-License-Identifier: Apache-2.0 */
/* One chunk, which is pieces of a seed, to stored bytes: the smallest of copy, patch and raw. */
#pragma once

#include "cli/bundle/bundle_match.h"
#include "cli/bundle/bundle_streams.h"
#include "cli/bundle/bundle_ways.h"

#define BUNDLE_PATCH_ROOM (MANIFEST_CHUNK_MAX + DELTA_MORE)

/* What a thread keeps. */
struct bundle_patch {
	const struct bundle_seed *seed;
	struct bundle_streams s;
	struct bundle_ways ways;
};

/* The chunk, and what is made of it. */
struct bundle_patch_chunk {
	/* its bytes; where they are in the image, and in the job that the pieces count in */
	const uint8_t *plain;
	uint64_t at, in_job;
	uint32_t len;
	/* the result, valid until the next one */
	struct bundle_stored stored;
};

/* KB_ENOMEM, KB_EIO. bundle_patch_free() is due even then. */
enum kb_err bundle_patch_alloc(struct bundle_patch *p,
			       const struct bundle_seed *seed) KB_MUST_CHECK;
void bundle_patch_free(struct bundle_patch *p);

/* Before the chunks of a job: nothing is known of which way is better. */
void bundle_patch_begin(struct bundle_patch *p);

/* Makes the stored bytes of c from n pieces, the first of which has its first byte. KB_EIO. */
enum kb_err bundle_patch_make(struct bundle_patch *p, struct bundle_patch_chunk *c,
			      const struct bundle_match_piece *piece, size_t n) KB_MUST_CHECK;
