/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One disk by itself that loses power, for tests that want no more: cut_disk.h with a power supply
 * of its own, faults, and cuts that a seed decides.
 */
#pragma once

#include "tests/sim/cut_image.h"

struct bdev_sim {
	struct bdev bdev; /* first: a struct bdev * is one of these */
	struct cut_power power;
	struct cut_disk disk;

	/* what happened */
	unsigned ops; /* writes, flushes and discards so far */
	unsigned reads;
	unsigned writes; /* of ops */
	unsigned flushes;
	/* what is to happen; operations count from 1, 0 is never */
	unsigned cut_at;   /* power fails during this operation: it is issued, nothing follows it */
	unsigned fail_at;  /* this operation returns KB_EIO ... */
	bool fail_lands;   /* ... and its data is written nevertheless */
	bool fail_stays;   /* ... and so does every one after it */
	unsigned flip_at;  /* this operation, if a write, lands with one bit changed, and says OK */
	bool ignore_flush; /* a device that lies: a flush does nothing */
	bool off;	   /* the power is gone: everything fails */
	struct {
		uint64_t from, to; /* bytes; from == to: none */
		bool reads, writes;
	} dead[2];
};

/* size in bytes, a multiple of BDEV_ALIGN. Ends the process when there is no memory. */
void bdev_sim_init(struct bdev_sim *d, uint64_t size);
void bdev_sim_free(struct bdev_sim *d);

/* Makes dst (initialised, of the same size) durably what src durably is, with nothing pending. */
void bdev_sim_copy(struct bdev_sim *dst, const struct bdev_sim *src);

/*
 * Power fails and comes back: what is pending is decided by seed, counters and injections are
 * cleared. seed 0 loses all of it, seed 1 keeps the newest of each sector; others choose at random,
 * and every fourth of those leaves one of the sectors as garbage.
 */
void bdev_sim_cut(struct bdev_sim *d, uint64_t seed);

/* Makes every sector of the range read as garbage that follows from seed. */
void bdev_sim_scribble(struct bdev_sim *d, uint64_t off, uint64_t len, uint64_t seed);
