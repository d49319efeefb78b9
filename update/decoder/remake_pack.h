/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compressed blocks, unpacked and made again by the compressors of others, in memory that the
 * caller gives.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum remake_packer { REMAKE_ZLIB, REMAKE_XZ, REMAKE_ZSTD, REMAKE_LZ4, REMAKE_PACKERS };

/* Memory that is used from the front, and taken back as a whole. */
struct remake_arena {
	/* at a multiple of 64 */
	uint8_t *p;
	size_t size, used;
};

/* NULL: it is used up. */
void *remake_arena_take(struct remake_arena *a, size_t len);

/* Some bytes, and how many of them there are. */
struct remake_bytes {
	const uint8_t *p;
	size_t len;
};

/* The parameters of a compressor: docs/FORMAT.md has them. */
struct remake_how {
	uint32_t how, size;
};

/* What one library does. `room` bytes are at out; *len: of them, what was written. All give
 * KB_EFORMAT for whatever does not work, also for want of memory. */
struct remake_library {
	enum kb_err (*pack)(struct remake_arena *a, struct remake_how how, struct remake_bytes text,
			    uint8_t *out, size_t room, size_t *len);
	/* Takes all of the bytes. */
	enum kb_err (*unpack)(struct remake_arena *a, struct remake_bytes from, uint8_t *out,
			      size_t room, size_t *len);
	/*
	 * NULL, or fills `blocks` of how.size bytes, one behind the other, with as much of the text
	 * as each takes; zeroes stand before one that is shorter.
	 */
	enum kb_err (*fill)(struct remake_arena *a, struct remake_how how, struct remake_bytes text,
			    uint8_t *out, uint32_t blocks);
	/* NULL, or what remake_prepare() does */
	void (*prepare)(void);
};

extern const struct remake_library remake_zlib, remake_xz, remake_zstd, remake_lz4;

/* By number: those that are built in, or NULL. */
extern const struct remake_library *const remake_libraries[REMAKE_PACKERS];

/* Of them, that one; NULL, too, when the library that runs is not the one that its form names. */
const struct remake_library *remake_library_of(enum remake_packer packer);

/* Before the process gives up the right to ask for memory: what a library takes by itself comes
 * from what is had then. */
void remake_prepare(void);
