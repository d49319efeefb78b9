/* SPDX-License-Identifier: Apache-2.0 */
/* EFI Boot Guard's half: are both environments sound, does each arm a watchdog, and can the loader
 * write them? What it starts is asked as of any loader. */
#include "cli/doctor/doctor_checks.h"

#include "selector/loader/loader_efibg.h"
#include "selector/pair.h"

#include <string.h>

static void check_sound(struct doctor *doc, const struct loader_efibg_is *is, int i)
{
	char letter = state_slot_letter(is->lies[i]);

	if (is->plan.is_dead[i])
		doctor_report(
			doc, DOCTOR_ERROR, "loader-environment",
			"check its file system (fsck.vfat), or make it anew as the factory did (docs/KERNEL.md)",
			"the config partition of slot %c cannot be read: no update can be installed, and nothing is there to start by if the other one fails",
			letter);
	else if (!is->plan.env[i].sound)
		doctor_report(
			doc, DOCTOR_WARNING, "loader-environment",
			"install a release, which makes it anew; or write it by bg_setenv (docs/KERNEL.md)",
			"the environment beside the kernel of slot %c is missing or damaged: nothing is there to start by if the other one is, too",
			letter);
	else if (is->plan.slot[i] == STATE_NONE)
		doctor_report(
			doc, DOCTOR_ERROR, "loader-environment",
			"name the slot's file by bg_setenv --kernel='C:LABEL:\\EFI\\Linux\\NAME.efi'; LABEL is what EFILABEL has (docs/KERNEL.md)",
			"the environment beside the kernel of slot %c starts \"%.120s\", which is no slot's kernel",
			letter, is->plan.env[i].file);
}

/* It ends what hangs before init, and what the loader could not load. */
static void check_watchdog(struct doctor *doc, const struct loader_efibg_is *is, int i)
{
	if (is->plan.env[i].sound && is->plan.env[i].watchdog == 0)
		doctor_report(
			doc, DOCTOR_ERROR, "loader-watchdog",
			"set it by bg_setenv --preserve --watchdog=120, if EFI Boot Guard has a driver for the hardware's watchdog",
			"the environment beside the kernel of slot %c has no watchdog timeout: a kernel that hangs, or cannot be loaded, waits for somebody to pull the plug",
			state_slot_letter(is->lies[i]));
}

/* The loader notes a trial before it starts it. */
static void check_saved(struct doctor *doc, const struct loader_efibg_is *is)
{
	int pair = doc->d->pair;

	if (is->pending >= 0 && pair != STATE_NONE && is->plan.slot[is->pending] == pair)
		doctor_report(
			doc, DOCTOR_ERROR, "loader-unsaved",
			"leave exactly two partitions with a file BGENV.DAT on the disk that EFI Boot Guard starts from, and none of them write-protected",
			"EFI Boot Guard did not note that it starts a trial: it would start it again and again, and never fall back");
}

void doctor_efibg(struct doctor *doc)
{
	const char *where = strchr(doc->d->loader, ' ');
	struct loader l = { .kind = CONF_LOADER_EFIBG, .root = "" };
	struct loader_efibg_is is;

	l.where = where != NULL ? where + 1 : "";
	if (loader_efibg_look(&l, &is) != KB_OK)
		return;
	doc->facts.watchdog = DOCTOR_YES;
	for (int i = 0; i < LOADER_BGPLAN_COPIES; i++) {
		if (is.plan.env[i].sound && is.plan.env[i].watchdog == 0)
			doc->facts.watchdog = DOCTOR_NO;
		check_sound(doc, &is, i);
		check_watchdog(doc, &is, i);
	}
	check_saved(doc, &is);
}
