/* SPDX-License-Identifier: Apache-2.0 */
/* eMMC: what starts the device, its reset line, and the two copies of the boot loader. */
#include "cli/doctor/doctor_checks.h"
#include "cli/loader/copies.h"

#include "lib/os.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define AREAS_MAX 8u
#define SUFFIX	  "boot1" /* of the name of the second area */

struct areas {
	unsigned n;
	/* "/dev/mmcblk0" */
	char disk[AREAS_MAX][32];
};

static enum kb_err take_if_area(void *ctx, const char *name)
{
	struct areas *found = ctx;
	size_t len = strlen(name), end = strlen(SUFFIX);

	if (strncmp(name, "mmcblk", 6) == 0 && len > end && len < 24 &&
	    strcmp(name + len - end, SUFFIX) == 0 && found->n < AREAS_MAX)
		snprintf(found->disk[found->n++], sizeof(found->disk[0]), "/dev/%.*s",
			 (int)(len - end), name);
	return KB_OK;
}

static void check_protected(struct doctor *doc, const struct copies *c)
{
	char text[8];

	for (unsigned i = 0; i < 2; i++) {
		char path[COPIES_PATH];
		const struct copies below = { .disk = c->disk, .sys_root = "" };

		copies_force_ro(&below, i, path);
		if (!doctor_read(doc, path, text, sizeof(text)) || strcmp(text, "0") != 0)
			continue;
		doctor_report(
			doc, DOCTOR_WARNING, "emmc-writable",
			"write 1 to its force_ro in /sys/block, and find who writes 0; a restart does it, too",
			"any program may write to boot area %u of %s, which may hold the boot loader",
			i, c->disk);
	}
}

static void check_reset(struct doctor *doc, const struct copies *c)
{
	if (c->emmc.reset == EMMC_RESET_HEEDED)
		return;
	doctor_report(
		doc, DOCTOR_NOTE, "emmc-reset",
		c->emmc.reset == EMMC_RESET_NEVER
			? "nothing can be done on this eMMC: it was set so for good"
			: "if the board has that line: mmc hwreset enable, once and for good, in the factory",
		"%s ignores its hardware reset line: where a reset does not switch its power off, one that hangs stays so",
		c->disk);
}

static void check_start(struct doctor *doc, const struct copies *c)
{
	if (c->emmc.start == EMMC_START_BOOT0 || c->emmc.start == EMMC_START_BOOT1)
		doctor_report(
			doc, DOCTOR_NOTE, "emmc-boot-area",
			"nothing to do; with [loader] copies=, keelboot loader updates the other area (docs/KERNEL.md)",
			"%s is set to start from boot area %u, bus conditions 0x%02x; Keelboot uses no RPMB, and writes neither area by itself",
			c->disk, c->emmc.start == EMMC_START_BOOT1, c->emmc.bus);
}

static void check_runs(struct doctor *doc, const struct copies *c)
{
	if (c->runs == COPIES_RUNS_OTHER)
		doctor_report(
			doc, DOCTOR_ERROR, "loader-fell-back",
			"if the machine was restarted since the install: run keelboot loader keep; else restart it to try the new one",
			"%s is set to the boot loader in area %u, and the one in area %u runs",
			c->disk, c->set, c->other);
	else if (c->runs == COPIES_RUNS_UNKNOWN)
		doctor_report(
			doc, DOCTOR_WARNING, "loader-version",
			"have U-Boot put its version into the device tree, or pass keelboot.loader= with a text that is in the loader's image",
			"nobody knows which copy of the boot loader runs, so keelboot loader installs none");
}

/* The register of which this eMMC says that nobody may set it. */
static void check_register(struct doctor *doc, const struct copies *c)
{
	if (c->emmc.start_locked)
		doctor_report(
			doc, DOCTOR_WARNING, "loader-locked",
			"have the boot loader leave BOOT_CONFIG_PROT alone; if it was set for good, remove [loader] copies=",
			"%s does not let itself be set to another boot area (BOOT_CONFIG_PROT), so keelboot loader installs none",
			c->disk);
}

static void check_environment(struct doctor *doc, const struct copies *c)
{
	if (!c->knows_environment)
		doctor_report(
			doc, DOCTOR_WARNING, "loader-environment",
			"correct it: fw_env.config(5); or name another file by [loader] environment=",
			"%.100s is missing or not understood, so keelboot loader installs none: it may overwrite U-Boot's environment",
			c->environment);
	for (unsigned i = 0; i < c->nkept; i++)
		doctor_report(doc, DOCTOR_NOTE, "loader-environment",
			      "nothing to do; keep each image of the boot loader below that place",
			      "U-Boot's environment lies in boot area %u of %s, from byte %" PRIu64
			      " on: keelboot loader leaves it as it is",
			      c->kept[i].area, c->disk, c->kept[i].from);
}

static bool is_named(const struct doctor *doc, const char *disk)
{
	return strcmp(doc->d->conf.loader_copies, disk) == 0;
}

static void look_at_emmc(struct doctor *doc, const char *disk)
{
	char environment[DEVICE_PATH_MAX];
	struct copies c = { .disk = disk,
			    .sys_root = doc->sys_root,
			    .environment = environment,
			    .environment_named = conf_loader_has_counter(&doc->d->conf) };
	enum kb_err err;

	snprintf(environment, sizeof(environment), "%s%s", doc->sys_root,
		 conf_loader_counter(&doc->d->conf));
	/* Megabytes are read only of copies that somebody means to update. */
	err = is_named(doc, disk) ? copies_look(&c) : copies_look_at_registers(&c);
	check_protected(doc, &c);
	if (err == KB_OK || err == KB_ECOMPAT) {
		check_start(doc, &c);
		check_reset(doc, &c);
	}
	if (err == KB_OK && is_named(doc, disk)) {
		check_runs(doc, &c);
		check_register(doc, &c);
		check_environment(doc, &c);
	} else if (err != KB_OK && is_named(doc, disk)) {
		doctor_report(
			doc, DOCTOR_ERROR, "loader-copies",
			"correct or remove [loader] copies=; docs/KERNEL.md says what it needs",
			"the two copies of the boot loader: %.200s", c.why);
	}
}

void doctor_emmc(struct doctor *doc)
{
	struct areas found = { 0 };
	char path[DEVICE_PATH_MAX];
	bool named = doc->d->conf.loader_copies[0] == '\0';

	snprintf(path, sizeof(path), "%s/sys/block", doc->sys_root);
	(void)!os_each(path, take_if_area, &found);
	for (unsigned i = 0; i < found.n; i++) {
		named = named || is_named(doc, found.disk[i]);
		look_at_emmc(doc, found.disk[i]);
	}
	if (!named)
		look_at_emmc(doc, doc->d->conf.loader_copies);
}
