/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/driverless.h"

#include "initramfs/alias_table.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

#define DEVICES_MAX 8
#define UEVENT_MAX  4097 /* sysfs has a page for it */

/* Mass storage, hosts of SD cards and of USB; then what is on a bus that has a driver. */
static const struct {
	const char *bus, *alias;
} kinds[] = {
	{ "pci", "pci:*bc01sc*" },	    { "pci", "pci:*bc08sc05*" },
	{ "pci", "pci:*bc0Csc03*" },	    { "virtio", "virtio:d00000002v*" },
	{ "virtio", "virtio:d00000008v*" }, { "usb", "usb:*ic08isc*" },
	{ "scsi", "scsi:t-0x00*" },	    { "mmc", "mmc:block" },
};

struct look {
	const char *bus;
	unsigned found;
};

static bool is_of_kind(const char *bus, const char *alias)
{
	for (unsigned i = 0; i < KB_ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].bus, bus) == 0 && alias_table_fits(kinds[i].alias, alias))
			return true;
	}
	return false;
}

/* The value of a key of a uevent file, cut off at its line; NULL: it has none. */
static char *line_of(char *text, const char *key)
{
	char *at = strstr(text, key);

	if (at == NULL || (at != text && at[-1] != '\n'))
		return NULL;
	at += strlen(key);
	at[strcspn(at, "\n")] = '\0';
	return at;
}

static enum kb_err look_at_device(void *ctx, const char *name)
{
	static char text[UEVENT_MAX];
	struct look *look = ctx;
	char path[160], device[64], alias[128];
	char *modalias;

	snprintf(path, sizeof(path), "/sys/bus/%s/devices/%.80s/uevent", look->bus, name);
	if (os_read_file(path, text, sizeof(text), NULL) != KB_OK ||
	    line_of(text, "DRIVER=") != NULL)
		return KB_OK;
	modalias = line_of(text, "MODALIAS=");
	if (modalias == NULL || !is_of_kind(look->bus, modalias) || look->found == DEVICES_MAX)
		return KB_OK;
	look->found++;
	util_print_safe(device, sizeof(device), name);
	util_print_safe(alias, sizeof(alias), modalias);
	log_err("devices: %s has no driver: none that is packed fits %s, or it did not load",
		device, alias);
	return KB_OK;
}

void driverless_report(void)
{
	struct look look = { .found = 0 };

	for (unsigned i = 0; i < KB_ARRAY_LEN(kinds); i++) {
		char path[64];

		if (look.bus != NULL && strcmp(look.bus, kinds[i].bus) == 0)
			continue;
		look.bus = kinds[i].bus;
		snprintf(path, sizeof(path), "/sys/bus/%s/devices", look.bus);
		if (os_each(path, look_at_device, &look) != KB_OK)
			continue; /* there is no such bus */
	}
}
