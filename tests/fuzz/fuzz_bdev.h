/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A state partition behind the bdev seam: of its 16 MiB only the cells that an input names are in
 * memory; all others read as one byte, over and over.
 */
#pragma once

#include "lib/bdev.h"

#define FUZZ_BDEV_CELLS 160u

/* What becomes of one read, counted from when it was ordered. */
enum fuzz_bdev_bad {
	FUZZ_BDEV_FLIP,	 /* a bit is another */
	FUZZ_BDEV_FAIL,	 /* it fails */
	FUZZ_BDEV_EMPTY, /* it comes back as zeroes */
	FUZZ_BDEV_GONE,	 /* it fails, and so do all that follow */
};

struct fuzz_bdev {
	struct bdev bdev; /* first */
	uint8_t blank;
	unsigned ncells;
	uint64_t off[FUZZ_BDEV_CELLS];
	uint8_t cell[FUZZ_BDEV_CELLS][BDEV_ALIGN];
	uint64_t dead_from, dead_to;   /* cannot be read */
	uint64_t stuck_from, stuck_to; /* cannot be written */
	unsigned writes;	       /* so many were asked for */
	unsigned bad_read;	       /* the one that is bad, 1 is the next; 0: none */
	enum fuzz_bdev_bad bad;
	uint16_t bad_at; /* byte of it whose last bit is flipped */
};

void fuzz_bdev_init(struct fuzz_bdev *d, uint8_t blank);
/* The memory of the cell at off, which is taken if there is none; NULL: all are in use. */
uint8_t *fuzz_bdev_cell(struct fuzz_bdev *d, uint64_t off);
