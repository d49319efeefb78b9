/* SPDX-License-Identifier: Apache-2.0 */
/* What of an image matters: pages become classes, records become their meaning. */
#include "tests/sim/powercut.h"

#include "selector/store_internal.h"

#include <string.h>
#include <unistd.h>

#define PAGES(bytes)   ((uint64_t)(bytes) / BDEV_ALIGN)
#define SECTORS	       (BDEV_ALIGN / CUT_SECTOR)
#define MASK_ZERO      0x80u
#define MASK_ALL       (MASK_ZERO | ((1u << POWERCUT_RELEASES) - 1))
#define MANIFEST_MAGIC "KEELSLOT"
#define MEMO	       (1u << 16)

enum class { CLASS_BAD = 0x100, CLASS_OTHER = 0x200, CLASS_SUPER = 0x1000 };

static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t z = a * 0x9e3779b97f4a7c15u + b * 0xd1342543de82ef95u + 0x632be59bd9b4e019u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t hash_bytes(const uint8_t *p, size_t len)
{
	uint64_t h = len, word;

	for (size_t i = 0; i < len; i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		h = (h ^ word) * 0xff51afd7ed558ccdu;
		h ^= h >> 29;
	}
	return mix(h, 1);
}

/* ---------------------------------------------------------------- the map */

struct place {
	unsigned region; /* or copy */
	uint64_t page;	 /* in it */
};

static struct place place_of(uint64_t page)
{
	uint64_t region = PAGES(STORE_REGION(1));

	return (struct place){ .region = page >= region, .page = page % region };
}

static uint64_t manifests(void)
{
	return PAGES(STORE_MANIFEST(0, 0));
}

/* Page of a slot's manifest cell, or -1. */
static int manifest_page(uint64_t page, unsigned *slot)
{
	struct place p = place_of(page);
	uint64_t each = PAGES(STORE_MANIFEST_MAX);

	if (p.page < manifests() || p.page >= manifests() + each * POWERCUT_SLOTS)
		return -1;
	*slot = (unsigned)((p.page - manifests()) / each);
	return (int)((p.page - manifests()) % each);
}

enum powercut_page powercut_hash_kind(enum powercut_disk disk, uint64_t page)
{
	struct place p = place_of(page);
	unsigned slot;
	int at;

	if (disk != POWERCUT_STATE)
		return page == 0 || disk == POWERCUT_RAW ? POWERCUT_PAGE_EXACT
							 : POWERCUT_PAGE_MASKED;
	if (p.page < STORE_CELLS)
		return POWERCUT_PAGE_RING;
	at = manifest_page(page, &slot);
	if (at >= 0)
		return at == 0 ? POWERCUT_PAGE_EXACT : POWERCUT_PAGE_MASKED;
	if (p.region == 0 && p.page >= PAGES(STORE_HISTORY) &&
	    p.page < PAGES(STORE_HISTORY) + STORE_HISTORY_CELLS)
		return POWERCUT_PAGE_IGNORED;
	return POWERCUT_PAGE_EXACT;
}

uint64_t powercut_hash_cell(uint64_t page, unsigned *region, unsigned *index)
{
	struct place p = place_of(page);

	*region = p.region;
	*index = (unsigned)p.page;
	return p.page;
}

uint64_t powercut_hash_header_of(uint64_t page)
{
	unsigned slot;
	int at = manifest_page(page, &slot);

	return at <= 0 ? UINT64_MAX : page - (uint64_t)at;
}

bool powercut_hash_is_header(const uint8_t *page)
{
	return page != NULL && memcmp(page, MANIFEST_MAGIC, 8) == 0;
}

/* ---------------------------------------------------------------- sectors */

static bool same(const uint8_t *data, const uint8_t *from, uint64_t size, uint64_t at)
{
	uint8_t sector[CUT_SECTOR] = { 0 };
	uint64_t n = at >= size ? 0 : size - at < CUT_SECTOR ? size - at : CUT_SECTOR;

	memcpy(sector, from + (n > 0 ? at : 0), n);
	return memcmp(data, sector, CUT_SECTOR) == 0;
}

