/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device/device.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* True if a file system on the block device path is mounted. */
static bool is_mounted(const char *path, FILE *mounts)
{
	unsigned major, minor;
	char line[4096];
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
		return false;
	rewind(mounts);
	while (fgets(line, sizeof(line), mounts) != NULL)
		if (sscanf(line, "%*u %*u %u:%u", &major, &minor) == 2 &&
		    st.st_rdev == makedev(major, minor))
			return true;
	return false;
}

static bool slot_is_mounted(const struct device *d, int slot, FILE *mounts)
{
	const struct conf_slot *conf = &d->conf.slot[slot];
	char path[DEVICE_PATH_MAX];

	for (unsigned c = 0; slot < (int)d->conf.nslots && c < conf->nclasses; c++)
		if (device_slot_path(d, slot, conf->cls[c].name, path) == KB_OK &&
		    is_mounted(path, mounts))
			return true;
	return false;
}

choose_mask device_mounted(const struct device *d)
{
	choose_mask mask = d->run_found ? (choose_mask)(1u << d->booted) : 0;
	FILE *mounts = fopen("/proc/self/mountinfo", "re");

	if (mounts == NULL)
		return mask;
	for (int i = 0; i < d->state.nslots; i++)
		if (slot_is_mounted(d, i, mounts))
			mask |= (choose_mask)(1u << i);
	fclose(mounts);
	return mask;
}
