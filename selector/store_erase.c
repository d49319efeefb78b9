/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/store_internal.h"

/* Written, whatever the device can do quicker: a hole in an image would be left out by who copies
 * it, and what the disk held there stays. */
enum kb_err store_erase_cells(struct bdev *dev, uint64_t at, unsigned n)
{
	static const uint8_t zeroes[STORE_CELL] __attribute__((aligned(BDEV_ALIGN)));

	for (unsigned i = 0; i < n; i++)
		TRY(bdev_write(dev, at + (uint64_t)i * STORE_CELL, zeroes, STORE_CELL));
	return bdev_flush(dev);
}

enum kb_err store_erase_ring(struct bdev *dev, uint64_t at)
{
	return store_erase_cells(dev, at, STORE_CELLS);
}

enum kb_err store_erase(struct store *st)
{
	static struct state s;
	enum store_finding found;
	uint64_t seq = st->seq;
	enum kb_err err;

	TRY(store_erase_ring(st->dev, 0));
	TRY(store_erase_ring(st->dev, STORE_REGION(1)));
	TRY(store_erase_ring(st->dev, st->second));
	TRY(store_erase_ring(st->dev, store_second_of(st->dev->size)));
	TRY(store_erase_cells(st->dev, STORE_WORDS, STORE_WORDS_CELLS)); /* tokens begin anew */
	err = store_load(st, st->dev, &s, &found);
	st->seq = seq; /* one that could not be read is older, should it come back */
	return err == KB_OK && found != STORE_BLANK ? KB_EIO : err;
}
