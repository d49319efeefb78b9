/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/store.h"
#include "selector/cell.h"
#include "selector/store_internal.h"
#include "lib/bytes.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define SCAN_CELLS 16u /* cells that are read at once */

static const char magic[CELL_MAGIC_LEN + 1] = "KEELSTAT";

static uint8_t chunk[SCAN_CELLS * STORE_CELL] __attribute__((aligned(BDEV_ALIGN)));
static uint8_t cell_out[STORE_CELL] __attribute__((aligned(BDEV_ALIGN)));
static uint8_t cell_back[STORE_CELL] __attribute__((aligned(BDEV_ALIGN)));

/* What a look at all cells gave. */
struct scan {
	uint64_t seq[2][STORE_CELLS]; /* of valid cells; 0: not valid */
	unsigned readable[2];	      /* cells */
	unsigned blank;		      /* cells, of both regions */
};

static uint64_t cell_offset(int region, unsigned index)
{
	return STORE_REGION(region) + (uint64_t)index * STORE_CELL;
}

/* A cell that says of itself that it belongs elsewhere was written there by a fault of the medium,
 * or copied: what it tells is not this partition's story. */
static enum kb_err open_cell(struct cell_info *info, const uint8_t *cell, int region,
			     unsigned index)
{
	TRY(cell_open(info, cell, magic, STORE_CELL));
	if (info->region != region || info->index != index || info->seq == 0)
		return KB_EFORMAT;
	return KB_OK;
}

static enum kb_err read_cell(struct bdev *dev, int region, unsigned index, uint8_t *cell)
{
	TRY(bdev_drop_cache(dev, cell_offset(region, index), STORE_CELL));
	return bdev_read(dev, cell_offset(region, index), cell, STORE_CELL);
}

/*
 * A cell that looks damaged is asked for once more: what only a read damaged must not bring back an
 * older record, which the next save would put above it for good.
 */
static void look_at(struct bdev *dev, struct scan *sc, uint8_t *cell, int region, unsigned index)
{
	struct cell_info info;
	enum kb_err e = open_cell(&info, cell, region, index);

	if (e != KB_OK && e != KB_EBLANK && read_cell(dev, region, index, cell) == KB_OK)
		e = open_cell(&info, cell, region, index);
	sc->readable[region]++;
	if (e == KB_OK)
		sc->seq[region][index] = info.seq;
	else if (e == KB_EBLANK)
		sc->blank++;
}

static void scan_region(struct bdev *dev, struct scan *sc, int region)
{
	for (unsigned at = 0; at < STORE_CELLS; at += SCAN_CELLS) {
		bool whole = bdev_read(dev, cell_offset(region, at), chunk, sizeof(chunk)) == KB_OK;

		for (unsigned i = 0; i < SCAN_CELLS; i++) {
			uint8_t *cell = chunk + (size_t)i * STORE_CELL;

			if (whole || read_cell(dev, region, at + i, cell) == KB_OK)
				look_at(dev, sc, cell, region, at + i);
		}
	}
}

/* The valid cell with the highest sequence in a region, or -1. */
static int newest_in(const struct scan *sc, int region)
{
	int best = -1;

	for (unsigned i = 0; i < STORE_CELLS; i++)
		if (sc->seq[region][i] > (best < 0 ? 0 : sc->seq[region][best]))
			best = (int)i;
	return best;
}

/* Opens the record of a cell in cell_back. */
static enum kb_err open_record(struct bdev *dev, int region, unsigned index, struct cell_info *info)
{
	TRY(read_cell(dev, region, index, cell_back));
	return open_cell(info, cell_back, region, index);
}

/*
 * The cell behind the newest is asked for once more: a record that came back blank, or as what
 * stood there before, would bring back the one before it, for good.
 */
static void look_behind(struct store *st, struct scan *sc, int region)
{
	for (unsigned i = 0; i < STORE_CELLS; i++) {
		unsigned at = (unsigned)st->next[region];
		struct cell_info info;

		if (open_record(st->dev, region, at, &info) != KB_OK ||
		    (st->has_record[region] && info.seq <= sc->seq[region][newest_in(sc, region)]))
			return;
		sc->seq[region][at] = info.seq;
		st->has_record[region] = true;
		st->next[region] = (int)((at + 1) % STORE_CELLS);
	}
}

/* Reads the record of a cell, which was found valid, into s. */
static enum kb_err read_record(struct bdev *dev, int region, unsigned index, struct state *s)
{
	struct cell_info info;

	if (open_record(dev, region, index, &info) != KB_OK)
		TRY(open_record(dev, region, index, &info));
	TRY(state_decode(s, (const char *)cell_back + CELL_HEADER, info.len, info.min_reader));
	s->seq = info.seq;
	s->format = info.format;
	return KB_OK;
}

/* KB_OK; KB_ENOENT: no record is valid; KB_EIO: what the scan found valid cannot be read any more,
 * which does not make it lost. */
