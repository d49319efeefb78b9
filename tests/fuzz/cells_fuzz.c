/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slots' manifest cells: both copies of any slot, whole or harmed in one way, with blobs that
 * are signed manifests or anything else; records beside them; parts that cannot be read or written;
 * and one read that goes wrong. What the readers make of it is known beforehand.
 */
#include "lib/bytes.h"
#include "selector/cell.h"
#include "selector/store_internal.h"
#include "tests/fuzz/fuzz_bundle.h"
#include "tests/fuzz/fuzz_slots.h"
#include "update/bundle/signed_floor.h"

#include <stdlib.h>
#include <string.h>

#define IS_RECORD 0x80

static struct fuzz_bdev dev;
static struct fuzz_slots slots;

/* ---------------------------------------------------------------- the input */

/* By the upper half: nothing; a copy's first page, its blob, all of it; all records of a region,
 * one of them; half of the partition, all of it. */
static void take_range(struct fuzz_in *in, uint64_t *from, uint64_t *to)
{
	uint8_t how = fuzz_u8(in);
	int copy = how >> 3 & 1, slot = how & 7;
	const uint64_t region = STORE_REGION(copy), cell = STORE_MANIFEST(copy, slot);
	const uint64_t record = region + (uint64_t)slot * STORE_CELL;
	const struct {
		uint64_t from, len;
	} range[] = {
		{ 0, 0 },
		{ cell, BDEV_ALIGN },
		{ cell + BDEV_ALIGN, STORE_MANIFEST_MAX - BDEV_ALIGN },
		{ cell, STORE_MANIFEST_MAX },
		{ region, STORE_CELLS * STORE_CELL },
		{ record, STORE_CELL },
		{ region, STORE_REGION_APART },
		{ 0, STORE_MIN_SIZE },
	};

	*from = range[how >> 4 & 7].from;
	*to = *from + range[how >> 4 & 7].len;
}

/* Which one of the reads to come is bad, and how. */
struct hiccup {
	enum fuzz_bdev_bad bad;
	unsigned read;
	uint16_t at;
};

static struct hiccup take_hiccup(struct fuzz_in *in)
{
	uint8_t how = fuzz_u8(in);

	return (struct hiccup){ .bad = (enum fuzz_bdev_bad)(how & 3),
				.read = how >> 2,
				.at = fuzz_u16(in) };
}

static void order(const struct hiccup *h)
{
	dev.bad = h->bad;
	dev.bad_at = h->at;
	dev.bad_read = h->read;
}

static enum kb_err settle(enum kb_err err)
{
	dev.bad_read = 0;
	return err;
}

/* What a call gives one of whose reads is bad. */
#define HICCUP(h, call) (order(h), settle(call))

/* A record as it is made, of so many slots, with a sequence and a cell from the input. */
static void put_record(struct fuzz_in *in, uint8_t place)
{
	static struct state s;
	uint8_t index = fuzz_u8(in) % STORE_CELLS;
	struct cell_info info = { .format = STATE_FORMAT,
				  .min_reader = 1,
				  .size = STORE_CELL,
				  .region = place & 1,
				  .index = index,
				  .seq = fuzz_slots_number(in) };
	uint8_t *cell = fuzz_bdev_cell(&dev, STORE_REGION(place & 1) + index * STORE_CELL);
	size_t len;

	if (cell == NULL)
		return;
	memset(cell, 0, STORE_CELL);
	state_init(&s, 1 + (place >> 1) % STATE_SLOTS_MAX);
	FUZZ_CHECK(state_encode(&s, (char *)cell + CELL_HEADER, STATE_PAYLOAD_MAX, &len) == KB_OK);
	info.len = (uint32_t)len;
	cell_seal(cell, "KEELSTAT", &info);
}

static void put_all(struct fuzz_in *in)
{
	fuzz_slots_init(&slots);
	while (in->left > 0) {
		uint8_t place = fuzz_u8(in);

		if (place & IS_RECORD)
			put_record(in, place);
		else
			fuzz_slots_put(&slots, &dev, in, place);
	}
}

/* ---------------------------------------------------------------- one slot's cell */

static enum kb_err worth(int slot, int copy)
{
	return fuzz_slots_worth(&slots, &dev, copy, slot);
}

/* The copy that is to be believed, or NULL. */
static const struct fuzz_slots_copy *good_copy(int slot)
{
	for (int copy = 0; copy < 2; copy++)
		if (worth(slot, copy) == KB_OK)
			return &slots.copy[copy][slot];
	return NULL;
}

