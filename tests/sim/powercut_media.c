/* SPDX-License-Identifier: Apache-2.0 */
/* Images, key and bundles of a story, and what its disks hold in the beginning. */
#include "tests/sim/powercut.h"

#define CHUNK MANIFEST_CHUNK_MIN

struct bundles_release powercut_release[POWERCUT_RELEASES];

/* ---------------------------------------------------------------- images */

/* n sectors of a block have something of their own for each release, and never zero; the others are
 * zero. */
static void fill_block(uint8_t *data, unsigned release, uint64_t block, unsigned first, unsigned n)
{
	for (uint64_t sector = block * 8 + first; sector < block * 8 + first + n; sector++)
		for (unsigned i = 0; i < CUT_SECTOR; i += 8) {
			uint64_t v = (sector * 1000003 + i) * 0x9e3779b97f4a7c15u + release + 1;

			memcpy(data + sector * CUT_SECTOR + i, &v, sizeof(v));
		}
}

/* The update's sectors behind the superblock are made of those that run: in a block with an odd
 * number moved by some bytes, with another word; else in another order. */
static void move_sectors(const struct powercut_story *s, uint64_t block)
{
	size_t at = block * BDEV_ALIGN;
	const uint8_t *old = powercut_release[1].data + at;
	uint8_t *new = powercut_release[POWERCUT_NEW].data + at;

	while (bytes_all(old, CUT_SECTOR, 0)) {
		old += CUT_SECTOR;
		new += CUT_SECTOR;
	}
	memcpy(new, old + CUT_SECTOR, (s->w - 1) * CUT_SECTOR);
	memcpy(new + (s->w - 1) * CUT_SECTOR, old, CUT_SECTOR);
	if (block % 2 == 0)
		return;
	memmove(new, new + 8, s->w * CUT_SECTOR - 8);
	new[100] ^= 0x10;
}

/* Whose content a partial update has in a block behind the head, which is a chunk's: one is in the
 * target, one in the other slot, and one in the bundle. */
static unsigned shared_with(const struct powercut_story *s, unsigned release, unsigned i)
{
	if (!s->partial || release != POWERCUT_NEW || i % 3 == 2)
		return release;
	return i % 3;
}

/*
 * The head: the block with the superblock, and one more; then c chunks with one block each. ext4
 * has its superblock in sectors 2 and 3 of a block that holds nothing else; squashfs in sector 0 of
 * a block that is full of data.
 */
static void make_image(const struct powercut_story *s, unsigned release)
{
	struct bundles_release *r = &powercut_release[release];
	unsigned head = s->partial && release == POWERCUT_NEW ? 1 : release;
	bool is_moved = s->delta == DELTAS_PLAIN && release == POWERCUT_NEW;

	r->size = INSTALL_SEAL_LEN + (uint64_t)s->c * CHUNK;
	r->data = cut_content_must(calloc(1, r->size));
	if (s->delta > DELTAS_PLAIN) {
		deltas_image(s->delta, release, r->data, r->size);
		return;
	}
	fill_block(r->data, release, 0, s->squashfs ? 0 : 2, s->squashfs && s->w > 2 ? s->w : 2);
	fill_block(r->data, head, 5, 1, s->w);
	for (unsigned i = 0; i < s->c; i++)
		fill_block(r->data, shared_with(s, release, i),
			   (INSTALL_SEAL_LEN + i * CHUNK) / BDEV_ALIGN + i % 4, i % 3, s->w);
	for (uint64_t block = 1; is_moved && block < r->size / BDEV_ALIGN; block++)
		if (!bytes_all(r->data + block * BDEV_ALIGN, BDEV_ALIGN, 0))
			move_sectors(s, block);
}

/* The pair, as small as it can be: a file system's first block, and one block behind the head. */
static void make_boot(const struct powercut_story *s, unsigned release)
{
	struct bundles_release *r = &powercut_release[release];

	if (!s->pairs)
		return;
	r->boot_size = INSTALL_SEAL_LEN + CHUNK;
	r->boot = cut_content_must(calloc(1, r->boot_size));
	fill_block(r->boot, POWERCUT_RELEASES + release, 0, 0, 1);
	fill_block(r->boot, POWERCUT_RELEASES + release, INSTALL_SEAL_LEN / BDEV_ALIGN + 1, 3,
		   s->w);
}

void powercut_media_make(const struct powercut_story *s)
{
	const struct bundles_release *new = &powercut_release[POWERCUT_NEW];
	/* What the data partition holds: with the staged file, or without. */
	static const char *const folders[] = { "staged", "staged/keelboot", "staged/keelboot/stage",
					       "gone",	 "gone/keelboot",   "gone/keelboot/stage",
					       "keys" };
	char staged[64];

	bundles_begin("powercut", true, folders, KB_ARRAY_LEN(folders));
	atexit(bundles_end);
	for (unsigned i = 0; i < POWERCUT_RELEASES; i++) {
		struct bundles_release *r = &powercut_release[i];

		make_image(s, i);
		make_boot(s, i);
		snprintf(r->version, sizeof(r->version), "%u.0", i + 1);
		r->sequence = i + 1;
		if (s->delta != DELTAS_NONE && i == POWERCUT_NEW)
			deltas_make(r, &powercut_release[1], s->delta, CHUNK, false);
		else if (s->partial && i == POWERCUT_NEW)
			parts_make(r, CHUNK, true, &powercut_release[0], &powercut_release[1]);
		else
			bundles_make(r, CHUNK, true);
	}
	/* As `keelboot stage` leaves it. */
	snprintf(staged, sizeof(staged), "staged/keelboot/stage/%s", new->file);
	bundles_copy(new->bundle, staged);
}

