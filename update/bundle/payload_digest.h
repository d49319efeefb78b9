/* SPDX-License-Identifier: Apache-2.0 */
/*
 * payload-digest= of an encoding: SHA-256 over the SHA-256 of each MiB of its stored bytes, in
 * order; the last may be shorter. Its maker and its readers feed the same bytes in any pieces.
 */
#pragma once

#include "update/crypto/digest.h"

#define PAYLOAD_DIGEST_BLOCK (1u << 20)

struct payload_digest {
	/* over the blocks' hashes; of the block that is not full yet */
	struct digest list, block;
	uint32_t filled;
};

/* Makes and begins it; payload_digest_free() releases it, also after a failure. KB_EIO when OpenSSL
 * refuses, here and below. */
enum kb_err payload_digest_init(struct payload_digest *p) KB_MUST_CHECK;
void payload_digest_free(struct payload_digest *p);

/* Starts anew; adds what comes next; ends. */
enum kb_err payload_digest_begin(struct payload_digest *p) KB_MUST_CHECK;
enum kb_err payload_digest_add(struct payload_digest *p, const void *buf, size_t len) KB_MUST_CHECK;
enum kb_err payload_digest_end(struct payload_digest *p, uint8_t out[DIGEST_LEN]) KB_MUST_CHECK;
