/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chunks of an image, in order, plain and checked against their signed hashes, with the decoder
 * some chunks ahead.
 */
#pragma once

#include "update/install/decoder.h"
#include "update/bundle/reader.h"
#include "update/install/install_gap.h"
#include "update/install/install_lack.h"

struct install_pipe {
	/* set by the caller */
	struct reader *r;
	const char *helper;
	struct digest *digest;
	/* Asked before a chunk is read: true when its bytes are where they should be already, so
	 * that it need not be obtained. NULL: never. */
	bool (*have)(void *ctx, const struct reader_chunk *c);
	/* Puts into buf what stands where have() found the chunk, since others rest upon it. */
	enum kb_err (*held)(void *ctx, const struct reader_chunk *c, void *buf);
	void *ctx;
	/* Asked about a chunk that the bundle lacks: as have(), but of no other chunk. NULL: never.
	 */
	bool (*have_lacking)(void *ctx, const struct reader_chunk *c);
	/* Where such a chunk comes from; NULL: it is a failure. */
	const struct install_lack *lack;
	/* Asked before stored bytes are read; its failure is that of the call. NULL: any may be. */
	enum kb_err (*verify)(void *ctx);
	/* What copies and patches are made from; NULL: the encoding has none. */
	const struct decoder_seed *seed;
	/* Gives the chunks that the seed does not give, because it changed or cannot be read: by
	 * full_enc, another encoding of the image. It needs held(). NULL: such a chunk is a
	 * failure. The caller zeroes it. */
	struct install_pipe *full;
	const struct manifest_encoding *full_enc;
	/* A context for the image's digest=, which is compared behind its last chunk; only without
	 * have(), since it takes all chunks. NULL: it is not compared. */
	struct digest *whole;
	/* Chunks that the decoder may be ahead: 1 to DECODER_SLOTS; 0: as many as there may be. */
	unsigned slots;
	/* inside */
	struct reader_walk walk;
	struct decoder dec;
	bool decoding, ended;
	/* the next boot may read it */
	bool seed_unread;
	/* of the chunks that came by full_enc, and for that: the first which is wanted */
	uint32_t nfull, first;
	bool begun;
	/* what is between the decoder and the next chunk; wanted: it is that which next waits for
	 */
	struct install_gap gap;
	struct reader_chunk next;
	bool wanted;
	uint64_t fed, taken;
	struct install_pipe_item {
		struct reader_chunk c;
		bool had;
		/* it is only for the decoder */
		bool passed;
		/* the bundle lacks it */
		bool hole;
	} ring[DECODER_SLOTS];
	/* what zero_hash is the hash of */
	uint32_t zero_len;
	uint8_t zero_hash[DIGEST_LEN];
	/* after a failure */
	char why[MANIFEST_WHY];
};

/* What install_pipe_next() gives. */
struct install_pipe_chunk {
	struct reader_chunk c;
	/* have() said so; plain is NULL */
	bool had;
	/* valid until the next call; NULL: had, or all zero */
	const uint8_t *plain;
};

/* Starts with the first chunk of an image. Errors of reader_walk_begin(). */
enum kb_err install_pipe_begin(struct install_pipe *p, unsigned image,
			       const struct manifest_encoding *enc) KB_MUST_CHECK;

/*
 * The next chunk. KB_ENOENT behind the last one. KB_EDIGEST: it is not what was signed, or the
 * image is not the one of digest=; KB_EFORMAT, KB_ECHILD: it cannot be decoded; KB_EIO: it cannot
 * be read; KB_EEXEC: the decoder cannot be run. KB_ESEED: the seed is not what it was, or cannot be
 * read; or no slot has what the bundle lacks.
 */
enum kb_err install_pipe_next(struct install_pipe *p, struct install_pipe_chunk *out) KB_MUST_CHECK;

/* Stops the decoder, and that of p->full. */
void install_pipe_close(struct install_pipe *p);
