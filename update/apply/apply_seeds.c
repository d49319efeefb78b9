/* SPDX-License-Identifier: Apache-2.0 */
#include "update/apply/apply_seeds.h"

#include "lib/conf_place.h"
#include "lib/log.h"
#include "update/bundle/signed_floor.h"

#include <string.h>

static struct reader cell_reader;

static bool is_needed(const struct manifest *m, const struct manifest_image *im)
{
	for (unsigned i = 0; i < m->nencodings; i++)
		if (m->encoding[i].kind == MANIFEST_ENC_SEED &&
		    memcmp(m->encoding[i].seed, im->digest, DIGEST_LEN) == 0)
			return true;
	return false;
}

static const struct apply_part *part_of(const struct apply_slot *slot, const char *cls)
{
	for (unsigned i = 0; i < slot->nparts && i < CONF_CLASSES_MAX; i++)
		if (strcmp(slot->part[i].cls, cls) == 0)
			return &slot->part[i];
	return NULL;
}

static void open_seed(struct apply_seeds *s, const struct apply_part *part,
		      const struct manifest_image *im, int slot)
{
	struct install_seed *seed = &s->seed[s->n];
	struct bdev_file *dev = &s->dev[s->n];
	enum kb_err err = bdev_file_open(dev, part->path, 0);

	if (err != KB_OK) {
		log_warn("%s of slot %c (%s) cannot be read: %s", part->cls,
			 state_slot_letter(slot), part->path, err_text(err));
		return;
	}
	if (dev->bytes < im->size) {
		bdev_file_close(dev);
		return;
	}
	memcpy(seed->digest, im->digest, DIGEST_LEN);
	seed->at = (struct decoder_seed){ dev->fd, im->size };
	seed->slot = slot;
	s->n++;
}

static void look_at_slot(struct apply_seeds *s, const struct apply_slot *parts,
			 const struct manifest *m, int slot)
{
	for (unsigned i = 0; i < cell_reader.m.nimages && s->n < APPLY_SEEDS_MAX; i++) {
		const struct manifest_image *im = &cell_reader.m.image[i];
		const struct apply_part *part = part_of(parts, im->name);

		if (part != NULL && conf_place_tail(part->path)[0] == '\0' && is_needed(m, im))
			open_seed(s, part, im, slot);
	}
}

static bool has_deltas(const struct manifest *m)
{
	for (unsigned i = 0; i < m->nencodings; i++)
		if (m->encoding[i].kind == MANIFEST_ENC_SEED)
			return true;
	return false;
}

void apply_seeds_open(struct apply_seeds *s, const struct apply_seeds_place *at,
		      const struct manifest *m)
{
	static uint8_t blob[STORE_MANIFEST_MAX] __attribute__((aligned(BDEV_ALIGN)));
	struct store_manifest cell;

	s->n = 0;
	for (int slot = 0; has_deltas(m) && slot < STATE_SLOTS_MAX; slot++) {
		if (slot == at->target || at->slot[slot].nparts == 0 ||
		    store_manifest_read(at->store, slot, &cell, blob, sizeof(blob)) != KB_OK)
			continue;
		if (signed_floor_open(&cell_reader, blob, cell.len, at->keys) == KB_OK)
			look_at_slot(s, &at->slot[slot], m, slot);
		reader_close(&cell_reader);
	}
}

void apply_seeds_close(struct apply_seeds *s)
{
	while (s->n > 0)
		bdev_file_close(&s->dev[--s->n]);
}
