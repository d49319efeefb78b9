/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block device in memory that loses power. Each 512-byte sector has a durable value and the
 * versions written to it since the last flush. A cut leaves, for each sector by itself, the durable
 * value or any of those versions, and maybe one sector of rubbish: writes are lost, reordered and
 * torn. Memory is used only for pages that were written.
 */
#pragma once

#include "lib/bdev.h"

#define BDEV_SIM_SECTOR 512u
#define BDEV_SIM_NEVER	0u

enum bdev_sim_op {
	BDEV_SIM_READ,
	BDEV_SIM_WRITE,
	BDEV_SIM_FLUSH,
	BDEV_SIM_DISCARD,
};

struct bdev_sim_version {
	uint64_t sector;
	uint8_t data[BDEV_SIM_SECTOR];
};

struct bdev_sim {
	struct bdev bdev; /* first: a struct bdev * is one of these */
	uint8_t **page;	  /* durable content, BDEV_ALIGN bytes each; NULL: all `blank` */
	uint8_t blank;	  /* value of bytes never written: 0x00 or 0xff */
	struct bdev_sim_version *pending; /* oldest first */
	size_t npending, room;

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
 * Power fails and comes back: pending versions are decided by seed, counters and injections are
 * cleared. seed 0 loses all of them, seed 1 keeps the newest of each; others choose at random, and
 * every fourth of those leaves one of the sectors torn inside.
 */
void bdev_sim_cut(struct bdev_sim *d, uint64_t seed);

/* Makes every sector of the range read as garbage that follows from seed. */
void bdev_sim_scribble(struct bdev_sim *d, uint64_t off, uint64_t len, uint64_t seed);
