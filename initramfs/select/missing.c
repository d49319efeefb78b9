/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/select/missing.h"

#include "initramfs/disks/mapped.h"
#include "initramfs/disks/probe_sysfs.h"
#include "initramfs/settings.h"
#include "lib/conf_data.h"
#include "lib/os.h"

#include <string.h>

#define BLOCKS_MAX 512

static bool is_open(const char *spec)
{
	static char names[BLOCKS_MAX][64];
	unsigned n = 0;

	if (os_list(PROBE_SYSFS_DISKS, names, BLOCKS_MAX, &n) != KB_OK)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (mapped_is_named(names[i], spec))
			return true;
	}
	return false;
}

static unsigned list_one(const char *spec, FILE *out)
{
	if (!mapped_is_spec(spec) || is_open(spec))
		return 0;
	fprintf(out, "%s\n", spec);
	return 1;
}

unsigned missing_list(struct boot *b, FILE *out)
{
	unsigned n = 0;

	settings_peek(b);
	/* No boot waits for data that only brings updates: the system may open that later. */
	if (conf_data_is_needed(&b->conf))
		n = list_one(b->conf.data_part, out);
	for (unsigned i = 0; i < b->conf.nslots; i++)
		for (unsigned c = 0; c < b->conf.slot[i].nclasses; c++)
			n += list_one(b->conf.slot[i].cls[c].part, out);
	return n;
}
