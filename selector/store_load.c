/* SPDX-License-Identifier: Apache-2.0 */
/* Reading both regions, and where the second one is. Never writes. */
#include "selector/store_internal.h"
#include "lib/util.h"

#include <string.h>

#define SCAN_CELLS 16u /* cells that are read at once */
#define MIB	   (1u << 20)

static uint8_t chunk[SCAN_CELLS * STORE_CELL] __attribute__((aligned(BDEV_ALIGN)));
static uint8_t cell_back[STORE_CELL] __attribute__((aligned(BDEV_ALIGN)));

enum kb_err store_cell_open(const struct store *st, struct cell_info *info, const uint8_t *cell,
			    int region, unsigned index)
{
	TRY(cell_open(info, cell, STORE_MAGIC, STORE_CELL));
	if (info->region != region || info->index != index || info->seq == 0)
		return KB_EFORMAT;
	return region == 0 || info->second == store_second_named(st) ? KB_OK : KB_EFORMAT;
}

enum kb_err store_cell_read(const struct store *st, int region, unsigned index, uint8_t *cell)
{
	TRY(bdev_drop_cache(st->dev, store_cell_offset(st, region, index), STORE_CELL));
	return bdev_read(st->dev, store_cell_offset(st, region, index), cell, STORE_CELL);
}

/* What a look at all cells gave. */
struct scan {
	/* of valid cells; 0: not valid */
	uint64_t seq[2][STORE_CELLS];
	/* what those of region 0 say of region 1 */
	uint64_t named[STORE_CELLS];
	/* cells */
	unsigned readable[2];
	unsigned blank[2];
};

static void note_record(struct scan *sc, int region, unsigned index, const struct cell_info *info)
{
	sc->seq[region][index] = info->seq;
	if (region == 0)
		sc->named[index] = info->second;
}

/*
 * A cell that looks damaged is asked for once more: what only a read damaged must not bring back an
 * older record, which the next save would put above it for good.
 */
static void read_cell_into_scan(const struct store *st, struct scan *sc, uint8_t *cell, int region,
				unsigned index)
{
	struct cell_info info;
	enum kb_err err = store_cell_open(st, &info, cell, region, index);

	if (err != KB_OK && err != KB_EBLANK && store_cell_read(st, region, index, cell) == KB_OK)
		err = store_cell_open(st, &info, cell, region, index);
	sc->readable[region]++;
	if (err == KB_OK)
		note_record(sc, region, index, &info);
	else if (err == KB_EBLANK)
		sc->blank[region]++;
}

