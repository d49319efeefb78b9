/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/store_internal.h"

#define CELLS 16u

static uint8_t cells[CELLS * STORE_CELL] __attribute__((aligned(BDEV_ALIGN)));

unsigned store_scan(struct bdev *dev, uint64_t at, unsigned n,
		    void (*fn)(void *ctx, unsigned index, const uint8_t *cell), void *ctx)
{
	unsigned readable = 0;

	for (unsigned first = 0; first < n; first += CELLS) {
		uint64_t off = at + (uint64_t)first * STORE_CELL;
		bool whole = bdev_read(dev, off, cells, sizeof(cells)) == KB_OK;

		for (unsigned i = 0; i < CELLS; i++) {
			uint8_t *cell = cells + (size_t)i * STORE_CELL;

			if (!whole && bdev_read(dev, off + (uint64_t)i * STORE_CELL, cell,
						STORE_CELL) != KB_OK)
				continue;
			fn(ctx, first + i, cell);
			readable++;
		}
	}
	return readable;
}
