/* SPDX-License-Identifier: Apache-2.0 */
/* What one dirty page may become: its sectors combined, as far as the combinations differ. */
#include "tests/sim/powercut.h"

#define COMBOS_MAX 20000u

void powercut_page_die(const char *what)
{
	fprintf(stderr, "powercut: %s: choose a smaller geometry\n", what);
	abort();
}

static bool same_class(const struct powercut_class *a, const struct powercut_class *b)
{
	return a->adds == b->adds && a->record.seq == b->record.seq &&
	       a->record.hash == b->record.hash && a->blank == b->blank && a->mask == b->mask &&
	       a->bad == b->bad && a->chunk == b->chunk && a->old == b->old;
}

/* What needs no garbage goes before the same that does. */
static void add_outcome(struct powercut_dirty *g, const struct powercut_outcome *o)
{
	for (unsigned i = 0; i < g->n; i++) {
		if (!same_class(&g->out[i].is, &o->is))
			continue;
		if (g->out[i].garbage != CUT_GARBAGE_NONE && o->garbage == CUT_GARBAGE_NONE)
			g->out[i] = *o;
		return;
	}
	if (g->n == POWERCUT_PAGE_OUTCOMES)
		powercut_page_die("too many outcomes of a page");
	g->out[g->n++] = *o;
}

static const uint8_t *value_of(const struct cut_image *im, const struct cut_place *p, unsigned i,
			       uint8_t *buf)
{
	if (i > 0)
		return p->value[i] != NULL ? p->value[i] : cut_content_zeroes();
	cut_content_read(&im->disk[p->disk]->durable, p->off, buf, p->len);
	return buf;
}

static bool is_bad(const struct cut_content *c, uint64_t off, uint64_t len)
{
	for (uint64_t at = 0; c->nbad > 0 && at < len; at += CUT_SECTOR)
		if (cut_content_is_bad(c, (off + at) / CUT_SECTOR))
			return true;
	return false;
}

static unsigned mask_of(enum powercut_disk disk, uint64_t off, const uint8_t *data, uint64_t len)
{
	unsigned mask = UINT32_MAX;

	for (uint64_t at = 0; at < len; at += CUT_SECTOR)
		mask &= powercut_hash_sector(disk, (off + at) / CUT_SECTOR, data + at);
	return mask;
}

/* The sectors of the page that stay as they are. */
static void begin_outcome(const struct cut_image *im, const struct powercut_dirty *g,
			  struct powercut_outcome *o)
{
	const struct cut_content *c = &im->disk[g->disk]->durable;
	uint8_t data[CUT_SECTOR];

	*o = (struct powercut_outcome){ .is.mask = UINT32_MAX,
					.is.chunk = powercut_hash_in_chunk(g->disk, g->page),
					.garbage_at = POWERCUT_PAGE_CLEAN };
	for (uint64_t off = g->page * BDEV_ALIGN; off < (g->page + 1) * BDEV_ALIGN;
	     off += CUT_SECTOR) {
		bool dirty = false;

		for (unsigned i = 0; i < g->nplaces; i++) {
			const struct cut_place *p = &im->place[g->place[i]];

			dirty |= off >= p->off && off < p->off + p->len;
		}
		if (dirty)
			continue;
		cut_content_get(c, off / CUT_SECTOR, data);
		o->is.mask &= powercut_hash_sector(g->disk, off / CUT_SECTOR, data);
		o->is.bad |= is_bad(c, off, CUT_SECTOR);
	}
}

/* What adds the same is the same, for now. */
static void merge(struct powercut_dirty *g)
{
	unsigned n = g->n;

	g->n = 0;
	for (unsigned i = 0; i < n; i++) {
		struct powercut_outcome o = g->out[i];

		if (!o.is.chunk) {
			o.is.adds = powercut_hash_mask(g->disk, g->page, o.is.mask, o.is.bad);
			o.is.mask = o.is.bad = 0;
		} else {
			o.is.mask =
				powercut_hash_relevant(g->disk, g->page, o.is.bad ? 0 : o.is.mask);
			o.is.bad &= g->page < INSTALL_SEAL_LEN / BDEV_ALIGN;
		}
		add_outcome(g, &o);
	}
}

