/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image that a delta is made from, with an index by which its blocks and pieces are found.
 */
#pragma once

#include "update/crypto/digest.h"
#include "update/wire/manifest_limits.h"

#include <stdbool.h>
#include <stddef.h>

#define BUNDLE_SEED_BLOCK  4096u
#define BUNDLE_SEED_WINDOW 32u /* bytes of a piece */
#define BUNDLE_SEED_NONE   UINT32_MAX

struct bundle_seed {
	/* mapped; a multiple of a block long */
	const uint8_t *bytes;
	uint64_t size;
	uint32_t nblocks;
	uint8_t digest[DIGEST_LEN];
	/* of its release; "" when not known */
	char version[MANIFEST_STR_MAX + 1];
	/* inside: chains of blocks, by hash; numbers are one more than they count, 0 is none */
	uint32_t *first, *next;
	unsigned block_bits;
	/* pieces, by hash: the first that has it */
	uint32_t *window;
	unsigned window_bits;
};

/* Maps fd, which may be closed then, and makes the digest. KB_EIO, KB_ENOMEM. bundle_seed_close()
 * is due even then. */
enum kb_err bundle_seed_open(struct bundle_seed *s, int fd) KB_MUST_CHECK;

/* Makes the index. KB_ENOMEM. */
enum kb_err bundle_seed_index(struct bundle_seed *s) KB_MUST_CHECK;
void bundle_seed_close(struct bundle_seed *s);

/* KB_EFORMAT: its bytes are others than when it was opened: it was written to meanwhile. KB_EIO. */
enum kb_err bundle_seed_check(const struct bundle_seed *s) KB_MUST_CHECK;

/* For the decoder: reads of the struct bundle_seed that is ctx. */
enum kb_err bundle_seed_read(void *ctx, uint64_t off, void *buf, size_t len) KB_MUST_CHECK;

/*
 * The block of the seed that is the same as that at t, or BUNDLE_SEED_NONE. Best is the one behind
 * `before` (or that), else the one with the most blocks that follow both, of nblocks at t.
 */
uint32_t bundle_seed_block(const struct bundle_seed *s, const uint8_t *t, size_t nblocks,
			   uint32_t before);

/* Whether a piece with the bytes at t is known, and where. */
bool bundle_seed_piece(const struct bundle_seed *s, const uint8_t *t, uint64_t *off);
