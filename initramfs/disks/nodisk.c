/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disks/nodisk.h"

#include "initramfs/disks/containers.h"
#include "initramfs/disks/deferred.h"
#include "initramfs/disks/probe_sysfs.h"
#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>
#include <string.h>

static void report_partitions(const struct probe_disk *d)
{
	if (d->gpt_backup && d->n == 0)
		log_err("devices: %s: its partition table is damaged, but the copy at its end is intact; add `gpt` to the kernel command line to use that",
			d->dev);
	else
		log_err("devices: %s (%u partition%s) is not used: it has no partition of this device, or disk= or usb-disk= excludes it",
			d->dev, d->n, d->n == 1 ? "" : "s");
}

#define HOLDERS_MAX 16

/* multipathd's map, as its uuid says; udev calls its paths mpath_member. */
static bool is_multipath(const char *holder)
{
	char path[96], uuid[64];

	snprintf(path, sizeof(path), PROBE_SYSFS "/%.40s/dm/uuid", holder);
	return os_read_file(path, uuid, sizeof(uuid), NULL) == KB_OK &&
	       strncmp(uuid, "mpath-", 6) == 0;
}

static void report_multipath(const struct probe_disk *d)
{
	char path[96], holder[HOLDERS_MAX][64];
	unsigned n = 0;

	snprintf(path, sizeof(path), PROBE_SYSFS "/%.32s/holders", d->dev + 5);
	if (os_list(path, holder, HOLDERS_MAX, &n) != KB_OK)
		return;
	for (unsigned i = 0; i < n; i++) {
		if (is_multipath(holder[i]))
			log_err("devices: %s is a path of the multipath map %.40s (mpath_member), which is not opened here: what is in it cannot be a slot",
				d->dev, holder[i]);
	}
}

void nodisk_report(const struct probe *p)
{
	unsigned fixed = 0, media = 0;

	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++) {
		const struct probe_disk *d = &p->disk[i];

		if (d->state == PROBE_FREE)
			continue;
		report_partitions(d);
		containers_report(d);
		report_multipath(d);
		if (d->removable || d->usb)
			media++;
		else
			fixed++;
	}
	if (fixed == 0)
		log_err("devices: the kernel sees no disk%s; check its power and cable, and pack its driver (keelboot image build --module-set nvme, sata, sd, usb or virtio, or --module NAME)",
			media > 0 ? " except removable ones" : "");
	/* The host of the system's disk may be among them, whatever other disk there is. */
	deferred_report();
}
