/* SPDX-License-Identifier: Apache-2.0 */
/* What an image says: its newest record, and what its slots hold byte for byte. */
#include "tests/sim/powercut.h"

#define MEMO (1u << 16)

static const char magic[CELL_MAGIC_LEN + 1] = "KEELSTAT";

/* Its meaning: a token says which record made the charge, and is only compared for being that. */
static uint64_t hash_state(const struct state *s, uint64_t seq)
{
	static struct state c;
	char text[STATE_PAYLOAD_MAX];
	size_t len;

	c = *s;
	if (c.handed != 0)
		c.handed = c.handed != c.open_token ? 3 : c.handed == seq ? 2 : 1;
	if (c.open_token != 0)
		c.open_token = c.open_token == seq ? 2 : 1;
	return state_encode(&c, text, sizeof(text), &len) == KB_OK ? set_key(text, len) : 1;
}

static bool decode(const uint8_t *cell, uint64_t page, struct state *s)
{
	struct cell_info info;
	unsigned region, index;

	powercut_map_cell(page, &region, &index);
	if (cell_open(&info, cell, magic, STORE_CELL) != KB_OK || info.region != region ||
	    info.index != index || info.seq == 0 ||
	    state_decode(s, (const char *)cell + CELL_HEADER, info.len, info.min_reader) != KB_OK)
		return false;
	s->seq = info.seq;
	s->format = info.format;
	return true;
}

static unsigned writing_in(const struct state *s)
{
	unsigned slots = 0;

	for (unsigned i = 0; i < POWERCUT_SLOTS; i++)
		slots |= (unsigned)(s->slot[i].st == STATE_WRITING) << i;
	return slots;
}

/* Decoding each cell anew would take most of the time. */
bool powercut_view_record(const uint8_t *cell, uint64_t content, uint64_t page,
			  struct powercut_record *out)
{
	static struct {
		uint64_t key;
		struct powercut_record is;
	} memo[MEMO];
	static struct state s;
	uint64_t key = cut_content_mix(content + page * 0x9e3779b97f4a7c15u);
	unsigned at = (unsigned)(key % MEMO), index;
	struct powercut_record *is = &memo[at].is;

	if (memo[at].key != key) {
		memo[at].key = key;
		*is = (struct powercut_record){ .seq = 0 };
		if (decode(cell, page, &s)) {
			powercut_map_cell(page, &is->region, &index);
			is->seq = s.seq;
			is->hash = hash_state(&s, s.seq);
			is->writing = writing_in(&s);
		}
	}
	*out = *is;
	return is->seq != 0;
}

void powercut_view_read(const struct cut_content *state, struct powercut_view *v)
{
	const uint8_t *newest = NULL;
	uint64_t at = 0, most[2] = { 0 };

	memset(v, 0, sizeof(*v));
	v->blank = state->hash == 0;
	for (unsigned i = 0; i < 2 * STORE_CELLS; i++) {
		uint64_t page = STORE_REGION(i / STORE_CELLS) / BDEV_ALIGN + i % STORE_CELLS;
		const uint8_t *cell = cut_content_page(state, page);
		struct powercut_record is;

		if (cell == NULL || cut_content_bad_of(state, page) != 0 ||
		    !powercut_view_record(cell, cut_content_page_key(state, page), page, &is) ||
		    is.seq <= most[is.region])
			continue;
		most[is.region] = is.seq;
		v->writing[is.region] = is.writing;
		if (is.seq <= v->seq)
			continue;
		v->seq = is.seq;
		newest = cell;
		at = page;
	}
	v->found = newest != NULL && decode(newest, at, &v->s);
}

unsigned powercut_view_writing(const struct cut_content *state)
{
	static struct powercut_view v;

	powercut_view_read(state, &v);
	return v.found ? writing_in(&v.s) : 0;
}

int powercut_view_release(const uint8_t id[STATE_ID_LEN])
{
	for (int i = 0; i < POWERCUT_RELEASES; i++)
		if (memcmp(powercut_release[i].id, id, STATE_ID_LEN) == 0)
			return i;
	return POWERCUT_NONE;
}

