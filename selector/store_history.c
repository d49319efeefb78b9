/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of cells, one for each event; event n stands at (n - 1) % 256. */
#include "selector/store_internal.h"

#include <string.h>

static uint8_t scratch[HISTORY_CELL] __attribute__((aligned(BDEV_ALIGN)));
static uint8_t out[HISTORY_CELL] __attribute__((aligned(BDEV_ALIGN)));

static unsigned event_index(uint64_t n)
{
	return (unsigned)((n - 1) % STORE_HISTORY_CELLS);
}

static uint64_t cell_offset(unsigned index)
{
	return STORE_HISTORY + (uint64_t)index * HISTORY_CELL;
}

/* True if cell holds an event whose place is index. */
static bool is_event(const uint8_t *cell, unsigned index, struct history_event *e)
{
	return history_decode(e, cell) == KB_OK && e->n > 0 && event_index(e->n) == index;
}

static void take_number(void *ctx, unsigned index, const uint8_t *cell)
{
	struct history_event e;
	uint64_t *newest = ctx;

	if (is_event(cell, index, &e) && e.n > *newest)
		*newest = e.n;
}

/* The number of the newest event, 0 when there is none. What can not be read is skipped; KB_EIO: no
 * cell can be. */
static enum kb_err find_newest(struct bdev *dev, uint64_t *newest)
{
	*newest = 0;
	return store_scan(dev, STORE_HISTORY, STORE_HISTORY_CELLS, take_number, newest) > 0
		       ? KB_OK
		       : KB_EIO;
}

/* Numbers have come to their end, which takes a forger: they begin anew. The flush of the event
 * that follows is this one's too. */
static enum kb_err begin_anew(struct store *st)
{
	memset(scratch, 0, sizeof(scratch));
	for (unsigned at = 0; at < STORE_HISTORY_CELLS; at++)
		TRY(bdev_write(st->dev, cell_offset(at), scratch, sizeof(scratch)));
	st->history_n = 0;
	return KB_OK;
}

enum kb_err store_history_add(struct store *st, const struct history_event *e)
{
	struct history_event numbered = *e;

	/* Where none can be read, the number is 1 and the read-back fails. Process 1 does not look
	 * once more for each event: that can take seconds on a disk that fails. */
	if (st->history_n == 0)
		(void)!find_newest(st->dev, &st->history_n);
	if (st->history_n == UINT64_MAX)
		TRY(begin_anew(st));
	numbered.n = ++st->history_n;
	numbered.record = st->seq;
	history_encode(&numbered, out);
	return store_write_durably(st->dev, cell_offset(event_index(numbered.n)), out, scratch,
				   HISTORY_CELL);
}

enum kb_err store_history_read(struct store *st, unsigned max,
			       bool (*fn)(void *ctx, const struct history_event *e), void *ctx)
{
	struct history_event e;
	unsigned given = 0;
	uint64_t n;

	TRY(find_newest(st->dev, &n));
	for (unsigned back = 0; back < STORE_HISTORY_CELLS && n > 0; back++, n--) {
		if (max != 0 && given == max)
			break;
		if (bdev_read(st->dev, cell_offset(event_index(n)), out, HISTORY_CELL) != KB_OK)
			continue;
		if (!is_event(out, event_index(n), &e) || e.n != n)
			continue;
		given++;
		if (!fn(ctx, &e))
			break;
	}
	return KB_OK;
}

static bool is_same_event(const struct history_event *a, const struct history_event *b)
{
	return a->kind == b->kind && a->slot == b->slot && a->sequence == b->sequence &&
	       strcmp(a->version, b->version) == 0 && strcmp(a->reason, b->reason) == 0 &&
	       strcmp(a->detail, b->detail) == 0;
}

/* ctx: the event that is looked for; NULL once it was found. */
static bool go_on_looking(void *ctx, const struct history_event *e)
{
	const struct history_event **want = ctx;

	if (!is_same_event(e, *want))
		return true;
	*want = NULL;
	return false;
}

bool store_history_has(struct store *st, unsigned newest, const struct history_event *e)
{
	const struct history_event *want = e;

	return store_history_read(st, newest, go_on_looking, &want) == KB_OK && want == NULL;
}
