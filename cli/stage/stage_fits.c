/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stage/stage_fits.h"

#include "cli/stage/incoming.h"
#include "lib/conf_place.h"
#include "lib/log.h"
#include "update/apply/apply_apart.h"
#include "update/apply/apply_boot.h"
#include "update/apply/apply_entry.h"
#include "update/apply/apply_lend.h"
#include "update/bundle/manifest_fits.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
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

/* "root, boot": the classes of a slot. */
static void list_classes(const struct conf_slot *slot, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < slot->nclasses && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s", i > 0 ? ", " : "",
					slot->cls[i].name);
}

/* What is printed is kept for the JSON, slot and all. */
__attribute__((format(printf, 4, 5))) static enum kb_err fail_slot(char why[MANIFEST_WHY], int slot,
								   enum kb_err err, const char *fmt,
								   ...)
{
	int len = snprintf(why, MANIFEST_WHY, "slot %c: ", state_slot_letter(slot));
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why + len, MANIFEST_WHY - (size_t)len, fmt, ap);
	va_end(ap);
	log_err("%s", why);
	return err;
}

/* Either the bundle has a name that is not the slot's, or the partition is missing now: that may
 * pass. */
static enum kb_err report_no_partition(char why[MANIFEST_WHY], const struct device *d, int slot,
				       const char *cls)
{
	const char *part = conf_slot_part(&d->conf, (unsigned)slot, cls);
	char classes[CONF_CLASSES_MAX * (CONF_NAME_MAX + 3)];

	if (part != NULL)
		return fail_slot(why, slot, KB_ENODEV,
				 MANIFEST_FITS_NO_PARTITION ": %s is not on this disk", cls, part);
	list_classes(&d->conf.slot[slot], classes, sizeof(classes));
	return fail_slot(why, slot, KB_ECOMPAT, MANIFEST_FITS_NO_PARTITION ", only %s", cls,
			 classes);
}

/* What a file of a FAT has room for now, it will have at the boot; what cannot be mounted may fit.
 */
static enum kb_err file_fits(char why[MANIFEST_WHY], const struct manifest_image *im, int slot,
			     const char *path, struct apply_boot *files)
{
	char text[MANIFEST_WHY];
	enum kb_err err = apply_boot_open(files, apply_lend(), path, im, text);

	return err == KB_ENOSPC ? fail_slot(why, slot, err, "%s", text) : KB_OK;
}

static enum kb_err image_fits(char why[MANIFEST_WHY], const struct device *d,
			      const struct manifest_image *im, int slot, struct apply_boot *files)
{
	char path[DEVICE_PATH_MAX], text[MANIFEST_WHY];
	uint64_t size;
	uint32_t sector;
	enum kb_err err;

	if (device_slot_path(d, slot, im->name, path) != KB_OK)
		return report_no_partition(why, d, slot, im->name);
	if (conf_place_tail(path)[0] != '\0')
		return file_fits(why, im, slot, path, files);
	read_geometry(path, &size, &sector);
	err = manifest_fits_part(text, im, path, size, sector);
	return err != KB_OK ? fail_slot(why, slot, err, "%s", text) : KB_OK;
}

static bool has_image(const struct manifest *m, const char *cls)
{
	for (unsigned i = 0; i < m->nimages; i++)
		if (strcmp(m->image[i].name, cls) == 0)
			return true;
	return false;
}

static enum kb_err images_fit(char why[MANIFEST_WHY], const struct device *d,
			      const struct manifest *m, int slot, struct apply_boot *files)
{
	for (unsigned i = 0; i < m->nimages; i++)
		TRY(image_fits(why, d, &m->image[i], slot, files));
	return KB_OK;
}

/* A boot refuses it then, and overwrites nothing: what is staged would only lie there. */
static enum kb_err is_apart(const struct device *d, const struct apply_slot *of, int slot)
{
	struct apply_others others;
	char why[MANIFEST_WHY];

	incoming_others(d, &others);
	for (unsigned i = 0; i < of[slot].nparts; i++) {
		enum kb_err err = apply_apart_look(of, &others, slot, i, why);

		if (err != KB_OK) {
			log_err("%s", why);
			return err;
		}
	}
	return KB_OK;
}

/* Files of one partition fit together, or not. */
static enum kb_err all_fit(char why[MANIFEST_WHY], const struct device *d, const struct manifest *m,
			   int slot)
{
	static struct apply_boot files;
	struct apply_slot of[STATE_SLOTS_MAX] = { 0 };
	char text[MANIFEST_WHY];
	enum kb_err err;

	files = APPLY_BOOT_CLOSED;
	incoming_slots(d, of);
	TRY(is_apart(d, of, slot));
	apply_lend_begin_for(of);
	err = images_fit(why, d, m, slot, &files);
	if (err == KB_OK && files.n > 0 && files.dev[0].top >= 0 &&
	    apply_entry_check(files.dev[0].top, files.lent, of, slot, text) != KB_OK)
		log_warn("slot %c: no boot installs it before this is mended: %s",
			 state_slot_letter(slot), text);
	apply_boot_close(&files);
	apply_lend_end();
	return err;
}

enum kb_err stage_fits(char why[MANIFEST_WHY], const struct device *d, const struct manifest *m,
		       int slot)
{
	const struct conf_slot *conf = &d->conf.slot[slot];

	TRY(all_fit(why, d, m, slot));
	for (unsigned i = 0; slot < (int)d->conf.nslots && i < conf->nclasses; i++) {
		if (has_image(m, conf->cls[i].name))
			continue;
		return fail_slot(why, slot, KB_ECOMPAT, MANIFEST_FITS_NO_IMAGE, conf->cls[i].name);
	}
	return KB_OK;
}
