/* SPDX-License-Identifier: Apache-2.0 */
#include "update/bundle/manifest_fits.h"

#include "lib/conf.h"
#include "lib/os_processor.h"
#include "lib/pe_machine.h"
#include "lib/processor.h"
#include "lib/util.h"
#include "selector/pair.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum kb_err manifest_fits_model(char why[MANIFEST_WHY], const struct manifest *m,
				const char *compatible)
{
	if (manifest_is_for(m, compatible))
		return KB_OK;
	snprintf(why, MANIFEST_WHY, "made for \"%s\"%s, but this device is \"%s\"",
		 m->compatible[0], m->ncompatible > 1 ? " and others" : "", compatible);
	return KB_ECOMPAT;
}

static void join_processors(char *out, size_t size, const struct manifest *m)
{
	size_t len = 0;

	for (unsigned i = 0; i < m->nprocessors && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s", i > 0 ? " or " : "",
					m->processor[i]);
}

/* By the kernel that runs: the release may bring another one, but not another processor. */
static enum kb_err fits_kernel(char why[MANIFEST_WHY], const struct manifest *m)
{
	char machine[OS_PROCESSOR_MAX], names[128];
	const char *ours;

	if (m->nprocessors == 0)
		return KB_OK;
	os_processor_kernel(machine);
	ours = processor_of_device(machine, os_processor_program());
	for (unsigned i = 0; i < m->nprocessors; i++)
		if (processor_runs(ours, m->processor[i]))
			return KB_OK;
	join_processors(names, sizeof(names), m);
	snprintf(why, MANIFEST_WHY,
		 "made for processor %s, but this device is %s: use a bundle for this device",
		 names, ours);
	return KB_ECOMPAT;
}

enum kb_err manifest_fits_device(char why[MANIFEST_WHY], const struct manifest *m,
				 const char *compatible)
{
	TRY(manifest_fits_model(why, m, compatible));
	return fits_kernel(why, m);
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
