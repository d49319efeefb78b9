/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_hash.h"

#include <string.h>

enum kb_err bundle_hasher_init(struct bundle_hasher *h)
{
	memset(h, 0, sizeof(*h));
	return digest_init(&h->digest);
}

void bundle_hasher_free(struct bundle_hasher *h)
{
	digest_free(&h->digest);
}

/* Nearly all zeroes come in two lengths, a chunk and a block; their hashes are worth keeping. */
static enum kb_err hash_zeroes(struct bundle_hasher *h, uint32_t len, uint8_t out[DIGEST_LEN])
{
	static const uint8_t zeroes[MANIFEST_CHUNK_MAX];
	unsigned i = len == MANIFEST_DIGEST_BLOCK;

	if (h->zero[i].len != len) {
		TRY(digest_buf(&h->digest, zeroes, len, h->zero[i].hash));
		h->zero[i].len = len;
	}
	memcpy(out, h->zero[i].hash, DIGEST_LEN);
	return KB_OK;
}

enum kb_err bundle_hash(struct bundle_hasher *h, const uint8_t *plain, uint32_t len,
			uint8_t hash[DIGEST_LEN], uint8_t *blocks, size_t *blocks_len)
{
	for (uint32_t at = 0; at < len; at += MANIFEST_DIGEST_BLOCK) {
		uint32_t left = len - at;
		uint32_t n = left < MANIFEST_DIGEST_BLOCK ? left : MANIFEST_DIGEST_BLOCK;
		uint8_t *out = blocks + *blocks_len;

		TRY(plain == NULL ? hash_zeroes(h, n, out)
				  : digest_buf(&h->digest, plain + at, n, out));
		*blocks_len += DIGEST_LEN;
	}
	return plain == NULL ? hash_zeroes(h, len, hash) : digest_buf(&h->digest, plain, len, hash);
}
