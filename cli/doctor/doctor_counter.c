/* SPDX-License-Identifier: Apache-2.0 */
/* A boot loader that counts its own starts: does anybody tell it that one was fine? */
#include "cli/doctor/doctor_checks.h"

#include "lib/util.h"
#include "selector/loader/loader_uboot.h"

#include <stdio.h>

#define EFIVARS		   "/sys/firmware/efi/efivars/"
#define COUNTED_BY_SYSTEMD EFIVARS "LoaderBootCountPath-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

static enum kb_err read_count(const struct doctor *doc, struct loader *l,
			      struct loader_uboot_count *count)
{
	static char where[DEVICE_PATH_MAX];

	snprintf(where, sizeof(where), "%s%s", doc->sys_root, conf_loader_counter(&doc->d->conf));
	*l = (struct loader){ .kind = CONF_LOADER_UBOOT, .where = where, .root = doc->sys_root };
	return loader_uboot_count(l, count);
}

static void check_named_counter(struct doctor *doc)
{
	struct loader_uboot_count count;
	struct loader l;

	if (read_count(doc, &l, &count) != KB_OK)
		doctor_report(
			doc, DOCTOR_ERROR, "loader-counter",
			"mend it as docs/KERNEL.md sets it up, or leave counter= out of system.conf if U-Boot counts nothing",
			"U-Boot's count of starts cannot be reset: %.180s", l.why);
	else if (!count.is_on)
		doctor_report(
			doc, DOCTOR_WARNING, "loader-counter",
			"run fw_setenv upgrade_available 1 if it has CONFIG_BOOTCOUNT_ENV; else leave counter= out of system.conf, and reset its counter by a unit (docs/KERNEL.md)",
			"system.conf has counter=u-boot, but U-Boot counts nothing in its environment");
}

/* One is this start, which may not have been marked good yet. */
static void check_forgotten_counter(struct doctor *doc)
{
	struct loader_uboot_count count;
	struct loader l;

	if (read_count(doc, &l, &count) == KB_OK && count.is_on && count.starts > 1)
		doctor_report(
			doc, DOCTOR_ERROR, "loader-counted",
			"write counter=u-boot below [loader] in system.conf: keelboot mark good resets it then",
			"U-Boot has counted %u starts (bootcount), and nobody resets that: above bootlimit, it runs altbootcmd",
			count.starts);
}

/* Of kind=systemd-boot no file has a counter in its name. */
static void check_counted_entry(struct doctor *doc)
{
	static const char *const programs[] = { "/usr/lib/systemd/systemd-bless-boot",
						"/lib/systemd/systemd-bless-boot" };

	if (doc->d->conf.loader == CONF_LOADER_SYSTEMD || !doctor_exists(doc, COUNTED_BY_SYSTEMD))
		return;
	for (unsigned i = 0; i < KB_ARRAY_LEN(programs); i++)
		if (doctor_exists(doc, programs[i]))
			return;
	doctor_report(
		doc, DOCTOR_ERROR, "loader-counted",
		"install systemd-bless-boot, or take the +N out of the name of the entry's file",
		"systemd-boot counts the starts of its entry, and systemd-bless-boot, which says that one was fine, is missing: after some, another entry starts");
}

void doctor_counter(struct doctor *doc)
{
	if (doc->d->conf.loader_counter == CONF_COUNTER_UBOOT)
		check_named_counter(doc);
	else
		check_forgotten_counter(doc);
	check_counted_entry(doc);
}
