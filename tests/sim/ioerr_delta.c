/* SPDX-License-Identifier: Apache-2.0 */
/* Devices whose update is made from what slots hold. */
#include "tests/sim/ioerr.h"

#define CHUNK	    (16u << 10)
#define MOVED	    5000u
#define EROFS_SUPER 1024u

enum { OLD, NOW, NEW };

static const struct bundles_release blank[IOERR_CONTENT_RELEASES] = {
	[OLD] = { .version = "0.9", .sequence = IOERR_WORLD_OLD },
	[NOW] = { .version = "1.0", .sequence = IOERR_WORLD_NOW },
	[NEW] = { .version = "2.0", .sequence = IOERR_WORLD_NEW },
};

/* ---------------------------------------------------------------- images */

/* Of three chunks of the new one, one is in the seed at another place, one differs from it here and
 * there, and one is what slot b holds; and one is zero. */
static void make_plain(struct bundles_release *r)
{
	for (unsigned i = OLD; i <= NEW; i++)
		fixture_fill(r[i].data, IOERR_CONTENT_IMAGE, i + 1);
	for (unsigned chunk = 0; chunk < IOERR_CONTENT_IMAGE / CHUNK; chunk++) {
		size_t at = (size_t)chunk * CHUNK;
		const uint8_t *now = r[NOW].data + at;
		uint8_t *new = r[NEW].data + at;

		if (chunk % 3 == 2) {
			memcpy(new, r[OLD].data + at, CHUNK);
			continue;
		}
		memcpy(new,
		       now + (chunk % 3 == 0 && at + MOVED + CHUNK <= IOERR_CONTENT_IMAGE ? MOVED
											  : 0),
		       CHUNK);
		for (unsigned i = 500; chunk % 3 == 1 && i < CHUNK; i += 3000)
			new[i] ^= 0x40;
	}
	memset(r[NEW].data + 7 * CHUNK, 0, CHUNK);
}

/* Of three chunks of the new one, one stands in slot a, one in slot b, and one in neither. */
static void make_shared(struct bundles_release *r)
{
	for (unsigned i = OLD; i <= NEW; i++)
		fixture_fill(r[i].data, IOERR_CONTENT_IMAGE, i + 1);
	for (unsigned chunk = 0; chunk < IOERR_CONTENT_IMAGE / CHUNK; chunk++)
		if (chunk % 3 != 2)
			memcpy(r[NEW].data + (size_t)chunk * CHUNK,
			       r[chunk % 3 == 0 ? NOW : OLD].data + (size_t)chunk * CHUNK, CHUNK);
	memset(r[NEW].data + 5 * CHUNK, 0, CHUNK);
}

static void begin_set(struct bundles_release *r)
{
	memcpy(r, blank, sizeof(blank));
	for (unsigned i = OLD; i <= NEW; i++) {
		r[i].data = cut_content_must(calloc(1, IOERR_CONTENT_IMAGE));
		r[i].size = IOERR_CONTENT_IMAGE;
		memset(r[i].id, (int)r[i].sequence, sizeof(r[i].id));
	}
}

static void end_set(struct ioerr_content_set *set)
{
	static unsigned n;
	char name[32];

	snprintf(name, sizeof(name), "data/delta-%u.keel", n++);
	bundles_copy(set->release[NEW].bundle, name);
	snprintf(set->bundle, sizeof(set->bundle), "%s", bundles_path(name));
}

static void make_set(struct ioerr_content_set *set, enum deltas_kind kind, bool whole)
{
	struct bundles_release *r = set->release;

	begin_set(r);
	for (unsigned i = OLD; i <= NEW && kind != DELTAS_PLAIN; i++)
		deltas_image(kind, i, r[i].data, r[i].size);
	if (kind == DELTAS_PLAIN)
		make_plain(r);
	bundles_make(&r[NOW], CHUNK, false);
	deltas_make(&r[NEW], &r[NOW], kind, CHUNK, whole);
	set->super = kind == DELTAS_EROFS ? EROFS_SUPER : 0;
	end_set(set);
}

static void make_parts(struct ioerr_content_set *set)
{
	struct bundles_release *r = set->release;

	begin_set(r);
	make_shared(r);
	bundles_make(&r[NOW], CHUNK, false);
	parts_make(&r[NEW], CHUNK, false, &r[OLD], &r[NOW]);
	end_set(set);
}

/* ---------------------------------------------------------------- the device */

static void put_cell(const struct bundles_release *r)
{
	struct ioerr_disk *disk = ioerr_world_disk(IOERR_FAULT_STATE);
	struct store_manifest m = { .sequence = r->sequence, .len = r->blob_len };
	enum store_finding found;
	static struct state s;
	struct store st;

	memcpy(m.release, r->id, sizeof(m.release));
	state_set_text(m.version, r->version);
	fixture_ok(store_load(&st, &disk->direct.bdev, &s, &found));
	fixture_ok(store_manifest_write(&st, 0, &m, r->blob));
	ioerr_disk_restart(disk, true);
}

static void put_slots(const struct bundles_release *r, bool rots)
{
	static const enum ioerr_fault_target target[] = { IOERR_FAULT_SLOT_A, IOERR_FAULT_SLOT_B };
	static uint8_t image[IOERR_CONTENT_IMAGE];
	static struct state s;

	s = ioerr_world_get();
	for (unsigned slot = 0; slot < 2; slot++) {
		const struct bundles_release *is = &r[slot == 0 ? NOW : OLD];

		memcpy(image, is->data, sizeof(image));
		image[IOERR_CONTENT_ROT] ^= rots && slot == 0 ? 0xff : 0;
		ioerr_disk_put(ioerr_world_disk(target[slot]), 0, image, sizeof(image));
		bundles_slot(&s.slot[slot], is, STATE_GOOD);
	}
	ioerr_world_put(&s);
	put_cell(&r[NOW]);
}

void ioerr_delta_begin(enum deltas_kind kind, bool whole, bool rots)
{
	static struct ioerr_content_set sets[DELTAS_EROFS + 1][2];
	struct ioerr_content_set *set = &sets[kind][whole];

	if (set->release[NEW].data == NULL)
		make_set(set, kind, whole);
	set->rots = rots;
	ioerr_content_use(set);
	put_slots(set->release, rots);
}

void ioerr_delta_parts(bool rots)
{
	static struct ioerr_content_set set;

	if (set.release[NEW].data == NULL)
		make_parts(&set);
	set.rots = rots;
	ioerr_content_use(&set);
	put_slots(set.release, rots);
}
