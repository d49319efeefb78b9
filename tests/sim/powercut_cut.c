/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/powercut_cut.h"

#include "selector/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTORS	     (BDEV_ALIGN / CUT_SECTOR)
#define PAGES_MAX    512u
#define OUTCOMES_MAX 96u
#define COMBOS_MAX   20000u
#define NO_GARBAGE   SECTORS

/* What a page may become. */
struct outcome {
	uint64_t adds;
	uint64_t seq, record; /* of a cell of the rings; seq 0: no valid record */
	unsigned mask;
	bool bad;
	uint8_t pick[SECTORS]; /* of its places, in their order */
	uint8_t garbage_at;    /* of its places; NO_GARBAGE */
	enum cut_garbage garbage;
};

struct page {
	enum powercut_disk disk;
	uint64_t page;
	enum powercut_page kind;
	bool ignored; /* behind a header that is none */
	unsigned nplaces, place[SECTORS];
	unsigned n;
	struct outcome out[OUTCOMES_MAX];
};

static struct page pages[PAGES_MAX];
static unsigned npages;

static void die(const char *what)
{
	fprintf(stderr, "powercut: %s: choose a smaller geometry\n", what);
	abort();
}

/* ---------------------------------------------------------------- dirty pages */

static struct page *page_at(const struct cut_place *p)
{
	uint64_t at = p->off / BDEV_ALIGN;
	struct page *g = &pages[npages];

	for (unsigned i = npages; i > 0; i--)
		if (pages[i - 1].disk == (enum powercut_disk)p->disk && pages[i - 1].page == at)
			return &pages[i - 1];
	if (npages == PAGES_MAX)
		die("too many dirty pages");
	npages++;
	g->disk = (enum powercut_disk)p->disk;
	g->page = at;
	g->kind = powercut_hash_kind(g->disk, at);
	g->nplaces = g->n = 0;
	g->ignored = g->kind == POWERCUT_PAGE_IGNORED;
	return g;
}

static bool is_dirty(enum powercut_disk disk, uint64_t page)
{
	for (unsigned i = 0; i < npages; i++)
		if (pages[i].disk == disk && pages[i].page == page)
			return true;
	return false;
}

static void collect(const struct powercut_cut *c, const struct cut_image *im)
{
	npages = 0;
	for (unsigned i = 0; i < im->n; i++) {
		struct page *g;

		/* Nothing reads what lies between the image and the end of the slot. */
		if (im->place[i].trim)
			continue;
		g = page_at(&im->place[i]);
		g->place[g->nplaces++] = i;
	}
	for (unsigned i = 0; i < npages; i++) {
		uint64_t header = pages[i].disk == POWERCUT_STATE
					  ? powercut_hash_header_of(pages[i].page)
					  : UINT64_MAX;

		if (header != UINT64_MAX && !is_dirty(POWERCUT_STATE, header) &&
		    !powercut_hash_is_header(
			    cut_content_page(&c->disk[POWERCUT_STATE].durable, header)))
			pages[i].ignored = true;
	}
}

/* ---------------------------------------------------------------- what a page may become */

static bool same_outcome(const struct outcome *a, const struct outcome *b)
{
	return a->adds == b->adds && a->seq == b->seq && a->record == b->record &&
	       a->mask == b->mask && a->bad == b->bad;
}

/* What needs no garbage goes before the same that does. */
static void add_outcome(struct page *g, const struct outcome *o)
{
	for (unsigned i = 0; i < g->n; i++) {
		if (!same_outcome(&g->out[i], o))
			continue;
		if (g->out[i].garbage != CUT_GARBAGE_NONE && o->garbage == CUT_GARBAGE_NONE)
			g->out[i] = *o;
		return;
	}
	if (g->n == OUTCOMES_MAX)
		die("too many outcomes of a page");
	g->out[g->n++] = *o;
}

