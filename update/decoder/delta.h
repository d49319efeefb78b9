/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chunk made from another image, the seed: what docs/FORMAT.md calls copies and patches. Every
 * length is checked, whatever the stored bytes claim, and no chunk depends on another.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct delta_seed {
	/* bytes */
	uint64_t size;
	/* Reads exactly so much, which lies inside. KB_EIO. */
	enum kb_err (*read)(void *ctx, uint64_t off, void *buf, size_t len);
	void *ctx;
};

#define DELTA_STREAMS_MAX 6u

/* Some bytes that are used up from the front. */
struct delta_stream {
	const uint8_t *at, *end;
};

struct delta_streams {
	/* what to do, and where in the seed the words are to which something is added */
	struct delta_stream commands, gaps;
	/* what is added, and bytes that are not in the seed */
	struct delta_stream words, literals;
};

/* The next number, as LEB128 of at most 64 bits in its shortest form. KB_EFORMAT. */
enum kb_err delta_number(struct delta_stream *s, uint64_t *out) KB_MUST_CHECK;

/* Takes the lengths of n streams from `all`, then these, one behind the other, with nothing left.
 * KB_EFORMAT. */
enum kb_err delta_split(struct delta_stream all, struct delta_stream *const streams[],
			unsigned n) KB_MUST_CHECK;

/* Bytes that are made piece by piece. */
struct delta_making {
	/* set by the caller; patching: words are added, and literals may come */
	const struct delta_seed *seed;
	struct delta_streams s;
	bool patching;
	/* where in the seed the next bytes are expected */
	uint64_t expected;
	/* how many commands may come: they bound the reads of the seed */
	size_t left;
	/* inside: what is being made */
	uint8_t *dst;
	size_t len, done;
};

/* Makes the next len bytes, by commands that end with them. KB_EFORMAT: they break a rule; KB_EIO:
 * the seed cannot be read. */
enum kb_err delta_make(struct delta_making *m, void *dst, size_t len) KB_MUST_CHECK;

/* Behind the last: KB_EFORMAT if something of a stream is left. */
enum kb_err delta_end(const struct delta_making *m) KB_MUST_CHECK;

/*
 * Makes the len bytes of the chunk that is at `at` in its image, by the commands alone. KB_EFORMAT:
 * they break a rule; KB_EIO: the seed cannot be read.
 */
enum kb_err delta_copy(void *dst, size_t len, uint64_t at, const struct delta_stream *commands,
		       const struct delta_seed *seed) KB_MUST_CHECK;

/* The same by all streams, which must be used up then. */
enum kb_err delta_patch(void *dst, size_t len, uint64_t at, const struct delta_streams *s,
			const struct delta_seed *seed) KB_MUST_CHECK;
