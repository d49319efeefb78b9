/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A state partition behind the bdev seam: of its 16 MiB only the cells that an input names are in
 * memory; all others read as one byte, over and over.
 */
#pragma once

#include "lib/bdev.h"

#define FUZZ_BDEV_CELLS 160u

struct fuzz_bdev {
	struct bdev bdev; /* first */
	uint8_t blank;
	unsigned ncells;
	uint64_t off[FUZZ_BDEV_CELLS];
	uint8_t cell[FUZZ_BDEV_CELLS][BDEV_ALIGN];
	uint64_t dead_from, dead_to; /* cannot be read */
};

void fuzz_bdev_init(struct fuzz_bdev *d, uint8_t blank);
/* The memory of the cell at off, which is taken if there is none; NULL: all are in use. */
uint8_t *fuzz_bdev_cell(struct fuzz_bdev *d, uint64_t off);
