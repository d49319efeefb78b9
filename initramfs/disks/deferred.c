/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disks/deferred.h"

#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define DEBUGFS	  "/sys/kernel/debug"
#define LINES_MAX 8 /* one missing clock can hold up a hundred devices */

static char list[8192];

/* "fe2c0000.mmc\tplatform: supplier …": since Linux 4.19, the reason since 5.9. */
static void report_line(char *line)
{
	char *why = strchr(line, '\t');
	char device[64], reason[160];

	if (why != NULL)
		*why++ = '\0';
	util_print_safe(device, sizeof(device), line);
	util_print_safe(reason, sizeof(reason), why != NULL ? why : "");
	log_err("devices: the driver of %s waits for another device%s%s", device,
		reason[0] != '\0' ? ": " : "", reason);
}

static bool is_one_of(const char *device, const char *const *kinds)
{
	for (; *kinds != NULL; kinds++)
		if (strstr(device, *kinds) != NULL)
			return true;
	return false;
}

/* By the name of the device, which a board's maker chose after its kind. */
static bool is_storage(const char *line)
{
	static const char *const kinds[] = { "mmc", "sdhci", "ufs", "pci", "sata", "ahci", NULL };
	char device[64];

	snprintf(device, sizeof(device), "%.*s", (int)strcspn(line, "\t"), line);
	return is_one_of(device, kinds);
}

/* How many there were before these, and with them. */
static unsigned report_those(const char *text, bool storage, unsigned n)
{
	char line[256];

	for (const char *at = text; *at != '\0'; at += strspn(at, "\n")) {
		size_t len = strcspn(at, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)len, at);
		at += len;
		if (len > 0 && is_storage(line) == storage && n++ < LINES_MAX)
			report_line(line);
	}
	return n;
}

/* What disks hang on comes first: sound and displays wait, too. */
static void report_text(const char *text)
{
	unsigned n = report_those(text, false, report_those(text, true, 0));

	if (n > LINES_MAX)
		log_err("devices: and at least %u more", n - LINES_MAX);
	if (n > 0)
		log_err("devices: pack the drivers of what they wait for: keelboot image build --module-set soc, or --for-this-machine on the device");
}

/* False: it is not known. */
static bool read_list(char *text, size_t size)
{
	enum kb_err err = os_mount("debugfs", DEBUGFS, "debugfs",
				   MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL);
	bool known;

	if (err != KB_OK && err != KB_EBUSY)
		return false;
	known = os_read_file(DEBUGFS "/devices_deferred", text, size, NULL) == KB_OK;
	if (err == KB_OK && os_umount(DEBUGFS) != KB_OK)
		log_warn("devices: unable to unmount " DEBUGFS);
	return known;
}

void deferred_report(void)
{
	if (read_list(list, sizeof(list)))
		report_text(list);
	else
		list[0] = '\0';
}

bool deferred_has(const char *device)
{
	size_t len = strlen(device);

	for (const char *at = list; *at != '\0'; at += strspn(at, "\n")) {
		if (strncmp(at, device, len) == 0 && strchr("\t\n", at[len]) != NULL)
			return true;
		at += strcspn(at, "\n");
	}
	return false;
}

/* "fe800000.usb", "fd500000.pcie". */
bool deferred_has_usb(void)
{
	static const char *const kinds[] = { "usb", "hci", "dwc3", "dwc2", "otg", "pci", NULL };

	if (!os_exists("/sys/firmware/devicetree") || !read_list(list, sizeof(list)))
		return false;
	for (char *rest = list, *line; (line = strsep(&rest, "\n")) != NULL;) {
		line[strcspn(line, "\t")] = '\0';
		if (is_one_of(line, kinds))
			return true;
	}
	return false;
}
