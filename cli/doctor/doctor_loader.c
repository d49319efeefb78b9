/* SPDX-License-Identifier: Apache-2.0 */
/* The boot loader's half: does it start the pair that it should, and fall back? */
#include "cli/device/device_loader.h"
#include "cli/doctor/doctor_checks.h"
#include "cli/doctor/doctor_config.h"
#include "cli/state/boot_json.h"

#include "lib/util.h"
#include "selector/measured.h"
#include "selector/pair.h"

#include <stdlib.h>
#include <string.h>

/* By itself, without panic=. Only of the one that runs is it known. */
static bool is_built_to_restart(const struct doctor *doc)
{
	const char *config = doctor_config_text(doc);
	const char *value = config != NULL ? doctor_config_value(config, "PANIC_TIMEOUT") : NULL;

	return value != NULL && strtol(value, NULL, 10) != 0;
}

/* A kernel that panics before init has nobody else to restart it. */
static void check_panic_line(struct doctor *doc)
{
	if (doc->cmd.has_panic ? doc->cmd.panic == 0 : !is_built_to_restart(doc))
		doctor_report(
			doc, DOCTOR_ERROR, "loader-panic",
			"add panic=10 to the command line of each pair, where the boot loader, or the unified kernel image, has it",
			"a kernel that panics before init hangs: the boot loader never falls back");
}

static void check_count(struct doctor *doc)
{
	if (doc->d->conf.loader == CONF_LOADER_UEFI || doc->d->conf.loader == CONF_LOADER_TRYBOOT)
		doctor_report(
			doc, DOCTOR_WARNING, "loader-uncounted",
			"start the kernels by GRUB or U-Boot, with the script in kernel-cmdline/loaders, if that must not happen",
			"the firmware counts no starts: a kernel that was marked good and stops starting is started again and again");
	else if (doc->d->conf.loader == CONF_LOADER_EFIBG)
		doctor_report(
			doc, DOCTOR_WARNING, "loader-uncounted",
			"start the kernels by GRUB or U-Boot, with the script in kernel-cmdline/loaders, if that must not happen",
			"EFI Boot Guard counts no starts but those of a trial: a kernel that was marked good and stops starting is started again and again");
	else if (doc->d->conf.loader == CONF_LOADER_BAREBOX)
		return; /* its attempts: check_preset() */
	else if (doc->cmd.start == CMDLINE_START_UNSAVED)
		doctor_report(
			doc, DOCTOR_ERROR, "loader-unsaved",
			"see what the boot loader prints at its start: is its medium write-protected, or its file missing?",
			"the boot loader cannot write its store: a trial of a kernel is never started");
	else if (device_loader_has_other_store(doc->d))
		doctor_report(
			doc, DOCTOR_ERROR, "loader-store",
			"name the store that the boot loader has, in fw_env.config or [loader] environment=, in the initramfs too; after a kexec, restart",
			"the boot loader counted its start of this kernel, and %s knows of none: it has another store, and starts no trial of a kernel",
			doc->d->loader);
	else if (doc->cmd.start == CMDLINE_START_PLAIN)
		doctor_report(
			doc, DOCTOR_WARNING, "loader-uncounted",
			"once both slots have a kernel of this release, take the script from its kernel-cmdline/loaders, and leave keelboot_limit=111 in it",
			"the boot loader counts no starts: a kernel that was marked good and stops starting is started again and again");
}

static void check_preset(struct doctor *doc)
{
	/* of the others, all is in the path of their store */
	enum conf_loader kind = doc->d->conf.loader;
	const char *root =
		kind == CONF_LOADER_TRYBOOT || kind == CONF_LOADER_UBOOT ? doc->sys_root : "";
	struct device_loader_is is;

	if (device_loader_read(doc->d, root, &is) != KB_OK) {
		doctor_report(
			doc, DOCTOR_ERROR, "loader-store",
			"mend it as docs/KERNEL.md sets it up; until then, nothing is installed",
			"the boot loader's store: %.180s", is.why);
		return;
	}
	if (is.starts > 0)
		doctor_report(
			doc, DOCTOR_ERROR, "loader-starts",
			"keelboot status says why the initramfs could not answer it; keelboot mark good answers for this start",
			"the boot loader counts starts, and this one was not answered: after some, it starts another kernel");
	doctor_once(doc, is.once);
	/* What it starts by default stands elsewhere: check_count(). */
	if (device_loader_has_other_store(doc->d))
		return;
	if (is.preset == STATE_NONE)
		doctor_report(doc, DOCTOR_ERROR, "loader-preset", "run keelboot mark good",
			      "the boot loader has no pair to fall back to");
	else if (doc->st.have_state && is.preset != doc->d->state.last &&
		 is.preset != doc->d->state.pref)
		doctor_report(
			doc, DOCTOR_WARNING, "loader-preset",
			"run keelboot mark good once the slot that runs is healthy",
			"the boot loader falls back to the kernel of slot %c, which did not prove itself last",
			state_slot_letter(is.preset));
}

