/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks of a bundle that is read back on a host, from stored to plain bytes. */
#pragma once

#include "cli/bundle/bundle_hash.h"
#include "update/decoder/remake.h"
#include "update/bundle/reader.h"

struct bundle_chunk {
	/* plain bytes */
	uint32_t len;
	/* they are zeroes, and are not in plain */
	bool hole;
	/* owned, as is stored */
	uint8_t *plain;
	uint8_t *stored;
	/* what it adds to the digest of the image */
	uint8_t blocks[MANIFEST_CHUNK_MAX / MANIFEST_DIGEST_BLOCK * DIGEST_LEN];
	size_t blocks_len;
};

/* One at a time. */
struct bundle_chunk_decoder {
	struct reader *r;
	/* for copies and patches, of which there are none without it; set after init */
	const struct delta_seed *seed;
	/* where the next chunk is in its image */
	uint64_t at;
	struct bundle_hasher hasher;
	struct bundle_chunk buf;
	/* owned */
	struct remake *remake;
};

/* For one image. KB_ENOMEM, KB_EIO. bundle_chunk_decoder_free() is due even then. */
enum kb_err bundle_chunk_decoder_init(struct bundle_chunk_decoder *d,
				      struct reader *r) KB_MUST_CHECK;
void bundle_chunk_decoder_free(struct bundle_chunk_decoder *d);

/*
 * Reads, decodes and checks a chunk, one behind the other: d->buf.plain, or d->buf.hole. KB_EIO,
 * KB_EFORMAT (does not decode), KB_EDIGEST.
 */
enum kb_err bundle_chunk_decode(struct bundle_chunk_decoder *d,
				const struct reader_chunk *c) KB_MUST_CHECK;