static bool same(const struct store_manifest *a, const struct store_manifest *b)
{
	return memcmp(a->release, b->release, sizeof(a->release)) == 0 && a->len == b->len &&
	       a->sequence == b->sequence && a->floor == b->floor &&
	       strcmp(a->version, b->version) == 0;
}

static bool is_copy(const struct fuzz_slots_copy *c, const struct store_manifest *m,
		    const uint8_t *blob)
{
	return same(m, &c->m) && (c->given == 0 || memcmp(blob, c->blob, c->given) == 0) &&
	       bytes_all(blob + c->given, c->m.len - c->given, dev.blank);
}

/* Memory of just that size, so that a byte behind it is seen. */
static uint8_t *room(size_t len)
{
	uint8_t *p = malloc(len);

	FUZZ_CHECK(p != NULL || len == 0);
	return p;
}

/* What the two copies take, if all is in order: none of them is too long then. */
static size_t most(int slot)
{
	size_t len = 1;

	for (int copy = 0; copy < 2; copy++) {
		const struct fuzz_slots_copy *c = &slots.copy[copy][slot];

		if (c->there && c->m.len > len)
			len = c->m.len;
	}
	return len;
}

static void check_contents(struct store *st, int slot, const struct fuzz_slots_copy *c)
{
	size_t size = most(slot);
	uint8_t *blob = room(size), *less = room(c->m.len > 0 ? c->m.len - 1 : 0);
	struct store_manifest m, again;

	FUZZ_CHECK(store_manifest_read(st, slot, &m, blob, size) == KB_OK);
	FUZZ_CHECK(m.len <= FUZZ_SLOTS_BLOB_MAX && fuzz_printable(m.version, sizeof(m.version)));
	FUZZ_CHECK(is_copy(c, &m, blob));
	FUZZ_CHECK(store_manifest_read(st, slot, &again, NULL, 0) == KB_OK && same(&m, &again));
	if (c->m.len > 1)
		FUZZ_CHECK(store_manifest_read(st, slot, &m, less, c->m.len - 1) == KB_ENOSPC);
	free(blob);
	free(less);
}

static void check_slot(struct store *st, int slot)
{
	enum kb_err w[2] = { worth(slot, 0), worth(slot, 1) };
	const struct fuzz_slots_copy *c = good_copy(slot);
	struct store_manifest m;

	FUZZ_CHECK(store_manifest_lost(st, slot) ==
		   (c == NULL && w[0] != KB_EBLANK && w[1] != KB_EBLANK));
	if (c != NULL)
		check_contents(st, slot, c);
	else
		FUZZ_CHECK(store_manifest_read(st, slot, &m, NULL, 0) ==
			   (w[0] == KB_EBLANK ? w[1] : w[0]));
}

/* One bad read costs no slot its manifest. */
static void check_hiccup(struct store *st, int slot, const struct hiccup *h)
{
	const struct fuzz_slots_copy *c = slots.copy[0] + slot, *d = slots.copy[1] + slot;
	size_t size = most(slot);
	uint8_t *blob = room(size);
	struct store_manifest m;
	enum kb_err err = HICCUP(h, store_manifest_read(st, slot, &m, blob, size));

	if (err == KB_OK)
		FUZZ_CHECK((worth(slot, 0) == KB_OK && is_copy(c, &m, blob)) ||
			   (worth(slot, 1) == KB_OK && is_copy(d, &m, blob)));
	else if (h->bad == FUZZ_BDEV_FLIP || h->bad == FUZZ_BDEV_FAIL)
		FUZZ_CHECK(good_copy(slot) == NULL);
	free(blob);
}

/* ---------------------------------------------------------------- a new state */

static void check_rebuilt_slot(const struct state *s, int slot, uint8_t mountable)
{
	const struct fuzz_slots_copy *c = good_copy(slot);
	const struct state_slot *t = &s->slot[slot];

	FUZZ_CHECK(t->st == (c != NULL || mountable >> slot & 1 ? STATE_TRIAL : STATE_EMPTY));
	FUZZ_CHECK(t->tries == (t->st == STATE_TRIAL ? STATE_TRIES : 0) && t->streak == 0);
	FUZZ_CHECK(!t->ever_good && t->has_release == (c != NULL));
	FUZZ_CHECK(fuzz_printable(t->version, sizeof(t->version)));
	if (c == NULL)
		return;
	FUZZ_CHECK(t->sequence == c->m.sequence && strcmp(t->version, c->m.version) == 0);
	FUZZ_CHECK(memcmp(t->release, c->m.release, sizeof(t->release)) == 0);
}

