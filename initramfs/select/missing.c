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

/* NULL: nothing is printed. */
static unsigned list_one(const char *spec, FILE *out, unsigned *all)
{
	if (!mapped_is_spec(spec))
		return 0;
	(*all)++;
	if (is_open(spec))
		return 0;
	if (out != NULL)
		fprintf(out, "%s\n", spec);
	return 1;
}

static unsigned list_all(const struct conf *conf, FILE *out, unsigned *all)
{
	unsigned n = 0;

	*all = 0;
	/* No boot waits for data that only brings updates: the system may open that later. */
	if (conf_data_is_needed(conf))
		n = list_one(conf->data_part, out, all);
	for (unsigned i = 0; i < conf->nslots; i++)
		for (unsigned c = 0; c < conf->slot[i].nclasses; c++)
			n += list_one(conf->slot[i].cls[c].part, out, all);
	return n;
}

unsigned missing_list(struct boot *b, FILE *out)
{
	unsigned all;

	settings_peek(b);
	return list_all(&b->conf, out, &all);
}

unsigned missing_count(const struct boot *b, unsigned *all)
{
	return list_all(&b->conf, NULL, all);
}
