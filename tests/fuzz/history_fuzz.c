/* SPDX-License-Identifier: Apache-2.0 */
/* The history: cells with right checksums and any text, anywhere in the ring. */
#include "selector/history.h"
#include "selector/store.h"
#include "selector/store_internal.h"
#include "tests/fuzz/fuzz_bdev.h"
#include "tests/fuzz/fuzz_cells.h"

#include <string.h>

static void check_event(const struct history_event *e)
{
	FUZZ_CHECK((unsigned)e->kind < HISTORY_KIND_COUNT && history_kind_name(e->kind)[0] != '\0');
	FUZZ_CHECK(e->slot >= STATE_NONE && e->slot < STATE_SLOTS_MAX);
	FUZZ_CHECK(fuzz_printable(e->version, sizeof(e->version)));
	FUZZ_CHECK(fuzz_printable(e->reason, sizeof(e->reason)));
	FUZZ_CHECK(fuzz_printable(e->detail, sizeof(e->detail)));
}

static bool same(const struct history_event *a, const struct history_event *b)
{
	return a->n == b->n && a->time == b->time && a->kind == b->kind && a->slot == b->slot &&
	       a->sequence == b->sequence && strcmp(a->version, b->version) == 0 &&
	       strcmp(a->reason, b->reason) == 0 && strcmp(a->detail, b->detail) == 0;
}

static void check_round_trip(const struct history_event *e)
{
	static uint8_t cell[HISTORY_CELL];
	struct history_event again;

	history_encode(e, cell);
	FUZZ_CHECK(history_decode(&again, cell) == KB_OK && same(e, &again));
	cell[CELL_HEADER + 3] ^= 1;
	FUZZ_CHECK(history_decode(&again, cell) == KB_EFORMAT);
}

/* What a walk over the ring has told. */
struct told {
	uint64_t last;
	unsigned n, stop;
	struct history_event first;
};

static bool tell(void *ctx, const struct history_event *e)
{
	struct told *t = ctx;

	check_event(e);
	FUZZ_CHECK(t->n == 0 || e->n < t->last);
	if (t->n == 0)
		t->first = *e;
	t->last = e->n;
	t->n++;
	FUZZ_CHECK(t->n <= STORE_HISTORY_CELLS);
	return t->n != t->stop;
}

static void put_cells(struct fuzz_bdev *d, struct fuzz_in *in)
{
	struct history_event e;
	struct fuzz_cell c;

	while (fuzz_cells_next(in, &c)) {
		unsigned at = c.index & 0x8000 ? c.index % STORE_HISTORY_CELLS
					       : (unsigned)((c.seq - 1) % STORE_HISTORY_CELLS);
		uint8_t *cell = fuzz_bdev_cell(d, STORE_HISTORY + (uint64_t)at * HISTORY_CELL);
		bool valid;

		if (cell == NULL)
			break;
		valid = fuzz_cells_seal(&c, "KEELHIST", cell);
		FUZZ_CHECK((history_decode(&e, cell) == KB_OK) == valid);
		if (!valid)
			continue;
		check_event(&e);
		FUZZ_CHECK(e.n == c.seq);
		check_round_trip(&e);
	}
}

static void check_add(struct store *st, const struct fuzz_bdev *d, const struct told *before)
{
	struct history_event e = { .kind = HISTORY_BOOT, .slot = 1, .sequence = 7 }, other = e;
	struct told t = { .stop = 1 };
	enum kb_err err;

	history_set_text(e.reason, "x");
	err = store_history_add(st, &e);
	if (err != KB_OK) {
		FUZZ_CHECK(d->ncells == FUZZ_BDEV_CELLS || d->dead_to != 0);
		return;
	}
	FUZZ_CHECK(store_history_read(st, 0, tell, &t) == KB_OK);
	FUZZ_CHECK(t.n == 1 && t.first.n == st->history_n);
	FUZZ_CHECK(before->first.n == UINT64_MAX ? t.first.n == 1 : t.first.n > before->first.n);
	e.n = st->history_n;
	FUZZ_CHECK(same(&e, &t.first));
	FUZZ_CHECK(store_history_has(st, 1, &e) && !store_history_has(st, 1, &other));
}

void fuzz_one(const uint8_t *data, size_t size)
{
	static struct fuzz_bdev d;
	struct fuzz_in in = { data, size };
	uint8_t how = fuzz_u8(&in);
	struct told all = { 0 }, some = { 0 };
	struct store st = { .dev = &d.bdev };
	unsigned max = 1 + how % 4u;

	fuzz_bdev_init(&d, how & 0x80 ? 0xff : 1);
	put_cells(&d, &in);
	if (how & 0x40) {
		d.dead_from = STORE_HISTORY;
		d.dead_to = STORE_HISTORY + 3 * HISTORY_CELL;
	}
	FUZZ_CHECK(store_history_read(&st, 0, tell, &all) == KB_OK);
	FUZZ_CHECK(store_history_read(&st, max, tell, &some) == KB_OK);
	FUZZ_CHECK(some.n == (all.n < max ? all.n : max));
	check_add(&st, &d, &all);
}
