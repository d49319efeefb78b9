/* SPDX-License-Identifier: Apache-2.0 */
/* Last words: cells with right checksums and any text, anywhere in the ring; and each payload as a
 * record of the kernel's log. */
#include "initramfs/guardian/guardian_words.h"
#include "selector/store.h"
#include "selector/store_internal.h"
#include "tests/fuzz/fuzz_bdev.h"
#include "tests/fuzz/fuzz_cells.h"

#include <string.h>

static void check_tail(const struct tail *t)
{
	FUZZ_CHECK(t->len <= TAIL_MAX);
	for (size_t i = 0; i < t->len; i++)
		FUZZ_CHECK((t->text[i] >= ' ' && t->text[i] <= '~') || t->text[i] == '\n' ||
			   t->text[i] == '\t');
}

static void check_words(const struct words *w)
{
	FUZZ_CHECK((unsigned)w->kind < WORDS_KIND_COUNT && words_kind_name(w->kind)[0] != '\0');
	FUZZ_CHECK(w->slot >= 0 && w->slot < STATE_SLOTS_MAX);
	FUZZ_CHECK(fuzz_printable(w->version, sizeof(w->version)));
	check_tail(&w->tail);
}

static bool same(const struct words *a, const struct words *b)
{
	return a->n == b->n && a->time == b->time && a->token == b->token && a->kind == b->kind &&
	       words_same_trial(a, b) && a->tail.cut == b->tail.cut &&
	       tail_same(&a->tail, &b->tail);
}

static void check_round_trip(const struct words *w)
{
	static uint8_t cell[WORDS_CELL];
	static struct words again;

	words_encode(w, 7, cell);
	FUZZ_CHECK(words_decode(&again, 7, cell) == KB_OK && same(w, &again));
	FUZZ_CHECK(words_decode(&again, 8, cell) == KB_EFORMAT);
	cell[CELL_HEADER + 3] ^= 1;
	FUZZ_CHECK(words_decode(&again, 7, cell) == KB_EFORMAT);
}

/* All of an input one behind the other, as a guardian hears them. */
static struct guardian_words g;

static void hear(const struct fuzz_cell *c)
{
	static char record[4033];

	memcpy(record, c->payload, c->len);
	record[c->len] = '\0';
	guardian_words_add(&g, record, 1);
	check_tail(&g.tail);
}

static void put_cells(struct fuzz_bdev *d, struct fuzz_in *in)
{
	static struct words w;
	struct fuzz_cell c;

	while (fuzz_cells_next(in, &c)) {
		unsigned at = c.index % STORE_WORDS_CELLS;
		uint8_t *cell = fuzz_bdev_cell(d, STORE_WORDS + (uint64_t)at * WORDS_CELL);

		if (cell == NULL)
			break;
		hear(&c);
		if (!fuzz_cells_seal(&c, "KEELWORD", cell) || words_decode(&w, at, cell) != KB_OK)
			continue;
		FUZZ_CHECK(w.n == c.seq && w.n != 0);
		check_words(&w);
		check_round_trip(&w);
	}
}

/* What a walk over the ring has told. */
struct told {
	uint64_t last;
	unsigned n, stop;
	bool has_added;
};

static struct words added = { .kind = WORDS_CHECK,
			      .token = 5,
			      .tail = { .text = "why", .len = 3 } };

static bool tell(void *ctx, const struct words *w)
{
	struct told *t = ctx;

	check_words(w);
	FUZZ_CHECK(t->n == 0 || w->n >= t->last);
	t->last = w->n;
	t->n++;
	t->has_added |= words_same_trial(w, &added) && tail_same(&w->tail, &added.tail);
	FUZZ_CHECK(t->n <= STORE_WORDS_CELLS);
	return t->n != t->stop;
}

static void check_add(struct store *st, const struct fuzz_bdev *d)
{
	static struct words w;
	struct told t = { 0 };

	w = added;
	if (store_words_add(st, &w) != KB_OK) {
		FUZZ_CHECK(d->ncells == FUZZ_BDEV_CELLS || d->dead_to != 0);
		return;
	}
	store_words_read(st, tell, &t);
	FUZZ_CHECK(t.has_added);
	FUZZ_CHECK(store_words_add(st, &w) == KB_OK);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	static struct fuzz_bdev d;
	static struct state s;
	struct fuzz_in in = { data, size };
	uint8_t how = fuzz_u8(&in);
	struct told all = { 0 }, some = { .stop = 1 + how % 4u };
	struct store st = { .dev = &d.bdev };

	memset(&g, 0, sizeof(g));
	memcpy(s.slot[1].version, "x", 2);
	words_of_slot(&added, &s, 1);
	fuzz_bdev_init(&d, how & 0x80 ? 0xff : 1);
	put_cells(&d, &in);
	if (how & 0x40) {
		d.dead_from = STORE_WORDS;
		d.dead_to = STORE_WORDS + 3 * WORDS_CELL;
	}
	if (how & 0x20) {
		d.dead_from = STORE_WORDS;
		d.dead_to = STORE_WORDS + (uint64_t)STORE_WORDS_CELLS * WORDS_CELL;
	}
	store_words_read(&st, tell, &all);
	store_words_read(&st, tell, &some);
	FUZZ_CHECK(some.n == (all.n < some.stop ? all.n : some.stop));
	check_add(&st, &d);
}
