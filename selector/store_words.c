/* SPDX-License-Identifier: Apache-2.0 */
/* Last words lie in any cell of their ring, which says which one it is; their numbers order them.
 */
#include "selector/store_internal.h"

#include <string.h>

static uint8_t out[WORDS_CELL] __attribute__((aligned(BDEV_ALIGN)));
static uint8_t scratch[WORDS_CELL] __attribute__((aligned(BDEV_ALIGN)));
static struct words seen; /* too large for a stack of process 1 */

static uint64_t offset_of(unsigned index)
{
	return STORE_WORDS + (uint64_t)index * WORDS_CELL;
}

/* A cell, by the number of what is in it. */
struct place {
	unsigned index;
	uint64_t n;
};

struct search {
	/* that is looked for */
	const struct words *w;
	/* the oldest of all, and the oldest of its trial; n is 0 where nothing is */
	struct place oldest, own;
	/* cells of its trial */
	unsigned count;
	/* of the one that says the same; 0: none */
	uint64_t same;
	uint64_t newest;
};

static void keep_older(struct place *p, unsigned index, uint64_t n)
{
	if (n < p->n)
		*p = (struct place){ index, n };
}

static void look_at(void *ctx, unsigned index, const uint8_t *cell)
{
	struct search *s = ctx;

	if (words_decode(&seen, index, cell) != KB_OK) {
		keep_older(&s->oldest, index, 0);
		return;
	}
	if (seen.n > s->newest)
		s->newest = seen.n;
	keep_older(&s->oldest, index, seen.n);
	if (!words_same_trial(&seen, s->w))
		return;
	s->count++;
	keep_older(&s->own, index, seen.n);
	if (seen.kind == s->w->kind && seen.token == s->w->token &&
	    tail_same(&seen.tail, &s->w->tail))
		s->same = seen.n;
}

enum kb_err store_words_add(struct store *st, struct words *w)
{
	struct search s = { .w = w, .oldest.n = UINT64_MAX, .own.n = UINT64_MAX };
	const struct place *p;

	(void)store_scan(st->dev, STORE_WORDS, STORE_WORDS_CELLS, look_at, &s);
	if (s.oldest.n == UINT64_MAX)
		return KB_EIO; /* none can be read */
	w->n = s.same;
	if (w->n != 0)
		return KB_OK;
	if (s.newest == UINT64_MAX) { /* which takes a forger */
		TRY(store_erase_cells(st->dev, STORE_WORDS, STORE_WORDS_CELLS));
		s.newest = 0;
	}
	p = s.count >= STORE_WORDS_TRIAL ? &s.own : &s.oldest;
	w->n = s.newest + 1;
	words_encode(w, p->index, out);
	return store_write_durably(st->dev, offset_of(p->index), out, scratch, WORDS_CELL);
}

struct order {
	struct place place[STORE_WORDS_CELLS];
	unsigned n;
};

/* In the order of their numbers. */
static void insert(void *ctx, unsigned index, const uint8_t *cell)
{
	struct order *o = ctx;
	unsigned at = o->n;

	if (words_decode(&seen, index, cell) != KB_OK)
		return;
	for (; at > 0 && o->place[at - 1].n > seen.n; at--)
		o->place[at] = o->place[at - 1];
	o->place[at] = (struct place){ index, seen.n };
	o->n++;
}

void store_words_read(struct store *st, bool (*fn)(void *ctx, const struct words *w), void *ctx)
{
	static struct order o;
	static struct words w;

	o.n = 0;
	(void)store_scan(st->dev, STORE_WORDS, STORE_WORDS_CELLS, insert, &o);
	for (unsigned i = 0; i < o.n; i++) {
		if (bdev_read(st->dev, offset_of(o.place[i].index), out, WORDS_CELL) != KB_OK ||
		    words_decode(&w, o.place[i].index, out) != KB_OK || w.n != o.place[i].n)
			continue;
		if (!fn(ctx, &w))
			return;
	}
}
