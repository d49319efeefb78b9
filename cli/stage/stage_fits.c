/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stage/stage_fits.h"

#include "lib/log.h"
#include "update/bundle/manifest_fits.h"

#include <inttypes.h>
#include <string.h>

/* What cannot be opened now may be there when it is installed. */
static void read_geometry(const char *path, uint64_t *size, uint32_t *sector)
{
	struct bdev_file file;

	*size = UINT64_MAX;
	*sector = 0;
	if (bdev_file_open(&file, path, 0) != KB_OK)
		return;
	*size = file.bdev.size;
	*sector = file.bdev.sector;
	bdev_file_close(&file);
}

static enum kb_err image_fits(const struct device *d, const struct manifest_image *im, int slot)
{
	char path[DEVICE_PATH_MAX], why[MANIFEST_WHY];
	uint64_t size;
	uint32_t sector;
	enum kb_err err;

	if (device_slot_path(d, slot, im->name, path) != KB_OK) {
		log_err("slot %c: " MANIFEST_FITS_NO_PARTITION, state_slot_letter(slot), im->name);
		return KB_ECOMPAT;
	}
	read_geometry(path, &size, &sector);
	err = manifest_fits_part(why, im, path, size, sector);
	if (err != KB_OK)
		log_err("slot %c: %s", state_slot_letter(slot), why);
	return err;
}

static bool has_image(const struct manifest *m, const char *cls)
{
	for (unsigned i = 0; i < m->nimages; i++)
		if (strcmp(m->image[i].name, cls) == 0)
			return true;
	return false;
}

enum kb_err stage_fits(const struct device *d, const struct manifest *m, int slot)
{
	const struct conf_slot *conf = &d->conf.slot[slot];

	for (unsigned i = 0; i < m->nimages; i++)
		TRY(image_fits(d, &m->image[i], slot));
	for (unsigned i = 0; slot < (int)d->conf.nslots && i < conf->nclasses; i++) {
		if (has_image(m, conf->cls[i].name))
			continue;
		log_err("slot %c: " MANIFEST_FITS_NO_IMAGE, state_slot_letter(slot),
			conf->cls[i].name);
		return KB_ECOMPAT;
	}
	return KB_OK;
}