/* Whether a sector of the first block may be so in one that is torn. */
static bool may_be(const uint8_t *data, uint64_t sector, bool healed)
{
	return memcmp(data, cut_content_garbage() + sector % 8 * CUT_SECTOR, CUT_SECTOR) == 0 ||
	       (healed && memcmp(data, cut_content_zeroes(), CUT_SECTOR) == 0);
}

static bool holds(const struct cut_content *slot, const uint8_t *is, uint64_t size,
		  enum powercut_torn torn)
{
	uint8_t data[CUT_SECTOR];

	for (uint64_t at = 0; at < size; at += CUT_SECTOR) {
		uint64_t sector = at / CUT_SECTOR;

		cut_content_get(slot, sector, data);
		if (torn != POWERCUT_WHOLE && at < BDEV_ALIGN &&
		    may_be(data, sector, torn == POWERCUT_HEALED))
			continue;
		if (memcmp(data, is + at, CUT_SECTOR) != 0 || cut_content_is_bad(slot, sector))
			return false;
	}
	return true;
}

int powercut_view_content(const struct cut_content *slot, enum powercut_torn torn)
{
	for (int i = 0; i < POWERCUT_RELEASES; i++)
		if (holds(slot, powercut_release[i].data, powercut_release[i].size, torn))
			return i;
	return POWERCUT_NONE;
}

int powercut_view_pair(const struct cut_content *boot)
{
	for (int i = 0; i < POWERCUT_RELEASES; i++)
		if (holds(boot, powercut_release[i].boot, powercut_release[i].boot_size,
			  POWERCUT_WHOLE))
			return i;
	return POWERCUT_NONE;
}

/*
 * A file system is found, and mounts, where a whole superblock is, whatever else is there: that is
 * the worst that can be. A block that cannot be read has none.
 */
bool powercut_view_mounts(const struct cut_content *slot)
{
	return cut_content_bad_of(slot, 0) == 0 &&
	       powercut_first_shows(cut_content_page(slot, 0)) != 0;
}

static void print_pairs(const struct powercut_story *s, const struct powercut_image *im)
{
	struct grub_choice is;

	if (im->disk[POWERCUT_LOADER].size == 0)
		return;
	for (unsigned i = 0; i < POWERCUT_SLOTS; i++) {
		int r = powercut_view_pair(&im->disk[POWERCUT_BOOT_A + i]);

		printf("    kernel %c: %s\n", 'a' + (int)i,
		       r == POWERCUT_NONE ? "not whole" : powercut_release[r].version);
	}
	powercut_loader_read(s, &im->disk[POWERCUT_LOADER], &is);
	printf("    boot loader: default=%c once=%c starts=%u\n",
	       is.preset < 0 ? '-' : state_slot_letter(is.preset),
	       is.once < 0 ? '-' : state_slot_letter(is.once), is.starts);
}

void powercut_view_print(const struct powercut_story *s, const struct powercut_image *im)
{
	static struct powercut_view v;

	powercut_view_read(&im->disk[POWERCUT_STATE], &v);
	if (v.found) {
		printf("    state, record %llu:", (unsigned long long)v.seq);
		check_print_state(&v.s);
	} else {
		printf("    state: none (%s)\n", v.blank ? "never written" : "lost");
	}
	for (unsigned i = 0; i < POWERCUT_SLOTS; i++) {
		const struct cut_content *c = &im->disk[POWERCUT_A + i];
		int r = powercut_view_content(c, POWERCUT_WHOLE);

		printf("    slot %c: %s%s\n", 'a' + (int)i,
		       r == POWERCUT_NONE ? powercut_view_content(c, POWERCUT_TORN) < 0
						    ? "no whole release"
						    : "torn"
					  : powercut_release[r].version,
		       powercut_view_mounts(c) ? ", mounts" : ", does not mount");
	}
	print_pairs(s, im);
}
