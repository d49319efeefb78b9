/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stage_fits.h"

#include "lib/log.h"

#include <inttypes.h>
#include <string.h>

static uint64_t size_of(const char *path)
{
	struct bdev_file file;
	uint64_t size;

	if (bdev_file_open(&file, path, 0) != KB_OK)
		return UINT64_MAX;
	size = file.bdev.size;
	bdev_file_close(&file);
	return size;
}

static enum kb_err image_fits(const struct device *d, const struct manifest_image *im, int slot)
{
	char path[DEVICE_PATH_MAX];
	uint64_t size;

	if (device_slot_path(d, slot, im->name, path) != KB_OK) {
		log_err("the bundle has an image for %s, and slot %c no such partition", im->name,
			state_slot_letter(slot));
		return KB_ECOMPAT;
	}
	size = size_of(path);
	if (im->size <= size)
		return KB_OK;
	log_err("image %s is %" PRIu64 " bytes, and %s of slot %c only %" PRIu64
		": the bundle was made for larger slots",
		im->name, im->size, path, state_slot_letter(slot), size);
	return KB_ECOMPAT;
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
		log_err("the bundle has no image for %s, which slot %c needs", conf->cls[i].name,
			state_slot_letter(slot));
		return KB_ECOMPAT;
	}
	return KB_OK;
}
