/* SPDX-License-Identifier: Apache-2.0 */
/* The slots of the device, by what system.conf and the prober say of them. */
#include "initramfs/disks/devices.h"

#include "lib/container.h"

#include <string.h>

int devices_class(const struct conf *conf, unsigned slot, const char *name)
{
	if (slot >= conf->nslots)
		return -1;
	for (unsigned i = 0; i < conf->slot[slot].nclasses; i++) {
		if (strcmp(conf->slot[slot].cls[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

int devices_root_class(const struct conf *conf, unsigned slot)
{
	return devices_class(conf, slot, "root");
}

choose_mask devices_seen(const struct devices *d, const struct conf *conf)
{
	choose_mask mask = 0;

	for (unsigned i = 0; i < conf->nslots; i++)
		if (d->slot[i].seen)
			mask |= (choose_mask)(1u << i);
	return mask;
}

choose_mask devices_mountable(const struct devices *d, const struct conf *conf)
{
	choose_mask mask = 0;

	for (unsigned i = 0; i < conf->nslots; i++) {
		int root = devices_root_class(conf, i);
		bool there = root >= 0 && d->slot[i].part[root][0] != '\0';

		if (container_is(d->slot[i].fstype))
			continue;
		if (d->slot[i].fstype[0] != '\0' || (there && conf->fstype[0] != '\0'))
			mask |= (choose_mask)(1u << i);
	}
	return mask;
}
