/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/driverless.h"

#include "initramfs/alias_table.h"
#include "initramfs/bus.h"
#include "initramfs/disks/deferred.h"
#include "initramfs/disks/probe_uevent.h"
#include "lib/log.h"
#include "lib/util.h"

#include <string.h>

#define DEVICES_MAX 8

/* Mass storage, hosts of SD cards and of USB; then what is on a bus that has a driver; then hosts
 * of boards, which have no class: by the names that device trees give to such, and ACPI's of SD. */
static const struct {
	const char *bus, *alias;
} kinds[] = {
	{ "pci", "pci:*bc01sc*" },	    { "pci", "pci:*bc08sc05*" },
	{ "pci", "pci:*bc0Csc03*" },	    { "virtio", "virtio:d00000002v*" },
	{ "virtio", "virtio:d00000008v*" }, { "usb", "usb:*ic08isc*" },
	{ "scsi", "scsi:t-0x00*" },	    { "mmc", "mmc:block" },
	{ "platform", "of:N*mmcT*" },	    { "platform", "of:NsdhciT*" },
	{ "platform", "of:NsataT*" },	    { "platform", "of:Nufs*T*" },
	{ "platform", "of:NpcieT*" },	    { "platform", "of:NusbT*" },
	{ "platform", "of:Nvirtio*T*" },    { "platform", "acpi:*PNP0D40:*" },
};

struct look {
	const char *bus;
	unsigned found;
	/* what it does not know is named; NULL: all are */
	bool (*is_packed)(const char *alias);
};

static bool is_of_kind(const char *bus, const char *alias)
{
	for (unsigned i = 0; i < KB_ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].bus, bus) == 0 && alias_table_fits(kinds[i].alias, alias))
			return true;
	}
	return false;
}

static void report_device(void *ctx, const char *name, const char *uevent, size_t len)
{
	const char *modalias = probe_uevent_value(uevent, len, "MODALIAS");
	struct look *look = ctx;
	char device[64], alias[128];

	if (modalias == NULL || probe_uevent_value(uevent, len, "DRIVER") != NULL ||
	    !is_of_kind(look->bus, modalias) || look->found == DEVICES_MAX)
		return;
	if (look->is_packed != NULL ? look->is_packed(modalias) : deferred_has(name))
		return;
	look->found++;
	util_print_safe(device, sizeof(device), name);
	util_print_safe(alias, sizeof(alias), modalias);
	if (look->is_packed == NULL)
		log_err("devices: %s has no driver: none that is packed fits %s, or it did not load",
			device, alias);
	else
		log_info(
			"devices: %s has no driver so far, and no packed module fits %s: no disk or stick behind it is seen",
			device, alias);
}

static void look_at_buses(struct look *look)
{
	for (unsigned i = 0; i < KB_ARRAY_LEN(kinds); i++) {
		if (look->bus != NULL && strcmp(look->bus, kinds[i].bus) == 0)
			continue;
		look->bus = kinds[i].bus;
		bus_each(look->bus, report_device, look);
	}
}

void driverless_report(void)
{
	struct look look = { .found = 0 };

	look_at_buses(&look);
}

void driverless_mention(bool (*is_packed)(const char *alias))
{
	struct look look = { .is_packed = is_packed };

	look_at_buses(&look);
}
