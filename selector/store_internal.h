/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share: the map of the partition, and one durable write. */
#pragma once

#include "selector/cell.h"
#include "selector/store.h"

/* In a partition of the least size, and where an older Keelboot looks in any. */
#define STORE_REGION(r)		((uint64_t)(r)*STORE_REGION_APART)
#define STORE_MANIFEST_AT(i)	((1u << 20) + (uint64_t)(i)*STORE_MANIFEST_MAX)
#define STORE_MANIFEST(copy, i) (STORE_REGION(copy) + STORE_MANIFEST_AT(i))
#define STORE_MAGIC		"KEELSTAT"
#define STORE_HISTORY		((uint64_t)3 << 20)
#define STORE_HISTORY_CELLS	256u
#define STORE_WORDS		((uint64_t)4 << 20)
#define STORE_SEQ_ANEW		(UINT64_C(1) << 62) /* behind UINT64_MAX; no device counts that far */

/* Where a region, or a copy of the manifests, begins in this one. */
static inline uint64_t store_region(const struct store *st, int region)
{
	return region == 0 ? 0 : st->second;
}

/* What a cell says of it. */
static inline uint64_t store_second_named(const struct store *st)
{
	return st->second == STORE_REGION(1) ? 0 : st->second;
}

static inline uint64_t store_cell_offset(const struct store *st, int region, unsigned index)
{
	return store_region(st, region) + (uint64_t)index * STORE_CELL;
}

/* A cell that says of itself that it belongs elsewhere was written there by a fault of the medium,
 * or copied: what it tells is not this partition's story. KB_EFORMAT. */
enum kb_err store_cell_open(const struct store *st, struct cell_info *info, const uint8_t *cell,
			    int region, unsigned index) KB_MUST_CHECK;

/* From the medium, past the cache. */
enum kb_err store_cell_read(const struct store *st, int region, unsigned index,
			    uint8_t *cell) KB_MUST_CHECK;

/* Calls fn for each of n cells from offset `at` on that can be read, and counts them; n is a
 * multiple of 16. */
unsigned store_scan(struct bdev *dev, uint64_t at, unsigned n,
		    void (*fn)(void *ctx, unsigned index, const uint8_t *cell), void *ctx);

/* Zeroes over n cells from there on, flushed. */
enum kb_err store_erase_cells(struct bdev *dev, uint64_t at, unsigned n) KB_MUST_CHECK;

/* The same over all cells of the region that begins there. */
enum kb_err store_erase_ring(struct bdev *dev, uint64_t at) KB_MUST_CHECK;

/* Writes len bytes (a multiple of BDEV_ALIGN), flushes, and compares what the medium gives back,
 * through scratch of the same size. KB_EIO when it differs. */
enum kb_err store_write_durably(struct bdev *dev, uint64_t off, const void *buf, void *scratch,
				size_t len) KB_MUST_CHECK;
