/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads back what was written, from the medium: flush, drop the page cache, read, compare with the
 * signed hash. By a thread of its own that trails the writer, when it has descriptors of its own.
 * What the writer has filled since is written out meanwhile.
 */
#pragma once

#include "lib/bdev.h"
#include "update/bundle/reader.h"

#include <pthread.h>

/* A flush of a segment has to end well within the time after which process 1 sees no progress: 16
 * MiB do, on the worst of cards. */
#define INSTALL_READBACK_BYTES (16u << 20)
#define INSTALL_READBACK_LEAST (1u << 20)
#define INSTALL_READBACK_ITEMS 512u
#define INSTALL_READBACK_RING  4u /* segments: so far may the writer be ahead */

struct install_readback_segment {
	struct bdev *dev;
	unsigned n;
	uint64_t bytes;
	/* of dev: the items lie between */
	uint64_t from, to;
	struct install_readback_item {
		uint64_t off;
		uint32_t len;
		/* hash is not used then */
		bool zero;
		uint8_t hash[DIGEST_LEN];
	} item[INSTALL_READBACK_ITEMS];
};

struct install_readback {
	struct install_readback_segment seg[INSTALL_READBACK_RING];
	/* bytes, ever */
	uint64_t added;
	/* bytes of a segment */
	uint64_t most;
	struct digest digest;
	bool threaded, started;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under lock */
	/* segments so far; they differ by less than the ring's size */
	unsigned filled, read;
	bool quit;
	/* bytes */
	uint64_t done;
	enum kb_err err;
	const struct bdev *err_dev;
	uint64_t err_off;
};

/* threaded: devices given to install_readback_add() are used by nobody else, or take two threads.
 * KB_EIO. */
enum kb_err install_readback_begin(struct install_readback *rb, bool threaded) KB_MUST_CHECK;

/*
 * An image of so many bytes comes next. Of a small one the segments are an eighth: what is one
 * segment alone is read back when all of it is written, and takes as long once more.
 */
void install_readback_image(struct install_readback *rb, uint64_t size);

/*
 * Notes that len bytes at off of dev were written, with this hash, or, with zero, that the range
 * was zeroed; len at most MANIFEST_CHUNK_MAX. KB_EIO: something was not what it should be, now or
 * earlier.
 */
enum kb_err install_readback_add(struct install_readback *rb, struct bdev *dev, uint64_t off,
				 uint32_t len, const uint8_t *hash, bool zero) KB_MUST_CHECK;

/* Gives what was noted to the reader, without waiting for the result. */
enum kb_err install_readback_push(struct install_readback *rb) KB_MUST_CHECK;

/* Waits, at most timeout_ms, for all that was pushed; *done: bytes so far, of rb->added.
 * KB_ETIMEDOUT. */
enum kb_err install_readback_wait(struct install_readback *rb, unsigned timeout_ms,
				  uint64_t *done) KB_MUST_CHECK;

/* Ends the thread. */
void install_readback_end(struct install_readback *rb);
