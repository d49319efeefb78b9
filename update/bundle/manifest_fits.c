/* SPDX-License-Identifier: Apache-2.0 */
#include "update/bundle/manifest_fits.h"

#include "lib/conf.h"
#include "lib/os_processor.h"
#include "lib/pe_machine.h"
#include "selector/pair.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum kb_err manifest_fits_device(char why[MANIFEST_WHY], const struct manifest *m,
				 const char *compatible)
{
	if (manifest_is_for(m, compatible))
		return KB_OK;
	snprintf(why, MANIFEST_WHY, "made for \"%s\"%s, but this device is \"%s\"",
		 m->compatible[0], m->ncompatible > 1 ? " and others" : "", compatible);
	return KB_ECOMPAT;
}

enum kb_err manifest_fits_slots(char why[MANIFEST_WHY], const struct manifest *m,
				const char *copies)
{
	for (unsigned i = 0; i < m->nimages; i++) {
		if (strcmp(m->image[i].name, CONF_CLASS_LOADER) != 0)
			continue;
		snprintf(
			why, MANIFEST_WHY, "it has a boot loader (image " CONF_CLASS_LOADER "): %s",
			copies[0] == '\0'
				? "this device has one copy of its own, and could not leave a new one that does not start; make the bundle without it"
				: "no slot takes it; keelboot loader install does, from a bundle of its own");
		return KB_ECOMPAT;
	}
	return KB_OK;
}

enum kb_err manifest_fits_part(char why[MANIFEST_WHY], const struct manifest_image *im,
			       const char *part, uint64_t size, uint32_t sector)
{
	const char *name = part != NULL ? part : "its partition";

	if (im->size > size) {
		snprintf(why, MANIFEST_WHY,
			 "image %s: %" PRIu64 " bytes, but %s has only %" PRIu64
			 ": made for larger slots; use a bundle for this device",
			 im->name, im->size, name, size);
		return KB_ECOMPAT;
	}
	if (manifest_verity_block(im) < sector) {
		snprintf(why, MANIFEST_WHY,
			 "image %s: dm-verity blocks of %" PRIu32
			 " bytes, but %s has sectors of %" PRIu32
			 ": made for another disk; use a bundle for this device",
			 im->name, manifest_verity_block(im), name, sector);
		return KB_ECOMPAT;
	}
	return KB_OK;
}

enum kb_err manifest_fits_processor(char why[MANIFEST_WHY], const struct manifest_image *im,
				    const uint8_t *chunk, size_t len)
{
	uint16_t its, ours = os_processor();

	if (strcmp(im->name, PAIR_CLASS) != 0 || chunk == NULL)
		return KB_OK;
	its = pe_machine(chunk, len);
	if (pe_machine_fits(its, ours))
		return KB_OK;
	snprintf(
		why, MANIFEST_WHY,
		"image %s: its kernel is for %s, but this device is %s: use a bundle for this device",
		im->name, pe_machine_name(its), pe_machine_name(ours));
	return KB_ECOMPAT;
}
