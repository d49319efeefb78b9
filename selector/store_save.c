/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/store.h"
#include "selector/cell.h"
#include "selector/store_internal.h"
#include "lib/bytes.h"
#include "lib/os.h"

#include <string.h>

static uint8_t cell_out[STORE_CELL] __attribute__((aligned(BDEV_ALIGN)));
static uint8_t cell_back[STORE_CELL] __attribute__((aligned(BDEV_ALIGN)));

enum kb_err store_write_durably(struct bdev *dev, uint64_t off, const void *buf, void *scratch,
				size_t len)
{
	TRY(bdev_write(dev, off, buf, len));
	TRY(bdev_flush(dev));
	TRY(bdev_drop_cache(dev, off, len));
	TRY(bdev_read(dev, off, scratch, len));
	return memcmp(buf, scratch, len) == 0 ? KB_OK : KB_EIO;
}

/* The cell of a region that is written next. Never the newest record's own. */
static unsigned take_cell(struct store *st, int region)
{
	int at = st->next[region];

	if (region == st->region && at == st->cell)
		at = (at + 1) % (int)STORE_CELLS;
	st->next[region] = (at + 1) % (int)STORE_CELLS;
	return (unsigned)at;
}

static enum kb_err encode_record(const struct state *s, struct cell_info *info)
{
	size_t len;

	memset(cell_out, 0, sizeof(cell_out));
	TRY(state_encode(s, (char *)cell_out + CELL_HEADER, STATE_PAYLOAD_MAX, &len));
	info->len = (uint32_t)len;
	cell_seal(cell_out, STORE_MAGIC, info);
	return KB_OK;
}

/* One record into one cell. Place and sequence are used up even if it fails, since it may be there
 * nevertheless. */
static enum kb_err save_in(struct store *st, struct state *s, int region)
{
	bool charge = s->open != STATE_NONE && s->open_token == 0;
	struct cell_info info = {
		.format = s->format > STATE_FORMAT ? s->format : STATE_FORMAT,
		.min_reader = s->min_reader > 1 ? s->min_reader : 1,
		.size = STORE_CELL,
		.region = (uint8_t)region,
		.second = store_second_named(st),
	};
	enum kb_err err;

	info.seq = ++st->seq;
	info.index = (uint16_t)take_cell(st, region);
	if (charge) {
		s->open_token = info.seq;
		s->handed = s->handed != 0 ? info.seq : 0;
	}
	err = encode_record(s, &info);
	if (err == KB_OK)
		err = store_write_durably(st->dev, store_cell_offset(st, region, info.index),
					  cell_out, cell_back, STORE_CELL);
	if (err != KB_OK) {
		if (charge)
			s->open_token = 0;
		return err;
	}
	s->seq = info.seq;
	st->region = region;
	st->cell = info.index;
	return KB_OK;
}

#define SEQ_PER_SAVE 2 /* the second where the first write fails */

static enum kb_err save_next(struct store *st, struct state *s)
{
	int r = st->region < 0 ? 0 : 1 - st->region;
	enum kb_err err;

	if (st->region_dead[r])
		return save_in(st, s, 1 - r);
	err = save_in(st, s, r);
	if (err == KB_OK || st->region_dead[1 - r])
		return err;
	return save_in(st, s, 1 - r);
}

/* What cannot be cleared and reads as no record, twice, is as good. */
static enum kb_err clear_cell(struct store *st, int region, unsigned index)
{
	struct cell_info info;
	enum kb_err err;

	memset(cell_out, 0, sizeof(cell_out));
	err = store_write_durably(st->dev, store_cell_offset(st, region, index), cell_out,
				  cell_back, STORE_CELL);
	for (unsigned i = 0; i < 2 && err != KB_OK; i++)
		if (store_cell_read(st, region, index, cell_back) != KB_OK ||
		    store_cell_open(st, &info, cell_back, region, index) == KB_OK)
			return err;
	return KB_OK;
}

/* By a boot before this one, which the watchdog may have ended in the middle of them. Asked twice:
 * a record that came back blank once would be above all that is saved after it. */
static bool is_cleared(const struct store *st, int region, unsigned index)
{
	for (unsigned i = 0; i < 2; i++)
		if (store_cell_read(st, region, index, cell_back) != KB_OK ||
		    !bytes_all(cell_back, STORE_CELL, 0))
			return false;
	return true;
}

/*
 * Sequences have come to their end, which takes a forger: they begin anew, where no device gets by
 * itself, so that what cannot be read now, and may be later, is older. The newest record stands
 * until s is there, and all others are gone before, so that a cut leaves one or the other.
 */
static enum kb_err save_anew(struct store *st, struct state *s)
{
	const uint64_t seq = s->seq, token = s->open_token, newest = st->seq;
	int region = st->region, cell = st->cell;
	enum kb_err err;

	for (int r = 0; r < 2; r++)
		for (int i = 0; i < (int)STORE_CELLS && !st->region_dead[r]; i++)
			if ((r != region || i != cell) && !is_cleared(st, r, (unsigned)i) &&
			    clear_cell(st, r, (unsigned)i) != KB_OK &&
			    store_cell_read(st, r, (unsigned)i, cell_back) == KB_OK)
				return KB_EIO;
	if (st->second != STORE_REGION(1))
		TRY(store_erase_ring(st->dev, STORE_REGION(1)));
	st->seq = STORE_SEQ_ANEW;
	err = save_next(st, s);
	if (err == KB_OK && region >= 0)
		err = clear_cell(st, region, (unsigned)cell);
	if (err == KB_OK)
		return KB_OK;
	st->seq = newest;
	st->region = region;
	st->cell = cell;
	s->seq = seq;
	s->open_token = token;
	return err;
}

enum kb_err store_save(struct store *st, struct state *s)
{
	return st->seq > UINT64_MAX - SEQ_PER_SAVE ? save_anew(st, s) : save_next(st, s);
}

enum kb_err store_save_both(struct store *st, struct state *s)
{
	TRY(store_save(st, s));
	return store_save(st, s);
}

#define LOCK_STEP_MS 10

enum kb_err store_lock(int fd, unsigned timeout_ms)
{
	for (unsigned waited = 0;; waited += LOCK_STEP_MS) {
		enum kb_err err = os_lock(fd);

		if (err != KB_EBUSY || waited >= timeout_ms)
			return err;
		os_sleep_ms(LOCK_STEP_MS);
	}
}
