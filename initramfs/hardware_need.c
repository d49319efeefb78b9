/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/hardware_need.h"

#include "initramfs/hardware.h"

#include <string.h>

/* A bare disk may hold what a prober takes for an empty table. */
void hardware_need_mount(struct boot *b, const char *dev)
{
	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++) {
		const struct probe_disk *d = &b->probe.disk[i];

		if (d->state == PROBE_FREE)
			continue;
		if (strcmp(d->whole.dev, dev) == 0 && (d->whole.fstype[0] != '\0' || d->n == 0))
			hardware_need_type(b, d->whole.fstype);
		for (unsigned k = 0; k < d->n; k++) {
			if (strcmp(d->part[k].dev, dev) == 0)
				hardware_need_type(b, d->part[k].fstype);
		}
	}
}

void hardware_need_data(struct boot *b)
{
	if (b->dev.data[0] == '\0')
		return;
	hardware_need_mount(b, b->dev.data);
	hardware_need_type(b, b->conf.data_fstype);
}
