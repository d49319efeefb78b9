/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chunk made from another image, the seed: what docs/FORMAT.md calls copies and patches. Every
 * length is checked, whatever the stored bytes claim, and no chunk depends on another.
 */
#pragma once

#include "lib/err.h"

#include <stddef.h>
#include <stdint.h>

struct delta_seed {
	/* bytes */
	uint64_t size;
	/* Reads exactly so much, which lies inside. KB_EIO. */
	enum kb_err (*read)(void *ctx, uint64_t off, void *buf, size_t len);
	void *ctx;
};

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

/*
 * Makes the len bytes of the chunk that is at `at` in its image, by the commands alone. KB_EFORMAT:
 * they break a rule; KB_EIO: the seed cannot be read.
 */
enum kb_err delta_copy(void *dst, size_t len, uint64_t at, const struct delta_stream *commands,
		       const struct delta_seed *seed) KB_MUST_CHECK;

/* The same by all streams, which must be used up then. */
enum kb_err delta_patch(void *dst, size_t len, uint64_t at, const struct delta_streams *s,
			const struct delta_seed *seed) KB_MUST_CHECK;