static const uint8_t *value_of(const struct cut_image *im, const struct cut_place *p, unsigned i,
			       uint8_t *buf)
{
	static const uint8_t zero[BDEV_ALIGN];

	if (i > 0)
		return p->value[i] != NULL ? p->value[i] : zero;
	for (uint64_t at = 0; at < p->len; at += CUT_SECTOR)
		cut_content_get(&im->disk[p->disk]->durable, (p->off + at) / CUT_SECTOR, buf + at);
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
static void begin_outcome(const struct cut_image *im, const struct page *g, struct outcome *o)
{
	const struct cut_content *c = &im->disk[g->disk]->durable;
	uint8_t data[CUT_SECTOR];

	*o = (struct outcome){ .mask = UINT32_MAX, .garbage_at = NO_GARBAGE };
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
		o->mask &= powercut_hash_sector(g->disk, off / CUT_SECTOR, data);
		o->bad |= is_bad(c, off, CUT_SECTOR);
	}
}

/* Place by place: only what the sectors so far are equal to is remembered of them. */
static void masked_page(const struct cut_image *im, struct page *g)
{
	static struct outcome was[OUTCOMES_MAX];
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
				struct outcome o = was[i];

				o.pick[k] = (uint8_t)v;
				o.mask &= mask_of(g->disk, p->off, value_of(im, p, v, buf), p->len);
				o.bad |= v == 0 &&
					 is_bad(&im->disk[g->disk]->durable, p->off, p->len);
				add_outcome(g, &o);
			}
			for (int bad = 0; bad < 2 && was[i].garbage == CUT_GARBAGE_NONE; bad++) {
				struct outcome o = was[i];

				o.mask = 0;
				o.bad |= bad;
				o.garbage_at = (uint8_t)k;
				o.garbage = bad ? CUT_GARBAGE_BAD : CUT_GARBAGE_DATA;
				add_outcome(g, &o);
			}
		}
	}
	for (unsigned i = 0; i < g->n; i++)
		g->out[i].adds =
			powercut_hash_mask(g->disk, g->page, g->out[i].mask, g->out[i].bad);
}

/* The class of one page whose bytes are given. */
static void judge(struct page *g, struct outcome *o, const uint8_t *data, bool bad)
{
	unsigned region, index;

	if (g->kind != POWERCUT_PAGE_RING) {
		o->adds = powercut_hash_page(g->disk, g->page, data, bad);
	} else if (!bad) {
		powercut_hash_cell(g->page, &region, &index);
		if (!powercut_hash_record(data, region, index, &o->seq, &o->record))
			o->seq = o->record = 0;
	}
	add_outcome(g, o);
}

/* The bytes of a page with these picks. */
static bool build(const struct cut_image *im, const struct page *g, const struct outcome *o,
		  uint8_t *data)
{
	const struct cut_content *c = &im->disk[g->disk]->durable;
	uint8_t buf[BDEV_ALIGN];
	bool bad = false;

	for (unsigned i = 0; i < SECTORS; i++) {
		cut_content_get(c, g->page * SECTORS + i, data + i * CUT_SECTOR);
		bad |= c->nbad > 0 && cut_content_is_bad(c, g->page * SECTORS + i);
	}
	for (unsigned k = 0; k < g->nplaces; k++) {
		const struct cut_place *p = &im->place[g->place[k]];
		uint8_t *at = data + p->off % BDEV_ALIGN;

		if (k == o->garbage_at)
			memcpy(at, cut_content_garbage() + p->off % BDEV_ALIGN, p->len);
		else
			memcpy(at, value_of(im, p, o->pick[k], buf), p->len);
	}
	if (!bad || o->garbage == CUT_GARBAGE_BAD)
		return o->garbage == CUT_GARBAGE_BAD;
	for (unsigned i = 0; i < SECTORS; i++) {
		uint64_t sector = g->page * SECTORS + i;
		bool healed = false;

		for (unsigned k = 0; k < g->nplaces; k++) {
			const struct cut_place *p = &im->place[g->place[k]];

			healed |= sector * CUT_SECTOR >= p->off &&
				  sector * CUT_SECTOR < p->off + p->len &&
				  (o->pick[k] > 0 || k == o->garbage_at);
		}
		if (!healed && cut_content_is_bad(c, sector))
			return true;
	}
	return false;
}