static void scan_cells(const struct store *st, struct scan *sc, int region)
{
	for (unsigned at = 0; at < STORE_CELLS; at += SCAN_CELLS) {
		bool whole = bdev_read(st->dev, store_cell_offset(st, region, at), chunk,
				       sizeof(chunk)) == KB_OK;

		for (unsigned i = 0; i < SCAN_CELLS; i++) {
			uint8_t *cell = chunk + (size_t)i * STORE_CELL;

			if (whole || store_cell_read(st, region, at + i, cell) == KB_OK)
				read_cell_into_scan(st, sc, cell, region, at + i);
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

static uint64_t newest_seq(const struct scan *sc, int region)
{
	int newest = newest_in(sc, region);

	return newest < 0 ? 0 : sc->seq[region][newest];
}

/* Opens the record of a cell in cell_back. */
static enum kb_err open_record(const struct store *st, int region, unsigned index,
			       struct cell_info *info)
{
	TRY(store_cell_read(st, region, index, cell_back));
	return store_cell_open(st, info, cell_back, region, index);
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

		if (open_record(st, region, at, &info) != KB_OK ||
		    (st->has_record[region] && info.seq <= newest_seq(sc, region)))
			return;
		note_record(sc, region, at, &info);
		st->has_record[region] = true;
		st->next[region] = (int)((at + 1) % STORE_CELLS);
	}
}

static void scan_region(struct store *st, struct scan *sc, int region)
{
	int newest;

	memset(sc->seq[region], 0, sizeof(sc->seq[region]));
	sc->readable[region] = sc->blank[region] = 0;
	scan_cells(st, sc, region);
	newest = newest_in(sc, region);
	st->region_dead[region] = sc->readable[region] == 0;
	st->has_record[region] = newest >= 0;
	st->next[region] = (newest + 1) % (int)STORE_CELLS;
	look_behind(st, sc, region);
}

uint64_t store_second_of(uint64_t size)
{
	/* The areas of both places never overlap. */
	if (size < 3 * (uint64_t)STORE_REGION_APART)
		return STORE_REGION(1);
	return (size - STORE_REGION_APART) & ~(uint64_t)(MIB - 1);
}

/* What the newest record of region 0 says; where the partition ends before, or there is none, where
 * a new state would have it. */
static uint64_t named_second(const struct store *st, const struct scan *sc)
{
	int newest = newest_in(sc, 0);
	uint64_t at = newest < 0 ? UINT64_MAX : sc->named[newest];

	if (at == 0)
		return STORE_REGION(1);
	if (at % MIB != 0 || at < 2 * STORE_REGION(1) || at > store_second_of(st->dev->size))
		return store_second_of(st->dev->size);
	return at;
}

static void scan_second(struct store *st, struct scan *sc, uint64_t at)
{
	st->second = at;
	scan_region(st, sc, 1);
}

/*
 * Where region 1 lies. A record at 8 MiB that is newer than all of region 0 was written by an older
 * Keelboot, which looks nowhere else: the state has gone on there. Else region 0 knows. A new state
 * has it at the end, but not if that at 8 MiB holds something: a state that was lost may come back,
 * in part, and its manifests are there.
 */
static void find_second(struct store *st, struct scan *sc)
{
	uint64_t named = named_second(st, sc);
	bool used;

	scan_second(st, sc, STORE_REGION(1));
	if (named == STORE_REGION(1) || newest_seq(sc, 1) > newest_seq(sc, 0))
		return;
	used = sc->blank[1] != STORE_CELLS;
	scan_second(st, sc, named);
	if (used && !st->has_record[0] && !st->has_record[1])
		scan_second(st, sc, STORE_REGION(1));
}

/* Reads the record of a cell, which was found valid, into s. */
static enum kb_err read_record(const struct store *st, int region, unsigned index, struct state *s)
{
	struct cell_info info;

	if (open_record(st, region, index, &info) != KB_OK)
		TRY(open_record(st, region, index, &info));
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
		enum kb_err err;
		int r;

		if (cell[0] < 0 && cell[1] < 0)
			return none;
		if (cell[0] < 0 || cell[1] < 0)
			r = cell[0] < 0;
		else
			r = sc->seq[1][cell[1]] > sc->seq[0][cell[0]];
		err = read_record(st, r, (unsigned)cell[r], s);
		if (err == KB_OK) {
			st->region = r;
			st->cell = cell[r];
			return KB_OK;
		}
		if (err != KB_EFORMAT && err != KB_EBLANK)
			none = KB_EIO;
		sc->seq[r][cell[r]] = 0;
	}
}

static bool is_blank(const struct store *st, const struct scan *sc)
{
	return sc->blank[0] == STORE_CELLS && sc->blank[1] == STORE_CELLS &&
	       st->second == store_second_of(st->dev->size);
}

enum kb_err store_load(struct store *st, struct bdev *dev, struct state *s,
		       enum store_finding *found)
{
	static struct scan sc;
	enum kb_err err;

	*st = (struct store){ .dev = dev, .second = STORE_REGION(1), .region = -1, .cell = -1 };
	if (dev->size < STORE_MIN_SIZE)
		return KB_EINVAL;
	scan_region(st, &sc, 0);
	find_second(st, &sc);
	for (int r = 0; r < 2; r++)
		if (newest_seq(&sc, r) > st->seq)
			st->seq = newest_seq(&sc, r);
	if (st->region_dead[0] && st->region_dead[1])
		return KB_EIO;
	err = pick_newest(st, &sc, s);
	if (err == KB_ENOENT)
		*found = is_blank(st, &sc) ? STORE_BLANK : STORE_LOST;
	else
		*found = STORE_FOUND;
	return err == KB_ENOENT ? KB_OK : err;
}

bool store_is_likely(struct bdev *dev)
{
	const uint64_t at[] = { 0, STORE_REGION(1), store_second_of(dev->size) };

	/* The first cell of each ring is written first, and from then on never anything but a
	 * record. */
	for (unsigned i = 0; i < KB_ARRAY_LEN(at) && dev->size >= STORE_MIN_SIZE; i++)
		if (bdev_read(dev, at[i], cell_back, STORE_CELL) == KB_OK &&
		    memcmp(cell_back, STORE_MAGIC, CELL_MAGIC_LEN) == 0)
			return true;
	return false;
}