unsigned powercut_hash_sector(enum powercut_disk disk, uint64_t sector, const uint8_t *data)
{
	static const uint8_t zero[CUT_SECTOR];
	unsigned mask = memcmp(data, zero, CUT_SECTOR) == 0 ? MASK_ZERO : 0, slot;
	uint64_t page = sector / SECTORS, at = sector * CUT_SECTOR;

	if (disk == POWERCUT_STATE) {
		int blob = manifest_page(page, &slot);

		if (blob < 1)
			return mask;
		at = (uint64_t)(blob - 1) * BDEV_ALIGN + sector % SECTORS * CUT_SECTOR;
	}
	for (unsigned i = 0; i < POWERCUT_RELEASES; i++) {
		const struct powercut_release *r = &powercut_release[i];
		bool is = disk == POWERCUT_STATE ? same(data, r->blob, r->blob_len, at)
						 : same(data, r->data, r->size, at);

		mask |= is ? 1u << i : 0;
	}
	return mask;
}

uint64_t powercut_hash_mask(enum powercut_disk disk, uint64_t page, unsigned mask, bool bad)
{
	unsigned c = bad ? CLASS_BAD : mask == 0 ? CLASS_OTHER : mask;

	return !bad && mask & MASK_ZERO ? 0 : mix((uint64_t)disk << 32 | page, c);
}

/* ---------------------------------------------------------------- pages */

static unsigned mask_of(enum powercut_disk disk, uint64_t page, const uint8_t *data)
{
	unsigned mask = MASK_ALL;

	for (unsigned i = 0; i < SECTORS && mask != 0; i++)
		mask &= powercut_hash_sector(disk, page * SECTORS + i, data + i * CUT_SECTOR);
	return mask;
}

/* The first block of a slot: what it equals, and whose superblock it shows. */
static unsigned class_of_first(enum powercut_disk disk, const uint8_t *data)
{
	bool squashfs = powercut_hash_sector(disk, 0, powercut_release[0].data) < MASK_ZERO;
	unsigned super = MASK_ALL;

	for (unsigned i = squashfs ? 0 : 2; i < (squashfs ? 1u : 4u); i++)
		super &= powercut_hash_sector(disk, i, data + i * CUT_SECTOR);
	return mask_of(disk, 0, data) | CLASS_SUPER * super;
}

/* A raw stage partition: the bundle, or one that will be refused, or none. */
static unsigned class_of_raw(const uint8_t *data)
{
	static uint8_t first[BDEV_ALIGN];
	static int of = -1;

	if (of != powercut_release[POWERCUT_NEW].bundle) {
		of = powercut_release[POWERCUT_NEW].bundle;
		memset(first, 0, sizeof(first));
		if (pread(of, first, sizeof(first), 0) < (ssize_t)CUT_SECTOR)
			return 0;
	}
	if (memcmp(data, first, 8) != 0)
		return 1;
	return memcmp(data, first, sizeof(first)) == 0 ? 2 : 3;
}

static uint64_t exact(enum powercut_disk disk, uint64_t page, const uint8_t *data)
{
	uint64_t where = (uint64_t)disk << 32 | page;

	if (disk == POWERCUT_RAW)
		return mix(where, class_of_raw(data));
	if (disk != POWERCUT_STATE)
		return mix(where, class_of_first(disk, data));
	if (powercut_hash_is_header(data))
		return mix(where, hash_bytes(data, BDEV_ALIGN));
	return mask_of(disk, page, data) & MASK_ZERO ? 0 : mix(where, CLASS_OTHER);
}

uint64_t powercut_hash_page(enum powercut_disk disk, uint64_t page, const uint8_t *data, bool bad)
{
	static const uint8_t blank[BDEV_ALIGN];

	if (data == NULL)
		data = blank;
	switch (powercut_hash_kind(disk, page)) {
	case POWERCUT_PAGE_EXACT:
		return bad ? mix((uint64_t)disk << 32 | page, CLASS_BAD) : exact(disk, page, data);
	case POWERCUT_PAGE_MASKED:
		return powercut_hash_mask(disk, page, mask_of(disk, page, data), bad);
	case POWERCUT_PAGE_RING:
	case POWERCUT_PAGE_IGNORED:
		break;
	}
	return 0;
}

