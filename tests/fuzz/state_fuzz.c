/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state record: any bytes as its text, and cells with right checksums, anywhere in the two
 * rings. Whoever can write the state partition can do no more than this.
 */
#include "selector/state.h"
#include "selector/store.h"
#include "selector/store_internal.h"
#include "tests/fuzz/fuzz_bdev.h"
#include "tests/fuzz/fuzz_cells.h"
#include "tests/fuzz/state_bounds.h"

#include <string.h>

static void check_bounds(const struct state *s)
{
	const char *broken = state_bounds_broken(s);

	if (broken != NULL)
		fuzz_fail(__FILE__, __LINE__, broken);
}

/* What was understood is written down, and read again as the same. */
static void check_round_trip(const struct state *s)
{
	static struct state again;
	char text[STATE_PAYLOAD_MAX], more[STATE_PAYLOAD_MAX];
	size_t len, len2;

	FUZZ_CHECK(state_encode(s, text, sizeof(text), &len) == KB_OK);
	FUZZ_CHECK(len <= sizeof(text));
	FUZZ_CHECK(state_decode(&again, text, len, s->min_reader) == KB_OK);
	check_bounds(&again);
	FUZZ_CHECK(state_same(s, &again));
	FUZZ_CHECK(state_encode(&again, more, sizeof(more), &len2) == KB_OK);
	FUZZ_CHECK(len == len2 && memcmp(text, more, len) == 0);
}

static void try_text(const uint8_t *p, size_t len, uint16_t min_reader)
{
	static struct state s;

	memset(&s, 0xa5, sizeof(s));
	if (state_decode(&s, (const char *)p, len, min_reader) != KB_OK)
		return;
	FUZZ_CHECK(s.newer == (min_reader > STATE_FORMAT));
	check_bounds(&s);
	check_round_trip(&s);
}

/* Each cell that is where it says it is, and can be read. */
static uint64_t put_cells(struct fuzz_bdev *d, struct fuzz_in *in)
{
	uint64_t newest = 0;
	struct fuzz_cell c;

	while (fuzz_cells_next(in, &c)) {
		bool lost = c.index & 0x8000; /* lies where it does not belong */
		uint8_t *cell;

		c.region &= 1;
		c.index &= STORE_CELLS - 1;
		cell = fuzz_bdev_cell(d, STORE_REGION(c.region) + (uint64_t)c.index * STORE_CELL);
		if (cell == NULL)
			break;
		c.index ^= lost;
		if (fuzz_cells_seal(&c, "KEELSTAT", cell) && !lost && c.seq > newest)
			newest = c.seq;
		try_text(c.payload, c.len, c.min_reader);
	}
	return newest;
}

static void check_save(struct store *st, struct state *s, const struct fuzz_bdev *d)
{
	static struct state again;
	enum store_finding found;
	enum kb_err err = store_save_both(st, s);

	if (err != KB_OK) {
		FUZZ_CHECK(d->ncells == FUZZ_BDEV_CELLS || d->dead_to != d->dead_from);
		return;
	}
	FUZZ_CHECK(store_load(st, st->dev, &again, &found) == KB_OK && found == STORE_FOUND);
	FUZZ_CHECK(again.seq == s->seq && state_same(s, &again));
}

void fuzz_one(const uint8_t *data, size_t size)
{
	static struct fuzz_bdev d;
	static struct state s;
	struct fuzz_in in = { data, size };
	uint8_t how = fuzz_u8(&in);
	enum store_finding found;
	struct store st;
	uint64_t newest;

	fuzz_bdev_init(&d, how & 1 ? 0xff : 1);
	if (how & 2) { /* a region that cannot be read */
		d.dead_from = STORE_REGION(how >> 7);
		d.dead_to = d.dead_from + STORE_CELL * (uint64_t)(how & 4 ? STORE_CELLS : 5);
	}
	newest = put_cells(&d, &in);
	FUZZ_CHECK(store_load(&st, &d.bdev, &s, &found) == KB_OK);
	if (found != STORE_FOUND)
		return;
	check_bounds(&s);
	FUZZ_CHECK(s.seq > 0 && s.seq <= newest);
	check_save(&st, &s, &d);
}