/* Why is in what the boot found, which is reported as well. */
static void check_kexec(struct doctor *doc)
{
	const struct device *d = doc->d;

	if (device_loader_is_unnamed(d))
		doctor_report(
			doc, DOCTOR_ERROR, "loader-kexec",
			"restart by a reset, and not by kexec: the boot loader starts the first kernel then",
			"slot %c runs with a kernel that kexec started, and nobody says whose it is",
			state_slot_letter(d->booted));
	if (device_loader_is_first(d))
		doctor_report(
			doc, DOCTOR_ERROR, "loader-kexec",
			"the first kernel needs CONFIG_KEXEC_FILE=y, no kernel.kexec_load_disabled=1, keelboot-helper in its initramfs, and, if it is locked down, a slot's kernel that is signed by a key that it trusts; keelboot history says why (docs/KERNEL.md)",
			"slot %c runs with the first kernel: its own was not started",
			state_slot_letter(d->booted));
}

static void report_unchecked(struct doctor *doc, unsigned slot)
{
	bool runs = doc->d->pair == (int)slot;

	doctor_report(
		doc, runs ? DOCTOR_WARNING : DOCTOR_ERROR, "loader-unchecked",
		"put the kernel into the root, and remove boot=, here and in the first kernel's initramfs",
		"verify-slot=always with [loader] kind=kexec: nothing checks the kernel in the partition of slot %c, %s",
		state_slot_letter((int)slot),
		runs ? "and yet it runs: the first kernel has another system.conf"
		     : "so it is never started");
}

/* Init starts none of these, where its own system.conf says so, too. */
static void check_checked(struct doctor *doc)
{
	const struct conf *c = &doc->d->conf;

	for (unsigned i = 0; i < c->nslots && c->verify_slot == CONF_VERIFY_ALWAYS; i++)
		if (measured_kernel_unchecked(c, i))
			report_unchecked(doc, i);
}

static void check_foreign(struct doctor *doc)
{
	const struct device *d = doc->d;

	if (d->pair != STATE_NONE && d->pair != d->booted)
		doctor_report(
			doc, DOCTOR_ERROR, "loader-foreign",
			"keelboot history says why; restart, or keelboot switch to the slot whose kernel runs, and install a release from there",
			"slot %c runs with the kernel of slot %c", state_slot_letter(d->booted),
			state_slot_letter(d->pair));
}

/* A file system that is mounted has a cache, which Keelboot writes past, and may write it back. */
static void check_unmounted(struct doctor *doc)
{
	static char text[65536];
	enum conf_loader kind = doc->d->conf.loader;
	const char *where = strchr(doc->d->loader, ' ');
	char line[160];
	const char *at;

	if ((kind != CONF_LOADER_GRUB && kind != CONF_LOADER_TRYBOOT) || where == NULL ||
	    !doctor_read(doc, "/proc/mounts", text, sizeof(text)))
		return;
	snprintf(line, sizeof(line), "\n%.*s ", (int)strcspn(where + 1, ","), where + 1);
	at = strncmp(text, line + 1, strlen(line + 1)) == 0 ? text : strstr(text, line);
	if (at != NULL)
		doctor_report(
			doc, DOCTOR_ERROR, "loader-mounted",
			"unmount it, and remove it from /etc/fstab",
			"the partition with the boot loader's store is mounted (%.*s): what Keelboot writes there may be lost",
			(int)strcspn(where + 1, ","), where + 1);
}

/* ---------------------------------------------------------------- what is said either way */

