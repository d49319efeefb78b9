/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that loses power, in memory. Each sector has a durable value and an ordered list of the
 * versions written since the last flush; reads see the newest. cut_image.h makes of that every
 * image that a cut may leave. Several disks hang on one power supply: operations (writes, zeroing,
 * discards, flushes) are counted over all of them, and a cut is one of all. After a cut every call
 * fails, and nothing that it was to do happens.
 *
 *	cut_power_init(&power);
 *	cut_disk_init(&disk, &power, 16 << 20);
 *	power.cut_at = 7;                the seventh operation is issued, and is the last one
 *	… the product works on &disk.bdev …
 *	cut_image_take(&im, disks, 1);   see cut_image.h
 */
#pragma once

#include "tests/sim/cut_content.h"

enum cut_op_kind { CUT_WRITE, CUT_ZERO, CUT_DISCARD, CUT_FLUSH };

struct cut_disk;

struct cut_op {
	enum cut_op_kind kind;
	struct cut_disk *disk;
	uint64_t off, len; /* bytes; multiples of CUT_SECTOR */
	const void *data;  /* of a write */
};

/* What the disks of a device share. */
struct cut_power {
	unsigned ops;	 /* so far */
	unsigned cut_at; /* this operation (from 1) is the last that is issued; 0: none */
	bool off;	 /* every call fails. May be set at any time */
	/* Called with each operation after it was issued, or NULL. */
	void (*watch)(void *ctx, const struct cut_op *op);
	/* The same, before a flush is. */
	void (*before_flush)(void *ctx);
	void *ctx;
};

/* How a discarded range reads. */
enum cut_discarded { CUT_DISCARD_OLD, CUT_DISCARD_ZEROES, CUT_DISCARD_GARBAGE };

struct cut_version {
	uint64_t sector;
	uint32_t older;	     /* the version before this one of the same sector, + 1; 0: none */
	uint32_t op;	     /* number of the operation on this disk */
	const uint8_t *data; /* NULL: zeroes */
};

struct cut_trim {
	uint64_t off, len;
	uint32_t op;
};

struct cut_disk {
	struct bdev bdev; /* first: a struct bdev * is one of these */
	struct cut_power *power;
	struct cut_power own; /* that of a disk by itself */
	struct cut_content durable;
	unsigned unit; /* sectors that are written or torn as one: 1, or 8 (4 KiB physical) */
	enum cut_discarded discarded;
	bool atomic; /* a sector is as it was, or as it was written: never garbage */

	/* since the last flush, oldest first; cut_image.c reads these */
	struct cut_version *version;
	uint32_t nversions, room;
	struct cut_trim *trim;
	uint32_t ntrims, trims_room;
	uint32_t op;		     /* operations since the last flush */
	uint32_t *index, index_size; /* hash table: newest version of a sector, + 1 */
	struct cut_blob *blobs;

	/* what happened */
	unsigned reads, writes, flushes;
	/* what is to happen; operations as the power counts them, 0 is never */
	unsigned fail_at;  /* this operation (a write, zero, discard or flush) fails ... */
	bool fail_lands;   /* ... which happens nevertheless */
	bool fail_stays;   /* ... and every one after it */
	unsigned flip_at;  /* this operation, if a write, lands with one bit changed */
	bool ignore_flush; /* a device that lies: a flush does nothing */
	struct {
		uint64_t from, to; /* bytes; from == to: none */
		bool reads, writes;
	} dead[2];
};

void cut_power_init(struct cut_power *p);

/* p NULL: it is by itself. size in bytes, a multiple of BDEV_ALIGN. Blank is zeroes. Ends the
 * process without memory. */
void cut_disk_init(struct cut_disk *d, struct cut_power *p, uint64_t size);
void cut_disk_free(struct cut_disk *d);

/* The power comes back: what is durable becomes src's (which may be d's own), nothing is pending,
 * and nothing is to happen. The power is the caller's to switch on (cut_power_init). */
void cut_disk_start(struct cut_disk *d, const struct cut_content *src);

/* What the device is told, sector by sector where bdev works in blocks: for logs that were recorded
 * elsewhere. off and len are multiples of CUT_SECTOR. */
enum kb_err cut_disk_write(struct cut_disk *d, uint64_t off, const void *buf,
			   uint64_t len) KB_MUST_CHECK;
enum kb_err cut_disk_zero(struct cut_disk *d, uint64_t off, uint64_t len) KB_MUST_CHECK;
enum kb_err cut_disk_discard(struct cut_disk *d, uint64_t off, uint64_t len) KB_MUST_CHECK;
enum kb_err cut_disk_flush(struct cut_disk *d) KB_MUST_CHECK;

/* A flush that leaves pending what lies elsewhere; all of it goes where a discard of the range is
 * pending. */
enum kb_err cut_disk_flush_range(struct cut_disk *d, uint64_t off, uint64_t len) KB_MUST_CHECK;

/* The newest version of a sector; NULL: none since the last flush. */
const struct cut_version *cut_disk_newest(const struct cut_disk *d, uint64_t sector);
