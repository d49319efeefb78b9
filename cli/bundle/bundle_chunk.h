/* SPDX-License-Identifier: Apache-2.0 */
/* One chunk on a host: from plain to stored bytes, and back. */
#pragma once

#include "update/bundle/reader.h"

struct bundle_chunk {
	/* plain bytes */
	uint32_t len;
	/* they are zeroes, and are not in plain */
	bool hole;
	/* owned, as is spare */
	uint8_t *plain;
	uint8_t *spare;
	/* results of encoding */
	enum reader_form form;
	/* into plain or spare */
	const uint8_t *stored;
	uint32_t stored_len;
	uint8_t hash[DIGEST_LEN];
	/* what it adds to the digest of the image */
	uint8_t blocks[MANIFEST_CHUNK_MAX / MANIFEST_DIGEST_BLOCK * DIGEST_LEN];
	size_t blocks_len;
};

/* Room for chunks of up to len bytes. KB_ENOSPC. */
enum kb_err bundle_chunk_alloc(struct bundle_chunk *c, uint32_t len) KB_MUST_CHECK;
void bundle_chunk_free(struct bundle_chunk *c);

/* What a thread keeps. */
struct bundle_chunk_coder {
	/* ZSTD_CCtx, or NULL: not compressing */
	void *zstd;
	struct digest digest;
	struct {
		/* of zeroes with this hash; 0: none yet */
		uint32_t len;
		uint8_t hash[DIGEST_LEN];
	} zero[2];
};

/* KB_EIO, KB_ENOSPC. bundle_chunk_coder_free() is due even then. */
enum kb_err bundle_chunk_coder_init(struct bundle_chunk_coder *k, bool compress,
				    int level) KB_MUST_CHECK;
void bundle_chunk_coder_free(struct bundle_chunk_coder *k);

/* Hashes c and stores it in the smallest form. KB_EIO. */
enum kb_err bundle_chunk_encode(struct bundle_chunk_coder *k, struct bundle_chunk *c) KB_MUST_CHECK;

/* For reading a bundle back; one at a time. */
struct bundle_chunk_decoder {
	struct reader *r;
	struct bundle_chunk_coder hasher;
	struct bundle_chunk buf;
};

/* KB_ENOSPC, KB_EIO. bundle_chunk_decoder_free() is due even then. */
enum kb_err bundle_chunk_decoder_init(struct bundle_chunk_decoder *d,
				      struct reader *r) KB_MUST_CHECK;
void bundle_chunk_decoder_free(struct bundle_chunk_decoder *d);

/*
 * Reads, decodes and checks one chunk: d->buf.plain, or d->buf.hole. KB_EIO, KB_EFORMAT (does not
 * decode), KB_EDIGEST.
 */
enum kb_err bundle_chunk_decode(struct bundle_chunk_decoder *d,
				const struct reader_chunk *c) KB_MUST_CHECK;