static enum kb_err pick_newest(struct store *st, struct scan *sc, struct state *s)
{
	enum kb_err none = KB_ENOENT;

	for (;;) {
		int cell[2] = { newest_in(sc, 0), newest_in(sc, 1) };
		enum kb_err e;
		int r;

		if (cell[0] < 0 && cell[1] < 0)
			return none;
		if (cell[0] < 0 || cell[1] < 0)
			r = cell[0] < 0;
		else
			r = sc->seq[1][cell[1]] > sc->seq[0][cell[0]];
		e = read_record(st->dev, r, (unsigned)cell[r], s);
		if (e == KB_OK) {
			st->region = r;
			st->cell = cell[r];
			return KB_OK;
		}
		if (e == KB_EIO)
			none = KB_EIO;
		sc->seq[r][cell[r]] = 0;
	}
}

enum kb_err store_load(struct store *st, struct bdev *dev, struct state *s,
		       enum store_finding *found)
{
	static struct scan sc;
	enum kb_err e;

	*st = (struct store){ .dev = dev, .region = -1, .cell = -1 };
	sc = (struct scan){ 0 };
	if (dev->size < STORE_MIN_SIZE)
		return KB_EINVAL;
	for (int r = 0; r < 2; r++) {
		int newest;

		scan_region(dev, &sc, r);
		newest = newest_in(&sc, r);
		st->region_dead[r] = sc.readable[r] == 0;
		st->has_record[r] = newest >= 0;
		st->next[r] = (newest + 1) % (int)STORE_CELLS;
		look_behind(st, &sc, r);
		newest = newest_in(&sc, r);
		if (newest < 0)
			continue;
		if (sc.seq[r][newest] > st->seq)
			st->seq = sc.seq[r][newest];
	}
	if (st->region_dead[0] && st->region_dead[1])
		return KB_EIO;
	e = pick_newest(st, &sc, s);
	if (e == KB_ENOENT)
		*found = sc.blank == 2 * STORE_CELLS ? STORE_BLANK : STORE_LOST;
	else
		*found = STORE_FOUND;
	return e == KB_ENOENT ? KB_OK : e;
}

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
	cell_seal(cell_out, magic, info);
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
	};
	enum kb_err e;

	info.seq = ++st->seq;
	info.index = (uint16_t)take_cell(st, region);
	if (charge)
		s->open_token = info.seq;
	e = encode_record(s, &info);
	if (e == KB_OK)
		e = store_write_durably(st->dev, cell_offset(region, info.index), cell_out,
					cell_back, STORE_CELL);
	if (e != KB_OK) {
		if (charge)
			s->open_token = 0;
		return e;
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
	enum kb_err e;

	if (st->region_dead[r])
		return save_in(st, s, 1 - r);
	e = save_in(st, s, r);
	if (e == KB_OK || st->region_dead[1 - r])
		return e;
	return save_in(st, s, 1 - r);
}

/* What cannot be cleared and reads as no record, twice, is as good. */
static enum kb_err clear_cell(struct store *st, int region, unsigned index)
{
	struct cell_info info;
	enum kb_err e;

	memset(cell_out, 0, sizeof(cell_out));
	e = store_write_durably(st->dev, cell_offset(region, index), cell_out, cell_back,
				STORE_CELL);
	for (unsigned i = 0; i < 2 && e != KB_OK; i++)
		if (read_cell(st->dev, region, index, cell_back) != KB_OK ||
		    open_cell(&info, cell_back, region, index) == KB_OK)
			return e;
	return KB_OK;
}

/* By a boot before this one, which the watchdog may have ended in the middle of them. Asked twice:
 * a record that came back blank once would be above all that is saved after it. */
static bool is_cleared(const struct store *st, int region, unsigned index)
{
	for (unsigned i = 0; i < 2; i++)
		if (read_cell(st->dev, region, index, cell_back) != KB_OK ||
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
	enum kb_err e;

	for (int r = 0; r < 2; r++)
		for (int i = 0; i < (int)STORE_CELLS && !st->region_dead[r]; i++)
			if ((r != region || i != cell) && !is_cleared(st, r, (unsigned)i) &&
			    clear_cell(st, r, (unsigned)i) != KB_OK &&
			    read_cell(st->dev, r, (unsigned)i, cell_back) == KB_OK)
				return KB_EIO;
	st->seq = STORE_SEQ_ANEW;
	e = save_next(st, s);
	if (e == KB_OK && region >= 0)
		e = clear_cell(st, region, (unsigned)cell);
	if (e == KB_OK)
		return KB_OK;
	st->seq = newest;
	st->region = region;
	st->cell = cell;
	s->seq = seq;
	s->open_token = token;
	return e;
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

enum kb_err store_lock(int fd, unsigned timeout_ms)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

	for (unsigned waited = 0;; waited += 10) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return KB_OK;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_errno(errno);
		if (waited >= timeout_ms)
			return KB_EBUSY;
		nanosleep(&pause, NULL);
	}
}