/* ---------------------------------------------------------------- records */

/* Decoding each cell anew would take most of the time. */
bool powercut_hash_record(const uint8_t *cell, unsigned region, unsigned index, uint64_t *seq,
			  uint64_t *hash)
{
	static struct {
		uint64_t key, seq, hash;
		bool valid;
	} memo[MEMO];
	uint64_t key = mix(hash_bytes(cell, BDEV_ALIGN), region << 8 | index);
	unsigned at = (unsigned)(key % MEMO);

	if (memo[at].key != key) {
		memo[at].key = key;
		memo[at].valid =
			powercut_view_cell(cell, region, index, &memo[at].seq, &memo[at].hash);
	}
	*seq = memo[at].seq;
	*hash = memo[at].hash;
	return memo[at].valid;
}

uint64_t powercut_hash_rings(const struct powercut_story *s, const struct powercut_rings *r)
{
	unsigned newest = r->seq[1] > r->seq[0], other = 1 - newest;

	if (r->seq[newest] == 0)
		return mix(7, r->blank == 2 * STORE_CELLS);
	if (s->events & (POWERCUT_LOSES_REGION | POWERCUT_LOSES_BOTH))
		return mix(r->hash[newest], mix(newest, r->seq[other] == 0 ? 0 : r->hash[other]));
	return mix(r->hash[newest], 0);
}

static bool page_is_bad(const struct cut_content *c, uint64_t page)
{
	for (unsigned i = 0; i < c->nbad; i++)
		if (c->bad[i] / SECTORS == page)
			return true;
	return false;
}

static void add_cell(struct powercut_rings *r, const uint8_t *cell, uint64_t page, bool bad)
{
	unsigned region, index;
	uint64_t seq, hash;

	powercut_hash_cell(page, &region, &index);
	if (cell == NULL && !bad)
		r->blank++;
	if (cell == NULL || bad || !powercut_hash_record(cell, region, index, &seq, &hash) ||
	    seq <= r->seq[region])
		return;
	r->seq[region] = seq;
	r->hash[region] = hash;
}

/* What stands behind a header that is none is never looked at. */
static bool counts(const struct cut_content *state, uint64_t page,
		   bool (*skip)(enum powercut_disk disk, uint64_t page))
{
	uint64_t header = powercut_hash_header_of(page);

	return header == UINT64_MAX || (skip != NULL && skip(POWERCUT_STATE, header)) ||
	       powercut_hash_is_header(cut_content_page(state, header));
}

uint64_t powercut_hash_clean(const struct cut_content *c, enum powercut_disk disk,
			     struct powercut_rings *r,
			     bool (*skip)(enum powercut_disk disk, uint64_t page))
{
	uint64_t sum = 0;

	for (uint64_t page = 0; page < PAGES(c->size); page++) {
		const uint8_t *data = cut_content_page(c, page);
		bool bad = c->nbad > 0 && page_is_bad(c, page);
		enum powercut_page kind;

		/* Blank ones add nothing, but for the first ones of slots. */
		if (data == NULL && !bad && page > 0 &&
		    (disk != POWERCUT_STATE || page % PAGES(STORE_REGION(1)) >= STORE_CELLS))
			continue;
		if (skip != NULL && skip(disk, page))
			continue;
		kind = powercut_hash_kind(disk, page);
		if (kind == POWERCUT_PAGE_RING)
			add_cell(r, data, page, bad);
		else if (disk != POWERCUT_STATE || counts(c, page, skip))
			sum += powercut_hash_page(disk, page, data, bad);
	}
	return sum;
}

uint64_t powercut_hash_image(const struct powercut_story *s, const struct powercut_image *im)
{
	struct powercut_rings r = { .blank = 0 };
	uint64_t sum = 0;

	for (unsigned i = 0; i < POWERCUT_DISKS; i++)
		sum += powercut_hash_clean(&im->disk[i], (enum powercut_disk)i, &r, NULL);
	return sum + powercut_hash_rings(s, &r);
}