/* The next combination of values of the places; false behind the last. */
static bool next_picks(const struct cut_image *im, const struct page *g, struct outcome *o)
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
static void exact_page(const struct cut_image *im, struct page *g)
{
	static uint8_t data[BDEV_ALIGN];
	unsigned combos = 1;

	for (unsigned k = 0; k < g->nplaces; k++)
		combos *= im->place[g->place[k]].n;
	if (combos > COMBOS_MAX)
		die("too many values in a page");
	for (unsigned at = 0; at <= g->nplaces; at++) {
		for (int bad = 0; bad < 2; bad++) {
			struct outcome o = { .garbage_at = NO_GARBAGE };

			if (at > 0) {
				o.garbage_at = (uint8_t)(at - 1);
				o.garbage = bad ? CUT_GARBAGE_BAD : CUT_GARBAGE_DATA;
			} else if (bad) {
				continue;
			}
			do {
				struct outcome one = o;

				judge(g, &one, data, build(im, g, &o, data));
			} while (next_picks(im, g, &o));
		}
	}
}

/* ---------------------------------------------------------------- pages with each other */

struct leaf {
	const struct powercut_cut *c;
	struct cut_image *im;
	struct powercut_rings rings; /* of the cells that are not dirty */
	powercut_cut_fn *fn;
	void *ctx;
};

static void choose(const struct leaf *l, const struct page *g, const struct outcome *o)
{
	for (unsigned k = 0; k < g->nplaces; k++)
		l->im->pick[g->place[k]] = o->pick[k];
	if (o->garbage == CUT_GARBAGE_NONE)
		return;
	l->im->garbage = o->garbage;
	l->im->garbage_at = g->place[o->garbage_at];
}

static void combine(const struct leaf *l, unsigned i, uint64_t sum, struct powercut_rings rings)
{
	struct page *g = &pages[i];

	if (i == npages) {
		l->fn(l->ctx, sum + powercut_hash_rings(l->c->story, &rings), l->im);
		return;
	}
	if (g->ignored) {
		combine(l, i + 1, sum, rings);
		return;
	}
	for (unsigned k = 0; k < g->n; k++) {
		const struct outcome *o = &g->out[k];
		struct powercut_rings more = rings;
		enum cut_garbage garbage = l->im->garbage;
		unsigned region, index;

		if (o->garbage != CUT_GARBAGE_NONE && garbage != CUT_GARBAGE_NONE)
			continue;
		choose(l, g, o);
		if (g->kind == POWERCUT_PAGE_RING) {
			powercut_hash_cell(g->page, &region, &index);
			if (o->seq > more.seq[region]) {
				more.seq[region] = o->seq;
				more.hash[region] = o->record;
			}
		}
		combine(l, i + 1, sum + o->adds, more);
		l->im->garbage = garbage;
	}
}

/* What the clean pages add; the records in clean cells. */
static uint64_t clean_part(struct powercut_cut *c, struct powercut_rings *rings)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < POWERCUT_DISKS; i++)
		sum += powercut_hash_clean(&c->disk[i].durable, (enum powercut_disk)i, rings,
					   is_dirty);
	return sum;
}

void powercut_cut_each(struct powercut_cut *c, powercut_cut_fn *fn, void *ctx)
{
	struct cut_disk *disks[POWERCUT_DISKS];
	struct powercut_rings rings = { .blank = 0 };
	struct cut_image im;
	struct leaf l = { .c = c, .im = &im, .fn = fn, .ctx = ctx };
	uint64_t count, sum;

	for (unsigned i = 0; i < POWERCUT_DISKS; i++)
		disks[i] = &c->disk[i];
	cut_image_take(&im, disks, POWERCUT_DISKS);
	count = cut_image_count(&im);
	c->raw = c->raw > UINT64_MAX - count ? UINT64_MAX : c->raw + count;
	collect(c, &im);
	for (unsigned i = 0; i < npages; i++) {
		if (pages[i].ignored)
			continue;
		if (pages[i].kind == POWERCUT_PAGE_MASKED)
			masked_page(&im, &pages[i]);
		else
			exact_page(&im, &pages[i]);
	}
	/* What is discarded is garbage, which is the worst that it can be. */
	for (unsigned i = 0; i < im.n; i++)
		im.pick[i] = im.place[i].trim ? 2 : 0;
	sum = clean_part(c, &rings);
	combine(&l, 0, sum, rings);
	cut_image_free(&im);
}