static const char *const names[CONF_LOADERS] = {
	[CONF_LOADER_NONE] = "one kernel for all slots, whoever starts it",
	[CONF_LOADER_GRUB] = "GRUB",
	[CONF_LOADER_UEFI] = "the firmware (UEFI)",
	[CONF_LOADER_UBOOT] = "U-Boot",
	[CONF_LOADER_KEXEC] = "init, by kexec",
	[CONF_LOADER_SYSTEMD] = "systemd-boot",
	[CONF_LOADER_EFIBG] = "EFI Boot Guard",
	[CONF_LOADER_TRYBOOT] = "the firmware (tryboot)",
	[CONF_LOADER_BAREBOX] = "barebox",
};

static const char *what_it_counts(const struct doctor *doc)
{
	switch (doc->d->conf.loader) {
	case CONF_LOADER_KEXEC:
		return "each start of a slot";
	case CONF_LOADER_EFIBG:
		return "the start of a trial";
	case CONF_LOADER_BAREBOX:
		return "each start of a slot's kernel";
	case CONF_LOADER_GRUB:
	case CONF_LOADER_UBOOT:
		/* A kernel that was asked for once is not counted, nor one that stands in. */
		return doc->cmd.start == CMDLINE_START_PLAIN ||
				       doc->cmd.start == CMDLINE_START_UNSAVED
			       ? NULL
			       : "starts of its preset";
	case CONF_LOADER_NONE:
	case CONF_LOADER_UEFI:
	case CONF_LOADER_SYSTEMD:
	case CONF_LOADER_TRYBOOT:
	case CONF_LOADERS:
		break;
	}
	return NULL;
}

static bool has_finding(const struct doctor *doc, const char *id, enum doctor_severity severity)
{
	for (unsigned i = 0; i < doc->n; i++)
		if (doc->finding[i].severity == severity &&
		    strncmp(doc->finding[i].id, id, strlen(id)) == 0)
			return true;
	return false;
}

static bool is_said(const struct doctor *doc)
{
	static const char *const of_others[] = { "loader-unsaved", "loader-unused", "loader-kexec",
						 "loader-unchecked" };
	bool said = has_finding(doc, "loader-store", DOCTOR_ERROR);

	/* These say nothing of a store that the initramfs cannot reach. */
	for (size_t i = 0; i < KB_ARRAY_LEN(of_others); i++)
		said = said || (strcmp(doc->d->pair_word, PAIR_UNHEARD) != 0 &&
				has_finding(doc, of_others[i], DOCTOR_ERROR));
	return said;
}

/* What keeps the command from an install is an error here, whatever else was looked at. */
static void check_tried(struct doctor *doc)
{
	const char *why = doc->d->run_found ? device_loader_why_untried(doc->d) : NULL;

	if (why == NULL || is_said(doc))
		return;
	if (device_loader_is_kexec(doc->d))
		doctor_report(
			doc, DOCTOR_ERROR, "loader-kexec",
			"see what the boot warned of, and system.conf in the first kernel's initramfs (docs/KERNEL.md)",
			"%s: no release is tried", why);
	else
		doctor_report(
			doc, DOCTOR_ERROR, "loader-store",
			"dmesg | grep keelboot says why; see that the initramfs has this system.conf and fw_env.config, finds the store by that name, and can write it; then restart",
			"%s: no release is tried or installed", why);
}

/* Some of it lasts, some has passed: only the text says which. */
static bool has_boot_warned(const struct doctor *doc)
{
	json_object *list = boot_json_warnings(doc->st.boot);
	size_t n = list != NULL ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++)
		if (strcmp(boot_json_text(json_object_array_get_idx(list, i), "id"), "loader") == 0)
			return true;
	return false;
}

static enum doctor_known falls_back(const struct doctor *doc)
{
	if (doc->d->conf.loader == CONF_LOADER_NONE || has_finding(doc, "loader-", DOCTOR_ERROR))
		return DOCTOR_NO;
	if (!doc->d->run_found || has_finding(doc, "loader-script-", DOCTOR_NOTE) ||
	    has_boot_warned(doc))
		return DOCTOR_UNKNOWN;
	return DOCTOR_YES;
}

