/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/powercut.h"

#define PAGES_MAX 512u

static struct powercut_dirty pages[PAGES_MAX];
static unsigned npages;

/* ---------------------------------------------------------------- dirty pages */

/* NULL: it is not dirty. */
static struct powercut_dirty *find_page(enum powercut_disk disk, uint64_t page)
{
	for (unsigned i = npages; i > 0; i--)
		if (pages[i - 1].disk == disk && pages[i - 1].page == page)
			return &pages[i - 1];
	return NULL;
}

static struct powercut_dirty *page_at(const struct cut_place *p)
{
	enum powercut_disk disk = (enum powercut_disk)p->disk;
	uint64_t at = p->off / BDEV_ALIGN;
	struct powercut_dirty *g = find_page(disk, at);

	if (g != NULL)
		return g;
	if (npages == PAGES_MAX)
		powercut_page_die("too many dirty pages");
	g = &pages[npages++];
	g->disk = disk;
	g->page = at;
	g->kind = powercut_map_kind(disk, at);
	g->nplaces = g->n = 0;
	g->ignored = g->kind == POWERCUT_PAGE_IGNORED;
	return g;
}

static bool is_dirty(enum powercut_disk disk, uint64_t page)
{
	return find_page(disk, page) != NULL;
}

static bool stands(uint64_t header)
{
	const struct powercut_dirty *g = find_page(POWERCUT_STATE, header);

	return g != NULL && g->stands;
}

/* One that is cleared again, behind a cut, was none before, and is none. */
static void find_headers(const struct cut_disk *state)
{
	for (unsigned i = 0; i < npages; i++) {
		struct powercut_dirty *g = &pages[i];
		uint64_t first = g->page * (BDEV_ALIGN / CUT_SECTOR);

		if (g->disk != POWERCUT_STATE)
			continue;
		g->stands = powercut_map_is_magic(cut_content_page(&state->durable, g->page));
		for (uint32_t v = 0; v < state->nversions && !g->stands; v++)
			g->stands = state->version[v].sector == first &&
				    powercut_map_is_magic(state->version[v].data);
	}
}

static void collect(const struct powercut_cut *c, const struct cut_image *im)
{
	npages = 0;
	for (unsigned i = 0; i < im->n; i++) {
		struct powercut_dirty *g;

		/* Nothing reads what lies between the image and the end of the slot. */
		if (im->place[i].trim)
			continue;
		g = page_at(&im->place[i]);
		g->place[g->nplaces++] = i;
	}
	find_headers(&c->disk[POWERCUT_STATE]);
	for (unsigned i = 0; i < npages; i++) {
		uint64_t header = pages[i].disk == POWERCUT_STATE
					  ? powercut_map_header_of(pages[i].page)
					  : UINT64_MAX;

		if (header != UINT64_MAX && !stands(header) &&
		    !powercut_map_is_header(
			    cut_content_page(&c->disk[POWERCUT_STATE].durable, header)))
			pages[i].ignored = true;
	}
}

/* ---------------------------------------------------------------- pages with each other */

struct leaf {
	const struct powercut_cut *c;
	struct cut_image *im;
	powercut_cut_fn *fn;
	void *ctx;
};

static void combine(const struct leaf *l, unsigned i, const struct powercut_rings *rings)
{
	struct powercut_dirty *g = &pages[i];

	if (i == npages) {
		l->fn(l->ctx, powercut_hash_rings(l->c->story, rings), l->im);
		return;
	}
	if (g->ignored) {
		combine(l, i + 1, rings);
		return;
	}
	for (unsigned k = 0; k < g->n; k++) {
		const struct powercut_outcome *o = &g->out[k];
		struct powercut_rings more = *rings;
		enum cut_garbage garbage = l->im->garbage;

		if (o->garbage != CUT_GARBAGE_NONE && garbage != CUT_GARBAGE_NONE)
			continue;
		for (unsigned p = 0; p < g->nplaces; p++)
			l->im->pick[g->place[p]] = o->pick[p];
		if (o->garbage != CUT_GARBAGE_NONE) {
			l->im->garbage = o->garbage;
			l->im->garbage_at = g->place[o->garbage_at];
		}
		powercut_hash_add(&more, g->disk, g->page, &o->is);
		combine(l, i + 1, &more);
		l->im->garbage = garbage;
	}
}

/* Which slots will be the update or nothing, in all of the images; none, as long as that is in
 * doubt. */
static unsigned folded(const struct powercut_cut *c)
{
	unsigned slots = 0;

	for (unsigned i = 0; i < POWERCUT_SLOTS; i++) {
		enum powercut_disk disk = (enum powercut_disk)(POWERCUT_A + i);

		if (!is_dirty(disk, 0) &&
		    !(powercut_first_shows(cut_content_page(&c->disk[disk].durable, 0)) &
		      POWERCUT_OLD))
			slots |= 1u << i;
	}
	if (powercut_map_exact_first)
		return slots;
	for (unsigned i = 0; i < npages; i++)
		if (pages[i].kind == POWERCUT_PAGE_RING)
			return 0;
	return powercut_view_writing(&c->disk[POWERCUT_STATE].durable);
}

static void take(struct powercut_cut *c, struct cut_image *im)
{
	struct cut_disk *disks[POWERCUT_DISKS];

	for (unsigned i = 0; i < POWERCUT_DISKS; i++)
		disks[i] = &c->disk[i];
	cut_image_take(im, disks, POWERCUT_DISKS);
	collect(c, im);
	powercut_hash_fold(folded(c));
}

void powercut_cut_each(struct powercut_cut *c, powercut_cut_fn *fn, void *ctx)
{
	struct powercut_rings rings = { .blank = 0 };
	struct cut_image im;
	struct leaf l = { .c = c, .im = &im, .fn = fn, .ctx = ctx };
	uint64_t count;

	take(c, &im);
	/* What of a discarded range is left is the story's to say. */
	for (unsigned i = 0; i < im.n; i++)
		im.place[i].n = im.place[i].trim ? 1 : im.place[i].n;
	count = cut_image_count(&im);
	c->raw = c->raw > UINT64_MAX - count ? UINT64_MAX : c->raw + count;
	for (unsigned i = 0; i < npages; i++) {
		if (pages[i].ignored)
			continue;
		if (pages[i].kind == POWERCUT_PAGE_MASKED)
			powercut_page_masked(&im, &pages[i]);
		else
			powercut_page_exact(&im, &pages[i]);
	}
	for (unsigned i = 0; i < im.n; i++)
		im.pick[i] = im.place[i].trim ? (unsigned)c->story->discarded : 0;
	for (unsigned i = 0; i < POWERCUT_DISKS; i++)
		powercut_hash_clean(&c->disk[i].durable, (enum powercut_disk)i, &rings, is_dirty,
				    stands);
	combine(&l, 0, &rings);
	cut_image_free(&im);
}

uint64_t powercut_cut_sample(struct powercut_cut *c, uint64_t seed, struct powercut_image *out)
{
	struct powercut_rings rings = { .blank = 0 };
	struct cut_image im;

	take(c, &im);
	cut_image_choose(&im, (enum cut_image_sort)(seed % (CUT_IMAGE_RANDOM + 1)), seed >> 8);
	for (unsigned i = 0; i < POWERCUT_DISKS; i++)
		cut_image_put(&im, i, &out->disk[i]);
	for (unsigned i = 0; i < POWERCUT_DISKS; i++)
		powercut_hash_clean(&out->disk[i], (enum powercut_disk)i, &rings, NULL, stands);
	cut_image_free(&im);
	return powercut_hash_rings(c->story, &rings);
}
