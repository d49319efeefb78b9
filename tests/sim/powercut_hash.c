/* SPDX-License-Identifier: Apache-2.0 */
/* What of an image matters: pages become classes, records become their meaning. */
#include "tests/sim/powercut.h"

#define PAGES(bytes) ((uint64_t)(bytes) / BDEV_ALIGN)
#define SECTORS	     (BDEV_ALIGN / CUT_SECTOR)
#define MASK_ZERO    0x80u
#define MASK_ALL     (MASK_ZERO | ((1u << POWERCUT_RELEASES) - 1))
#define MEMO	     (1u << 12)

enum class { CLASS_BAD = 0x100, CLASS_OTHER = 0x200 };

static uint64_t mix(uint64_t a, uint64_t b)
{
	return cut_content_mix(a * 0x9e3779b97f4a7c15u + b * 0xd1342543de82ef95u +
			       0x632be59bd9b4e019u);
}

/* ---------------------------------------------------------------- sectors */

static bool is_root(enum powercut_disk disk)
{
	return disk == POWERCUT_A || disk == POWERCUT_B;
}

static bool is_slot(enum powercut_disk disk)
{
	return powercut_pairs_slot(disk) != POWERCUT_NONE;
}

/* Of all parts of slots: roots, then kernels. */
static unsigned part_of(enum powercut_disk disk)
{
	return (unsigned)powercut_pairs_slot(disk) + (is_root(disk) ? 0 : POWERCUT_SLOTS);
}

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
		int blob = powercut_map_manifest(page, &slot);

		if (blob < 1)
			return mask;
		at = (uint64_t)(blob - 1) * BDEV_ALIGN + sector % SECTORS * CUT_SECTOR;
	}
	for (unsigned i = 0; i < POWERCUT_RELEASES; i++) {
		const struct bundles_release *r = &powercut_release[i];
		bool is = disk == POWERCUT_STATE ? same(data, r->blob, r->blob_len, at)
			  : is_root(disk)	 ? same(data, r->data, r->size, at)
						 : same(data, r->boot, r->boot_size, at);

		mask |= is ? 1u << i : 0;
	}
	return mask;
}

static unsigned folded;

void powercut_hash_fold(unsigned slots)
{
	folded = slots;
}

/* Of a slot that will be the update or nothing: what is the update's already, and zero under the
 * seal. */
static unsigned of_update(bool head)
{
	return 1u << POWERCUT_NEW | (head ? MASK_ZERO : 0);
}

unsigned powercut_hash_relevant(enum powercut_disk disk, uint64_t page, unsigned mask)
{
	mask &= MASK_ALL;
	if (!is_slot(disk) || !(folded >> powercut_pairs_slot(disk) & 1))
		return mask;
	return mask & of_update(page < PAGES(INSTALL_SEAL_LEN));
}

uint64_t powercut_hash_mask(enum powercut_disk disk, uint64_t page, unsigned mask, bool bad)
{
	unsigned c = bad ? CLASS_BAD : mask == 0 ? CLASS_OTHER : mask;

	return !bad && mask & MASK_ZERO ? 0 : mix((uint64_t)disk << 32 | page, c);
}

bool powercut_hash_in_chunk(enum powercut_disk disk, uint64_t page)
{
	return is_slot(disk) && powercut_map_kind(disk, page) == POWERCUT_PAGE_MASKED;
}

/* A chunk is right or not; whatever is not right in it, or cannot be read, is written. */
static void add_to_chunk(struct powercut_rings *r, enum powercut_disk disk, uint64_t page,
			 unsigned mask, bool bad)
{
	const struct bundles_release *any = &powercut_release[0];
	uint64_t size = is_root(disk) ? any->size : any->boot_size;
	unsigned at = page >= PAGES(size) ? POWERCUT_CHUNKS - 1 : (unsigned)page / 4;
	uint8_t *c = &r->chunk[part_of(disk)][at];

	if (at >= POWERCUT_CHUNKS)
		abort();
	*c |= (uint8_t)(MASK_ALL & ~powercut_hash_relevant(disk, page, bad ? 0 : mask));
	*c |= bad && page < PAGES(INSTALL_SEAL_LEN) ? POWERCUT_BAD : 0;
}

/*
 * The head is sealed as one, and opened as one: whether all of it is zero, or a release's, is all
 * that is asked of it. One that cannot be read whole costs what was found right in it before that.
 */