/* Place by place: only what the sectors so far are equal to is remembered of them. */
void powercut_page_masked(const struct cut_image *im, struct powercut_dirty *g)
{
	static struct powercut_outcome was[POWERCUT_PAGE_OUTCOMES];
	uint8_t buf[BDEV_ALIGN];

	begin_outcome(im, g, &g->out[0]);
	g->n = 1;
	for (unsigned k = 0; k < g->nplaces; k++) {
		const struct cut_place *p = &im->place[g->place[k]];
		unsigned nwas = g->n;

		memcpy(was, g->out, nwas * sizeof(*was));
		g->n = 0;
		for (unsigned i = 0; i < nwas; i++) {
			for (unsigned v = 0; v < p->n; v++) {
				struct powercut_outcome o = was[i];

				o.pick[k] = (uint8_t)v;
				o.is.mask &=
					mask_of(g->disk, p->off, value_of(im, p, v, buf), p->len);
				o.is.bad |= v == 0 &&
					    is_bad(&im->disk[g->disk]->durable, p->off, p->len);
				add_outcome(g, &o);
			}
			for (int bad = 0;
			     bad < 2 && !p->clean && was[i].garbage == CUT_GARBAGE_NONE; bad++) {
				struct powercut_outcome o = was[i];

				o.is.mask = 0;
				o.is.bad |= bad;
				o.garbage_at = (uint8_t)k;
				o.garbage = bad ? CUT_GARBAGE_BAD : CUT_GARBAGE_DATA;
				add_outcome(g, &o);
			}
		}
	}
	merge(g);
}

/* Which sectors of the page a place takes. */
static unsigned sectors_of(const struct cut_place *p)
{
	return ((1u << p->len / CUT_SECTOR) - 1) << p->off % BDEV_ALIGN / CUT_SECTOR;
}

/* The bytes of a page with these picks; and which of its sectors cannot be read. */
static unsigned build(const struct cut_image *im, const struct powercut_dirty *g,
		      const struct powercut_outcome *o, uint8_t *data)
{
	const struct cut_content *c = &im->disk[g->disk]->durable;
	uint8_t buf[BDEV_ALIGN];
	unsigned bad = cut_content_bad_of(c, g->page);

	cut_content_read(c, g->page * BDEV_ALIGN, data, BDEV_ALIGN);
	for (unsigned k = 0; k < g->nplaces; k++) {
		const struct cut_place *p = &im->place[g->place[k]];
		uint8_t *at = data + p->off % BDEV_ALIGN;

		if (k == o->garbage_at)
			memcpy(at, cut_content_garbage() + p->off % BDEV_ALIGN, p->len);
		else
			memcpy(at, value_of(im, p, o->pick[k], buf), p->len);
		if (k == o->garbage_at || o->pick[k] > 0)
			bad &= ~sectors_of(p);
		if (k == o->garbage_at && o->garbage == CUT_GARBAGE_BAD)
			bad |= sectors_of(p);
	}
	return bad;
}

/* The next combination of values of the places; false behind the last. */
static bool next_picks(const struct cut_image *im, const struct powercut_dirty *g,
		       struct powercut_outcome *o)
{
	for (unsigned k = 0; k < g->nplaces; k++) {
		if (k == o->garbage_at)
			continue;
		if (++o->pick[k] < im->place[g->place[k]].n)
			return true;
		o->pick[k] = 0;
	}
	return false;
}

/* Each combination by itself. */
void powercut_page_exact(const struct cut_image *im, struct powercut_dirty *g)
{
	static uint8_t data[BDEV_ALIGN];
	unsigned combos = 1;

	for (unsigned k = 0; k < g->nplaces; k++)
		combos *= im->place[g->place[k]].n;
	if (combos > COMBOS_MAX)
		powercut_page_die("too many values in a page");
	for (unsigned at = 0; at <= g->nplaces; at++) {
		if (at > 0 && im->place[g->place[at - 1]].clean)
			continue;
		for (int bad = 0; bad < 2; bad++) {
			struct powercut_outcome o = { .garbage_at = POWERCUT_PAGE_CLEAN };

			if (at > 0) {
				o.garbage_at = (uint8_t)(at - 1);
				o.garbage = bad ? CUT_GARBAGE_BAD : CUT_GARBAGE_DATA;
			} else if (bad) {
				continue;
			}
			do {
				unsigned unreadable = build(im, g, &o, data);

				o.is = powercut_hash_class(g->disk, g->page, data,
							   cut_content_key(data, BDEV_ALIGN),
							   unreadable);
				add_outcome(g, &o);
			} while (next_picks(im, g, &o));
		}
	}
}
