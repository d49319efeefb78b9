/* SPDX-License-Identifier: Apache-2.0 */
/* Every byte of an encoding against the signed hashes. */
#pragma once

#include "cli/bundle/bundle_chunk.h"
#include "cli/bundle/bundle_seed.h"

struct bundle_check {
	struct bundle_chunk_decoder dec;
	/* what an encoding of kind seed is made from; NULL: it has none */
	const struct bundle_seed *seed;
	struct reader_walk walk;
	/* called for each chunk that is right, with dec.buf; reports its own failures; NULL: none
	 */
	enum kb_err (*chunk)(void *ctx, const struct reader_chunk *c, const struct bundle_chunk *b);
	void *ctx;
	/* bytes */
	uint64_t stored;
	/* after a failure: what was reported */
	char why[MANIFEST_WHY];
};

/* Checks image `image` through `enc`, the digest of the whole of it, and that of its payload. What
 * fails is reported, after `path`. KB_EIO, KB_EDIGEST, KB_EFORMAT, KB_ENEWER, KB_ENOMEM, KB_ENOSPC.
 */
enum kb_err bundle_check_image(struct bundle_check *k, struct reader *r, const char *path,
			       unsigned image, const struct manifest_encoding *enc) KB_MUST_CHECK;