static uint64_t hash_chunks(const struct powercut_rings *r, unsigned part, bool fold)
{
	const uint8_t *c = r->chunk[part];
	unsigned head = PAGES(INSTALL_SEAL_LEN) / 4, differs = 0;
	unsigned never = fold ? MASK_ALL & ~of_update(false) : 0;
	uint64_t sum = 0;

	for (unsigned i = 0; i < POWERCUT_CHUNKS; i++) {
		if (i >= head)
			sum += mix(part << 8 | i, c[i] | never);
		else
			differs |= c[i] | (never & ~MASK_ZERO);
	}
	if (differs & POWERCUT_BAD)
		differs = POWERCUT_BAD << 4 | (c[0] & 1u << POWERCUT_NEW);
	return sum + mix(part, differs);
}

/* ---------------------------------------------------------------- pages */

/* content: cut_content_key() of the data. */
static unsigned mask_of(enum powercut_disk disk, uint64_t page, const uint8_t *data,
			uint64_t content)
{
	static struct {
		uint64_t key;
		unsigned mask;
	} memo[MEMO];
	uint64_t key = mix(content, (uint64_t)disk << 32 | page);
	unsigned mask = MASK_ALL, at = (unsigned)(key % MEMO);

	if (memo[at].key == key)
		return memo[at].mask;
	memo[at].key = key;
	for (unsigned i = 0; i < SECTORS && mask != 0; i++)
		mask &= powercut_hash_sector(disk, page * SECTORS + i, data + i * CUT_SECTOR);
	memo[at].mask = mask;
	return mask;
}

/* A raw stage partition: the bundle, or one that will be refused, or none. */
static unsigned class_of_raw(const uint8_t *data)
{
	static uint8_t first[BDEV_ALIGN];

	if (first[0] == 0 && pread(powercut_release[POWERCUT_NEW].bundle, first, sizeof(first), 0) <
				     (ssize_t)CUT_SECTOR)
		return 0;
	if (memcmp(data, first, 8) != 0)
		return 1;
	return memcmp(data, first, sizeof(first)) == 0 ? 2 : 3;
}

static uint64_t class_of_choice(const struct grub_choice *is)
{
	return (uint64_t)(is->preset + 1) << 16 | (uint64_t)(is->once + 1) << 8 | is->starts;
}

/* What GRUB's block says, or a copy of U-Boot's environment; what else is in that partition never
 * changes. */
static uint64_t class_of_block(const uint8_t *data, uint64_t content)
{
	static const uint8_t header[] = "# GRUB";
	struct grub_choice is;

	if (powercut_map_uboot)
		return uboot_class(data);
	if (memcmp(data, header, sizeof(header) - 1) != 0)
		return content;
	(void)grub_read(data, &is);
	return class_of_choice(&is);
}

static bool is_blank(uint64_t content)
{
	static uint64_t blank;

	if (blank == 0)
		blank = cut_content_key(cut_content_zeroes(), BDEV_ALIGN);
	return content == blank;
}

static uint64_t exact(enum powercut_disk disk, uint64_t page, const uint8_t *data, uint64_t content,
		      unsigned bad)
{
	uint64_t where = (uint64_t)disk << 32 | page;
	unsigned slot;

	if (disk == POWERCUT_RAW)
		return mix(where, bad != 0 ? CLASS_BAD : class_of_raw(data));
	if (disk == POWERCUT_LOADER)
		return mix(where, bad != 0 ? CLASS_BAD : class_of_block(data, content));
	if (disk != POWERCUT_STATE)
		return mix(where, powercut_first_class(data, bad));
	if (powercut_map_manifest(page, &slot) < 0)
		return bad != 0 ? 0 : mix(where, content);
	/* A manifest cell that is not valid is one that was cleared, or one that was damaged: a
	 * trial whose manifest was damaged is refused, without one it is not. */
	if (bad == 0 && (powercut_map_is_header(data) || is_blank(content)))
		return powercut_map_is_header(data) ? mix(where, content) : 0;
	return mix(where, CLASS_BAD);
}

