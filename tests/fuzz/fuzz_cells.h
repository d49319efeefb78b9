/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inputs that are a list of sealed cells: for each, 16 bytes that are the header's, or nearly so,
 * and the payload with its length before it. The checksum is made here, so that what is behind it
 * is reached; one cell in eight keeps a wrong one.
 */
#pragma once

#include "selector/cell.h"
#include "tests/fuzz/fuzz.h"

struct fuzz_cell {
	uint8_t region;
	uint16_t index;
	uint64_t seq;
	uint16_t min_reader;
	const uint8_t *payload;
	size_t len;   /* at most 4032 */
	uint8_t harm; /* 0: none; else what is wrong with the cell */
};

/* The next one; false at the end of the input. */
bool fuzz_cells_next(struct fuzz_in *in, struct fuzz_cell *c);
/* Writes it as 4096 bytes. True if it is a valid cell then. */
bool fuzz_cells_seal(const struct fuzz_cell *c, const char *magic, uint8_t *cell);
