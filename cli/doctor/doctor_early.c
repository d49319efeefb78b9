/* SPDX-License-Identifier: Apache-2.0 */
/* From the boot loader to init: does somebody arm a watchdog before the kernel, and does the
 * firmware start anything without a person? */
#include "cli/doctor/doctor_checks.h"

#include "lib/bytes.h"
#include "selector/loader/loader_var.h"

#include <string.h>

#define FOREVER 0xffffu /* of the firmware's Timeout */

/* Who arms one, or how it is found out; by loader. EFI Boot Guard's is in its environments. */
static const struct early {
	/* what is known where nobody has found more */
	const char *says, *fix;
} of_loader[CONF_LOADERS] = {
	[CONF_LOADER_GRUB] = { "GRUB arms no watchdog, and whether the firmware does is not known here",
			       "see whether the firmware's setup has a watchdog for the start of the system; EFI Boot Guard arms one (docs/KERNEL.md)" },
	[CONF_LOADER_UEFI] = { "UEFI stops its own watchdog before the kernel, and whether the hardware's runs is not known here",
			       "see whether the firmware's setup has a watchdog for the start of the system; EFI Boot Guard arms one (docs/KERNEL.md)" },
	[CONF_LOADER_SYSTEMD] = { "systemd-boot arms no watchdog, and whether the firmware does is not known here",
				  "see whether the firmware's setup has a watchdog for the start of the system; EFI Boot Guard arms one (docs/KERNEL.md)" },
	[CONF_LOADER_UBOOT] = { "whether U-Boot arms a watchdog is not known here: no script that was found has wdt start",
				"build U-Boot with CONFIG_WATCHDOG_AUTOSTART=y; or with CONFIG_CMD_WDT=y, and add to boot.cmd: wdt dev NAME; wdt start 60000" },
	[CONF_LOADER_TRYBOOT] = { "whether the firmware arms a watchdog is not known: config.txt of a slot's kernel cannot be read, takes in other files, or has a filter for it",
				  "run keelboot doctor as root; the line for config.txt is kernel_watchdog_timeout=60" },
	[CONF_LOADER_BAREBOX] = { "whether barebox arms a watchdog is not known here",
				  "run nv boot.watchdog_timeout=60 in barebox, with a driver of the watchdog built in" },
};

/* The kernel itself feeds one that it finds running, until somebody opens it. */
static void check_fed_by_kernel(struct doctor *doc)
{
	char feeds[8], limit[16];

	if (doctor_read(doc, "/sys/module/watchdog/parameters/handle_boot_enabled", feeds,
			sizeof(feeds)) &&
	    feeds[0] == 'Y' &&
	    doctor_read(doc, "/sys/module/watchdog/parameters/open_timeout", limit,
			sizeof(limit)) &&
	    strcmp(limit, "0") == 0)
		doctor_report(
			doc, DOCTOR_NOTE, "watchdog-early",
			"add watchdog.open_timeout=120 to the command line of each pair",
			"a watchdog runs before the kernel, but a driver that is built into the kernel feeds it until init opens it: a hang in between may last forever");
}

static void check_armed(struct doctor *doc)
{
	const struct early *e = &of_loader[doc->d->conf.loader];

	if (doc->facts.watchdog == DOCTOR_YES)
		check_fed_by_kernel(doc);
	else if (doc->facts.watchdog == DOCTOR_NO && doc->d->conf.loader == CONF_LOADER_TRYBOOT)
		doctor_report(
			doc, DOCTOR_WARNING, "watchdog-early",
			"add kernel_watchdog_timeout=60 to config.txt of each slot's kernel, and to those in bundles",
			"config.txt of a slot's kernel arms no watchdog: a kernel that hangs before init waits for somebody to pull the plug");
	else if (doc->facts.watchdog == DOCTOR_UNKNOWN && e->says != NULL)
		doctor_report(
			doc, DOCTOR_NOTE, "watchdog-early", e->fix,
			"%s: without one, a kernel that hangs before init waits for somebody to pull the plug",
			e->says);
}

/* Where UEFI started this. */
static void check_firmware(struct doctor *doc)
{
	struct loader l = { .kind = doc->d->conf.loader, .root = doc->sys_root };
	static uint8_t value[LOADER_VAR_MAX];
	size_t len;

	if (!doctor_exists(doc, "/sys/firmware/efi") || loader_var_open(&l) != KB_OK ||
	    loader_var_read(&l, "Timeout", NULL, value, &len) != KB_OK || len != 2 ||
	    bytes_get16(value) != FOREVER)
		return;
	doctor_report(
		doc, DOCTOR_ERROR, "loader-menu", "run efibootmgr --timeout 2",
		"the firmware waits in its menu until a person chooses (its variable Timeout): after a reset, nothing starts");
}

void doctor_early(struct doctor *doc)
{
	check_armed(doc);
	check_firmware(doc);
}