struct powercut_class powercut_hash_class(enum powercut_disk disk, uint64_t page,
					  const uint8_t *data, uint64_t content, unsigned bad)
{
	enum powercut_page kind = powercut_map_kind(disk, page);
	struct powercut_class is = { .bad = bad != 0 };
	unsigned shows = page == 0 && is_root(disk) ? powercut_first_shows(data) : 0;

	if (data == NULL)
		data = cut_content_zeroes();
	is.old = (shows & POWERCUT_OLD) != 0;
	is.chunk = powercut_hash_in_chunk(disk, page) || (page == 0 && is_slot(disk) && shows == 0);
	if (is.chunk || kind == POWERCUT_PAGE_MASKED)
		is.mask = mask_of(disk, page, data, content);
	if (is.chunk)
		is.mask = powercut_hash_relevant(disk, page, is.bad ? 0 : is.mask);
	else if (kind == POWERCUT_PAGE_EXACT)
		is.adds = exact(disk, page, data, content, bad);
	else if (kind == POWERCUT_PAGE_MASKED)
		is.adds = powercut_hash_mask(disk, page, is.mask, is.bad);
	else if (kind == POWERCUT_PAGE_RING && !is.bad) {
		is.blank = is_blank(content);
		powercut_view_record(data, content, page, &is.record);
	}
	if (!is.chunk)
		is.mask = is.bad = 0;
	return is;
}

void powercut_hash_add(struct powercut_rings *r, enum powercut_disk disk, uint64_t page,
		       const struct powercut_class *is)
{
	struct powercut_record *newest = &r->newest[is->record.region];

	r->sum += is->adds;
	r->blank += is->blank;
	if (is->record.seq > newest->seq)
		*newest = is->record;
	if (page == 0 && is_root(disk))
		r->old[disk - POWERCUT_A] = is->old;
	if (is->chunk)
		add_to_chunk(r, disk, page, is->mask, is->bad);
}

/* ---------------------------------------------------------------- images */

uint64_t powercut_hash_rings(const struct powercut_story *s, const struct powercut_rings *r)
{
	unsigned newest = r->newest[1].seq > r->newest[0].seq;
	const struct powercut_record *is = &r->newest[newest], *other = &r->newest[1 - newest];
	unsigned writing = is->seq == 0 ? 0 : is->writing;
	uint64_t sum = r->sum;

	for (unsigned i = 0; i < POWERCUT_SLOTS * (s->pairs ? 2u : 1u); i++) {
		unsigned slot = i % POWERCUT_SLOTS;

		sum += hash_chunks(r, i,
				   powercut_map_exact_first ? !r->old[slot]
							    : (writing >> slot & 1) != 0);
	}

	if (is->seq == 0)
		return sum + mix(7, r->blank == 2 * STORE_CELLS);
	if (s->events & POWERCUT_LOSES_REGION)
		return sum + mix(is->hash, mix(newest, other->seq == 0 ? 0 : other->hash));
	return sum + mix(is->hash, 0);
}

/* What stands behind a header that is none is never looked at. */
static bool counts(const struct cut_content *state, uint64_t page, bool (*stands)(uint64_t header))
{
	uint64_t header = powercut_map_header_of(page);

	return header == UINT64_MAX || (stands != NULL && stands(header)) ||
	       powercut_map_is_header(cut_content_page(state, header));
}

void powercut_hash_clean(const struct cut_content *c, enum powercut_disk disk,
			 struct powercut_rings *r,
			 bool (*dirty)(enum powercut_disk disk, uint64_t page),
			 bool (*stands)(uint64_t header))
{
	for (uint64_t page = 0; page < PAGES(c->size); page++) {
		const uint8_t *data = cut_content_page(c, page);
		unsigned bad = cut_content_bad_of(c, page);
		struct powercut_class is;

		/* Blank ones add nothing, but in heads and rings. */
		if (data == NULL && bad == 0 &&
		    (is_slot(disk) ? false : page % PAGES(STORE_REGION(1)) >= STORE_CELLS))
			continue;
		if ((dirty != NULL && dirty(disk, page)) ||
		    (disk == POWERCUT_STATE && !counts(c, page, stands)))
			continue;
		is = powercut_hash_class(disk, page, data, cut_content_page_key(c, page), bad);
		powercut_hash_add(r, disk, page, &is);
	}
}

uint64_t powercut_hash_image(const struct powercut_story *s, const struct powercut_image *im)
{
	struct powercut_rings r = { .blank = 0 };

	powercut_hash_fold(
		powercut_map_exact_first ? 0 : powercut_view_writing(&im->disk[POWERCUT_STATE]));
	for (unsigned i = 0; i < POWERCUT_DISKS; i++)
		powercut_hash_clean(&im->disk[i], (enum powercut_disk)i, &r, NULL, NULL);
	return powercut_hash_rings(s, &r);
}
