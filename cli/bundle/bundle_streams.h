/* SPDX-License-Identifier: Apache-2.0 */
/* The streams of a patch, as docs/FORMAT.md has them, and the frame of zstd that they make. */
#pragma once

#include "lib/err.h"
#include "update/wire/delta_form.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bundle_stream {
	uint8_t *p;
	size_t n;
};

struct bundle_streams {
	/* owned; the last has the others behind their lengths */
	struct bundle_stream commands, gaps, words, literals, all;
	/* of each stream, in bytes */
	size_t room;
	/* the next did not fit any more */
	bool full;
	/* of words: 1, or 4: at multiples of it, where that is possible */
	unsigned align;
	unsigned ncommands;
	/* words or literals came: commands alone do not do */
	bool needs_patch;
	/* where in the seed the next bytes are expected */
	uint64_t expected;
	/* ZSTD_CCtx */
	void *zstd;
};

/* Some bytes of the new image: where they are in it, too. */
struct bundle_streams_text {
	const uint8_t *p;
	uint64_t len, at;
};

/* KB_ENOMEM, KB_EIO. bundle_streams_free() is due even then. */
enum kb_err bundle_streams_alloc(struct bundle_streams *s, size_t room) KB_MUST_CHECK;
void bundle_streams_free(struct bundle_streams *s);

/* Empties them, for a chunk that is at `at` in its image. */
void bundle_streams_begin(struct bundle_streams *s, uint64_t at);

/* The next bytes: as the seed has them at `from`, where they are `was`, and what differs; as they
 * are; zeroes. */
void bundle_streams_seed(struct bundle_streams *s, const struct bundle_streams_text *t,
			 const uint8_t *was, uint64_t from);
void bundle_streams_literal(struct bundle_streams *s, const struct bundle_streams_text *t);
void bundle_streams_zero(struct bundle_streams *s, uint64_t len);

/* Appends to a stream of s, or to another of that room. */
void bundle_streams_number(struct bundle_streams *s, struct bundle_stream *to, uint64_t v);

/* Room for the frame that bundle_streams_compress() makes of streams with `room` bytes in all. */
size_t bundle_streams_frame_room(const struct bundle_streams *s);

/* The frame of n streams, behind their lengths. *len 0: they are full, or longer than `most`.
 * KB_EIO. */
enum kb_err bundle_streams_compress(struct bundle_streams *s,
				    const struct bundle_stream *const stream[], unsigned n,
				    size_t most, uint8_t *frame, size_t *len) KB_MUST_CHECK;