static void say_facts(struct doctor *doc)
{
	struct doctor_facts *f = &doc->facts;
	const struct status_watchdog *w = &doc->st.watchdog;

	f->loader = names[doc->d->conf.loader];
	f->counts = what_it_counts(doc);
	f->falls_back = falls_back(doc);
	/* That of the first kernel's init runs on. */
	if (doc->d->conf.loader == CONF_LOADER_KEXEC && w->known)
		f->watchdog = w->device[0] != '\0' ? DOCTOR_YES : DOCTOR_NO;
}

/* ---------------------------------------------------------------- all of it */

static void look_at_its_own(struct doctor *doc)
{
	static const struct {
		void (*look)(struct doctor *);
		/* at what can be seen without its store, too */
		bool always;
	} own[CONF_LOADERS] = {
		[CONF_LOADER_GRUB] = { doctor_grub, true },
		[CONF_LOADER_UBOOT] = { doctor_uboot, true },
		[CONF_LOADER_SYSTEMD] = { doctor_systemd, false },
		[CONF_LOADER_EFIBG] = { doctor_efibg, false },
		[CONF_LOADER_TRYBOOT] = { doctor_tryboot, false },
		[CONF_LOADER_BAREBOX] = { doctor_barebox, false },
	};
	enum conf_loader kind = doc->d->conf.loader;

	if (own[kind].look != NULL && (own[kind].always || doc->d->loader[0] != '\0'))
		own[kind].look(doc);
	doctor_early(doc);
}

/* Keelboot asks no boot loader. Without pairs there is no kernel to fall back to. */
static void check_none(struct doctor *doc)
{
	if (device_loader_has_pairs(&doc->d->conf))
		doctor_report(
			doc, DOCTOR_ERROR, "loader-none",
			"name it in [loader] kind= of system.conf, here and in the initramfs",
			"slots have partitions for a kernel, but system.conf names no boot loader that Keelboot can ask: any kernel boots any slot");
	else
		doctor_report(
			doc, DOCTOR_NOTE, "loader-single",
			"leave it so where the kernel hardly ever changes; else give each slot a kernel of its own (docs/KERNEL.md has the layouts)",
			"one kernel starts all slots: no update brings a new one, and if it does not start, nothing falls back");
}

static void look_at_loader(struct doctor *doc)
{
	const struct device *d = doc->d;

	if (d->conf.loader == CONF_LOADER_NONE)
		check_none(doc);
	doctor_counter(doc);
	if (device_loader_is_kexec(d)) {
		check_kexec(doc);
		check_checked(doc);
		check_foreign(doc);
		check_panic_line(doc);
		return;
	}
	if (d->conf.loader == CONF_LOADER_NONE || !d->run_found)
		return;
	look_at_its_own(doc);
	check_unmounted(doc);
	check_panic_line(doc);
	if (d->pair == STATE_NONE) {
		doctor_report(
			doc, DOCTOR_ERROR, "loader-unused",
			d->conf.loader == CONF_LOADER_SYSTEMD
				? "make the initramfs anew with this system.conf, and start the slot's file by systemd-boot (docs/KERNEL.md)"
			: d->conf.loader == CONF_LOADER_EFIBG
				? "make the unified kernel image anew with this system.conf, by mkinitramfs --uki, and start it by EFI Boot Guard (docs/KERNEL.md)"
			: d->conf.loader == CONF_LOADER_TRYBOOT
				? "make the initramfs anew with this system.conf; see that /proc/device-tree/chosen/bootloader/partition is that of a slot's kernel (docs/KERNEL.md)"
			: d->conf.loader == CONF_LOADER_BAREBOX
				? "make the initramfs anew with this system.conf; have barebox boot bootchooser, whose targets are those of [loader] layout= (docs/KERNEL.md)"
				: "make the initramfs anew with this system.conf; the boot loader passes keelboot.pair= (docs/KERNEL.md)",
			"system.conf names a boot loader, but this boot did not know whose kernel runs");
		return;
	}
	check_foreign(doc);
	if (d->conf.loader == CONF_LOADER_SYSTEMD)
		return;
	check_count(doc);
	check_preset(doc);
}

void doctor_loader(struct doctor *doc)
{
	look_at_loader(doc);
	check_tried(doc);
	say_facts(doc);
}
