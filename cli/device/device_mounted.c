/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device/device.h"

#include "lib/os_file.h"
#include "lib/os_mounts.h"

/* True if a file system on the block device path is mounted. */
static bool is_mounted(const char *path)
{
	struct os_file_at at;

	return os_file_look(path, &at) == KB_OK && at.number != 0 && os_mounts_has(at.number);
}

static bool slot_is_mounted(const struct device *d, int slot)
{
	const struct conf_slot *conf = &d->conf.slot[slot];
	char path[DEVICE_PATH_MAX];

	for (unsigned c = 0; slot < (int)d->conf.nslots && c < conf->nclasses; c++)
		if (device_slot_path(d, slot, conf->cls[c].name, path) == KB_OK && is_mounted(path))
			return true;
	return false;
}

choose_mask device_mounted(const struct device *d)
{
	choose_mask mask = d->run_found ? (choose_mask)(1u << d->booted) : 0;

	if (d->pair != STATE_NONE)
		mask |= (choose_mask)(1u << d->pair);

	for (int i = 0; i < d->state.nslots; i++)
		if (slot_is_mounted(d, i))
			mask |= (choose_mask)(1u << i);
	return mask;
}

bool device_data_is_elsewhere(const struct device *d)
{
	struct os_file_at mount, part;

	return d->data_path[0] != '\0' && os_file_look(d->data_path, &part) == KB_OK &&
	       (os_file_look(d->conf.data_mount, &mount) != KB_OK || mount.lies_on != part.number);
}
