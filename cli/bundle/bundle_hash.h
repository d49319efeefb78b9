/* SPDX-License-Identifier: Apache-2.0 */
/* The hashes of a chunk on a host: its own, and those of its blocks, which name the image. */
#pragma once

#include "update/crypto/digest.h"
#include "update/wire/manifest_limits.h"

#include <stddef.h>

/* What a thread keeps. */
struct bundle_hasher {
	struct digest digest;
	struct {
		/* of zeroes with this hash; 0: none yet */
		uint32_t len;
		uint8_t hash[DIGEST_LEN];
	} zero[2];
};

/* KB_EIO. bundle_hasher_free() is due even then. */
enum kb_err bundle_hasher_init(struct bundle_hasher *h) KB_MUST_CHECK;
void bundle_hasher_free(struct bundle_hasher *h);

/*
 * The hash of a chunk; plain NULL: of zeroes. What it adds to the digest of the image goes behind
 * the *blocks_len bytes at blocks. KB_EIO.
 */
enum kb_err bundle_hash(struct bundle_hasher *h, const uint8_t *plain, uint32_t len,
			uint8_t hash[DIGEST_LEN], uint8_t *blocks,
			size_t *blocks_len) KB_MUST_CHECK;
