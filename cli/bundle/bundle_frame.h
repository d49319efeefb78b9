/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Some chunks of an image on a host, from plain to stored bytes: so many as a zstd frame may hold,
 * in one or in smaller ones. A frame refers to the text before it, which lies before it in memory,
 * so that frames can be encoded at the same time.
 */
#pragma once

#include "cli/bundle/bundle_hash.h"
#include "update/bundle/reader.h"

#define BUNDLE_FRAME_CHUNKS (MANIFEST_FRAME_MAX / MANIFEST_CHUNK_MIN)

struct bundle_frame {
	/* owned: text before it, then its own, the plain bytes of its chunks but zeroes */
	uint8_t *text;
	size_t history, len;
	unsigned n;
	struct bundle_frame_chunk {
		uint32_t len;
		/* all bytes are, and are not in the text */
		bool zero;
		/* results of encoding */
		enum reader_form form;
		uint32_t stored_len;
		uint8_t hash[DIGEST_LEN];
	} chunk[BUNDLE_FRAME_CHUNKS];
	/* results of encoding: the stored bytes of all chunks, into text or spare, which is owned
	 */
	const uint8_t *stored;
	size_t stored_len;
	uint8_t *spare;
	/* what they add to the digest of the image */
	uint8_t blocks[MANIFEST_FRAME_MAX / MANIFEST_DIGEST_BLOCK * DIGEST_LEN];
	size_t blocks_len;
};

/* KB_ENOMEM; bundle_frame_free() is due even then. */
enum kb_err bundle_frame_alloc(struct bundle_frame *f) KB_MUST_CHECK;
void bundle_frame_free(struct bundle_frame *f);

/* Empties f, which stands behind `before`; NULL: f is the image's first. */
void bundle_frame_begin(struct bundle_frame *f, const struct bundle_frame *before);

/* Where the plain bytes of the next chunk go, at most MANIFEST_FRAME_MAX in all. */
uint8_t *bundle_frame_room(struct bundle_frame *f);

/* Adds the chunk whose bytes are there; hole: they are zeroes, and were not put there. */
void bundle_frame_add(struct bundle_frame *f, uint32_t len, bool hole);

/* What a thread keeps. */
struct bundle_frame_coder {
	/* ZSTD_CCtx, or NULL: not compressing */
	void *zstd;
	struct bundle_hasher hasher;
	/* a zstd frame has so much text, or one chunk that is larger; what is left of the one that
	 * began last */
	size_t size, left;
};

/* KB_EIO, KB_ENOMEM. bundle_frame_coder_free() is due even then. */
enum kb_err bundle_frame_coder_init(struct bundle_frame_coder *k, bool compress, int level,
				    uint32_t size) KB_MUST_CHECK;
void bundle_frame_coder_free(struct bundle_frame_coder *k);

/* Hashes the chunks, and makes their stored bytes. KB_EIO. */
enum kb_err bundle_frame_encode(struct bundle_frame_coder *k, struct bundle_frame *f) KB_MUST_CHECK;