/* No slot before it is as good, none behind it better. */
static void check_preferred(const struct state *s)
{
	const struct state_slot *p = &s->slot[s->pref];

	FUZZ_CHECK(s->pref >= 0 && s->pref < s->nslots);
	for (int i = 0; i < s->nslots; i++) {
		const struct state_slot *t = &s->slot[i];

		FUZZ_CHECK(t->st != STATE_TRIAL || p->st == STATE_TRIAL);
		FUZZ_CHECK(!t->has_release || p->has_release);
		FUZZ_CHECK(!t->has_release || t->sequence <= p->sequence);
		FUZZ_CHECK(i >= s->pref || t->st != p->st || t->has_release != p->has_release ||
			   t->sequence < p->sequence);
	}
}

static bool check_rebuild(struct store *st, struct state *s, unsigned nslots, uint8_t mountable)
{
	static struct state again;
	uint64_t floor = 0;
	enum kb_err err;

	memset(s, 0xa5, sizeof(*s));
	memset(&again, 0x5a, sizeof(again));
	err = store_rebuild(st, nslots, mountable, s);
	FUZZ_CHECK(err == (nslots >= 1 && nslots <= STATE_SLOTS_MAX ? KB_OK : KB_EINVAL));
	if (err != KB_OK)
		return false;
	FUZZ_CHECK(s->nslots == nslots && s->rebuilt);
	FUZZ_CHECK(s->last == STATE_NONE && s->open == STATE_NONE && s->oneshot == STATE_NONE);
	for (int i = 0; i < (int)nslots; i++) {
		const struct fuzz_slots_copy *c = good_copy(i);

		check_rebuilt_slot(s, i, mountable);
		if (c != NULL && c->m.floor > floor)
			floor = c->m.floor;
	}
	FUZZ_CHECK(s->floor == floor);
	check_preferred(s);
	FUZZ_CHECK(store_rebuild(st, nslots, mountable, &again) == KB_OK && state_same(s, &again));
	return true;
}

/* ---------------------------------------------------------------- what is signed */

/* The sequence that this copy vouches for; 0: none. */
static uint64_t vouches(const struct fuzz_slots_copy *c, const char *compatible)
{
	static struct reader r;
	static struct manifest m;
	const size_t at = READER_HEADER_LEN + (c->is_signed ? bytes_get32(c->blob + 40) : 0u);
	bool parsed, opened;
	uint64_t sequence;
	char why[160];

	/* A blob that is longer than what is given has zeroes where a signature would be. */
	if (c->given < c->m.len)
		return 0;
	opened = signed_floor_open(&r, c->blob, c->given, fuzz_bundle_keys()) == KB_OK;
	parsed = c->is_signed && manifest_parse(&m, (const char *)c->blob + at, c->given - at, why,
						sizeof(why)) == KB_OK;
	FUZZ_CHECK(!opened || fuzz_bundle_is_signed(c->blob, c->given));
	FUZZ_CHECK(!c->is_signed || opened == parsed);
	sequence = opened && manifest_is_for(&r.m, compatible) ? r.m.sequence : 0;
	reader_close(&r);
	return sequence;
}

static void check_bound(struct store *st, const char *compatible)
{
	static const struct keyring nobody;
	uint64_t bound = 0;

	for (int i = 0; i < STATE_SLOTS_MAX; i++) {
		const struct fuzz_slots_copy *c = good_copy(i);
		uint64_t sequence = c != NULL ? vouches(c, compatible) : 0;

		if (sequence > bound)
			bound = sequence;
	}
	FUZZ_CHECK(bound <= INT64_MAX);
	FUZZ_CHECK(signed_floor_bound(st, fuzz_bundle_keys(), compatible) == bound);
	FUZZ_CHECK(signed_floor_bound(st, &nobody, compatible) == 0);
}

/* ---------------------------------------------------------------- the records */

/* One bad read brings back no older record. */
static void check_load(struct store *st, const struct hiccup *h)
{
	static struct state s, again;
	enum store_finding found, other;
	enum kb_err e2 = HICCUP(h, store_load(st, &dev.bdev, &again, &other));
	enum kb_err err = store_load(st, &dev.bdev, &s, &found);

	FUZZ_CHECK(err == KB_OK || (err == KB_EIO && dev.dead_to > dev.dead_from));
	if (err != KB_OK || (h->bad != FUZZ_BDEV_FLIP && h->bad != FUZZ_BDEV_FAIL))
		return;
	FUZZ_CHECK(e2 == KB_OK && (found == STORE_FOUND) == (other == STORE_FOUND));
	FUZZ_CHECK(found != STORE_FOUND || (s.seq == again.seq && state_same(&s, &again)));
}