uint64_t powercut_media_slot_size(const struct powercut_story *s)
{
	return INSTALL_SEAL_LEN + (uint64_t)s->c * CHUNK + (uint64_t)s->tail * 1024;
}

/* ---------------------------------------------------------------- the beginning */

static void set_slot(struct state *s, struct store *st, int slot, unsigned release,
		     enum state_st as)
{
	const struct bundles_release *r = &powercut_release[release];
	struct state_slot *t = &s->slot[slot];
	struct store_manifest m = { .sequence = r->sequence, .floor = 1, .len = r->blob_len };

	bundles_slot(t, r, as);
	memcpy(m.release, r->id, sizeof(m.release));
	state_set_text(m.version, r->version);
	if (as == STATE_BAD) {
		state_set_text(t->reason, "failed before");
		state_add_rejected(s, r->id);
	} else {
		state_add_applied(s, r->id);
	}
	fixture_ok(store_manifest_write(st, slot, &m, r->blob));
}

static void half_written(struct state *s, struct cut_content *slot)
{
	const uint8_t *data = powercut_release[POWERCUT_NEW].data;

	s->slot[1] = (struct state_slot){ .st = STATE_WRITING };
	cut_content_write(slot, INSTALL_SEAL_LEN, data + INSTALL_SEAL_LEN, CHUNK);
	cut_content_write(slot, 0, NULL, INSTALL_SEAL_LEN);
}

static void write_state(const struct powercut_story *story, struct cut_disk *d,
			struct powercut_image *im)
{
	enum store_finding found;
	static struct state s;
	struct store st;

	fixture_ok(store_load(&st, &d->bdev, &s, &found));
	state_init(&s, POWERCUT_SLOTS);
	s.floor = 1;
	s.warm = !story->blind;
	set_slot(&s, &st, 0, 1,
		 story->both_bad   ? STATE_BAD
		 : story->unproven ? STATE_TRIAL
				   : STATE_GOOD);
	if (!story->no_spare && !story->half)
		set_slot(&s, &st, 1, 0,
			 story->bad_spare || story->both_bad || story->unproven ? STATE_BAD
										: STATE_GOOD);
	if (story->unproven) {
		s.slot[0].tries = STATE_TRIES;
		s.slot[0].grace = STATE_GRACE;
	}
	if (story->half)
		half_written(&s, &im->disk[POWERCUT_B]);
	s.last = story->both_bad || story->unproven ? STATE_NONE : 0;
	if (story->data) {
		s.staged.source = STATE_SRC_DATA;
		memcpy(s.staged.release, powercut_release[POWERCUT_NEW].id, STATE_ID_LEN);
	}
	fixture_ok(store_save_both(&st, &s));
	fixture_ok(bdev_flush(&d->bdev));
}

/* Of releases 1 and 0, as the slots are. */
static void first_pairs(const struct powercut_story *s, struct powercut_image *im)
{
	for (unsigned i = POWERCUT_BOOT_A; i <= POWERCUT_LOADER; i++)
		cut_content_init(&im->disk[i], 0, 0);
	if (!s->pairs)
		return;
	for (unsigned i = 0; i < POWERCUT_SLOTS; i++) {
		const struct bundles_release *r = &powercut_release[1 - i];

		cut_content_init(&im->disk[POWERCUT_BOOT_A + i], r->boot_size, 0);
		cut_content_write(&im->disk[POWERCUT_BOOT_A + i], 0, r->boot, r->boot_size);
	}
	cut_content_init(&im->disk[POWERCUT_LOADER], GRUB_SIZE, 0);
	powercut_loader_make(s, &im->disk[POWERCUT_LOADER], s->unproven ? 1 : 0);
}

void powercut_media_first(const struct powercut_story *s, struct powercut_image *im)
{
	struct cut_power power;
	struct cut_disk d;

	cut_content_init(&im->disk[POWERCUT_STATE], STORE_MIN_SIZE, 0);
	cut_content_init(&im->disk[POWERCUT_A], powercut_media_slot_size(s), 0);
	cut_content_init(&im->disk[POWERCUT_B], powercut_media_slot_size(s), 0);
	cut_content_init(&im->disk[POWERCUT_RAW], BDEV_ALIGN, 0);
	first_pairs(s, im);
	cut_content_write(&im->disk[POWERCUT_A], 0, powercut_release[1].data,
			  powercut_release[1].size);
	if (!s->no_spare)
		cut_content_write(&im->disk[POWERCUT_B], 0, powercut_release[0].data,
				  powercut_release[0].size);
	for (uint64_t at = powercut_release[0].size;
	     s->tail > 0 && !s->no_spare && at < powercut_media_slot_size(s); at += BDEV_ALIGN * 64)
		cut_content_put(&im->disk[POWERCUT_B], at / CUT_SECTOR, cut_content_garbage());
	if (s->raw) {
		uint8_t first[BDEV_ALIGN];

		if (pread(powercut_release[POWERCUT_NEW].bundle, first, sizeof(first), 0) <
		    (ssize_t)CUT_SECTOR)
			abort();
		cut_content_write(&im->disk[POWERCUT_RAW], 0, first, sizeof(first));
	}
	if (s->data)
		cut_content_write(&im->disk[POWERCUT_RAW], 0, powercut_release[POWERCUT_NEW].blob,
				  CUT_SECTOR);
	if (s->no_state)
		return;
	cut_power_init(&power);
	cut_disk_init(&d, &power, STORE_MIN_SIZE);
	write_state(s, &d, im);
	cut_content_copy(&im->disk[POWERCUT_STATE], &d.durable);
	cut_disk_free(&d);
}