/* The new state, as process 1 saves it, is what the next boot finds. */
static void check_save(struct store *st, struct state *s, const struct hiccup *h)
{
	static struct state again;
	enum store_finding found;
	struct store other;
	enum kb_err err = HICCUP(h, store_save_both(st, s));

	if (err != KB_OK)
		return;
	FUZZ_CHECK(store_load(&other, &dev.bdev, &again, &found) == KB_OK && found == STORE_FOUND);
	if (s->floor == UINT64_MAX)
		s->floor--; /* as it is read: the highest number that is one */
	FUZZ_CHECK(again.seq == s->seq && state_same(&again, s));
}

/* ---------------------------------------------------------------- writing */

/* A cell that was just written has another floor, or none has changed. */
static void check_change(struct store *st, int slot, struct store_manifest *is, const uint8_t *blob,
			 const struct hiccup *h)
{
	struct store_manifest m;
	enum kb_err err;

	is->floor++;
	err = HICCUP(h, store_manifest_change(st, slot, is, blob));
	FUZZ_CHECK(store_manifest_read(st, slot, &m, NULL, 0) == KB_OK);
	if (err != KB_OK)
		is->floor = m.floor;
	FUZZ_CHECK(same(&m, is));
}

static void check_write(struct store *st, int slot, const struct hiccup *h)
{
	const struct fuzz_slots_copy *c = good_copy((slot + 1) % STATE_SLOTS_MAX);
	struct store_manifest m, out = { .sequence = 3, .version = "x" };
	const uint8_t *blob = c != NULL && c->given == c->m.len ? c->blob : NULL;
	uint8_t got[FUZZ_SLOTS_GIVEN];
	enum kb_err err;

	if (blob != NULL)
		out = c->m;
	err = HICCUP(h, store_manifest_write(st, slot, &out, blob));
	if (err == KB_OK) {
		FUZZ_CHECK(store_manifest_read(st, slot, &m, got, sizeof(got)) == KB_OK);
		FUZZ_CHECK(same(&m, &out));
		FUZZ_CHECK(blob == NULL || memcmp(got, blob, m.len) == 0);
		check_change(st, slot, &out, blob, h);
	}
	err = HICCUP(h, store_manifest_clear(st, slot));
	FUZZ_CHECK(err != KB_OK || store_manifest_read(st, slot, &m, NULL, 0) != KB_OK);
}

static void check_arguments(struct store *st)
{
	struct store_manifest m = { .len = FUZZ_SLOTS_BLOB_MAX + 1 };
	static struct state s;
	enum store_finding found;

	FUZZ_CHECK(store_manifest_read(st, -1, &m, NULL, 0) == KB_EINVAL);
	FUZZ_CHECK(store_manifest_read(st, STATE_SLOTS_MAX, &m, NULL, 0) == KB_EINVAL);
	FUZZ_CHECK(store_manifest_write(st, 0, &m, NULL) == KB_EINVAL);
	FUZZ_CHECK(store_manifest_change(st, STATE_SLOTS_MAX, &m, NULL) == KB_EINVAL);
	FUZZ_CHECK(store_manifest_clear(st, STATE_SLOTS_MAX) == KB_EINVAL);
	dev.bdev.size--;
	FUZZ_CHECK(store_load(st, &dev.bdev, &s, &found) == KB_EINVAL);
	dev.bdev.size++;
}

void fuzz_one(const uint8_t *data, size_t size)
{
	static const uint8_t blank[] = { 0, 0xff, 1, 0 };
	static struct state s;
	struct fuzz_in in = { data, size };
	uint8_t how = fuzz_u8(&in), nslots = fuzz_u8(&in), mountable = fuzz_u8(&in);
	struct store st = { .dev = &dev.bdev, .second = STORE_REGION(1) };
	struct hiccup h;
	bool rebuilt;

	fuzz_bdev_init(&dev, blank[how & 3]);
	take_range(&in, &dev.dead_from, &dev.dead_to);
	take_range(&in, &dev.stuck_from, &dev.stuck_to);
	h = take_hiccup(&in);
	put_all(&in);
	check_arguments(&st);
	for (int i = 0; i < STATE_SLOTS_MAX; i++) {
		check_slot(&st, i);
		check_hiccup(&st, i, &h);
	}
	check_bound(&st, how & 4 ? "other" : "box");
	check_load(&st, &h);
	rebuilt = check_rebuild(&st, &s, nslots & 0x80 ? nslots : nslots % 10u, mountable);
	FUZZ_CHECK(dev.writes == 0);
	if (rebuilt)
		check_save(&st, &s, &h);
	check_write(&st, how >> 3 & 7, &h);
}
