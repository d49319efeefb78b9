/* SPDX-License-Identifier: Apache-2.0 */
/* The boot loader's half: does it start the pair that it should, and fall back? */
#include "cli/device/device_loader.h"
#include "cli/doctor/doctor_checks.h"

#include "selector/pair.h"

#include <string.h>

static bool has_pair(const struct conf *c)
{
	for (unsigned i = 0; i < c->nslots; i++)
		if (conf_slot_part(c, i, PAIR_CLASS) != NULL)
			return true;
	return false;
}

/* A kernel that panics before init has nobody else to restart it. */
static void check_panic_line(struct doctor *doc)
{
	if (!doc->cmd.has_panic || doc->cmd.panic == 0)
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
	else if (doc->cmd.start == CMDLINE_START_UNSAVED)
		doctor_report(
			doc, DOCTOR_ERROR, "loader-unsaved",
			"see what the boot loader prints at its start: is its medium write-protected, or its file missing?",
			"the boot loader cannot write its store: a trial of a kernel is never started");
	else if (doc->cmd.start == CMDLINE_START_PLAIN)
		doctor_report(
			doc, DOCTOR_WARNING, "loader-uncounted",
			"once both slots have a kernel of this release, take the script from its kernel-cmdline/loaders, and leave keelboot_limit=111 in it",
			"the boot loader counts no starts: a kernel that was marked good and stops starting is started again and again");
}

static void check_preset(struct doctor *doc)
{
	/* of the others, all is in the path of their store */
	const char *root = doc->d->conf.loader == CONF_LOADER_TRYBOOT ? doc->sys_root : "";
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

	if (d->pair == STATE_NONE)
		doctor_report(
			doc, DOCTOR_ERROR, "loader-kexec",
			"the first kernel needs CONFIG_KEXEC_FILE=y, no kernel.kexec_load_disabled=1, and, if it is locked down, a slot's kernel that is signed by a key that it trusts; keelboot history says why (docs/KERNEL.md)",
			"slot %c runs with the first kernel: its own was not started",
			state_slot_letter(d->booted));
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

void doctor_loader(struct doctor *doc)
{
	const struct device *d = doc->d;

	if (d->conf.loader == CONF_LOADER_NONE && has_pair(&d->conf))
		doctor_report(
			doc, DOCTOR_ERROR, "loader-none",
			"name it in [loader] kind= of system.conf, here and in the initramfs",
			"slots have partitions for a kernel, but system.conf names no boot loader that Keelboot can ask: any kernel boots any slot");
	if (device_loader_is_kexec(d)) {
		check_kexec(doc);
		check_foreign(doc);
		check_panic_line(doc);
		return;
	}
	if (d->conf.loader == CONF_LOADER_NONE || !d->run_found)
		return;
	if (d->conf.loader == CONF_LOADER_SYSTEMD && d->loader[0] != '\0')
		doctor_systemd(doc);
	if (d->conf.loader == CONF_LOADER_EFIBG && d->loader[0] != '\0')
		doctor_efibg(doc);
	if (d->conf.loader == CONF_LOADER_TRYBOOT && d->loader[0] != '\0')
		doctor_tryboot(doc);
	if (d->pair == STATE_NONE) {
		doctor_report(
			doc, DOCTOR_ERROR, "loader-unused",
			d->conf.loader == CONF_LOADER_SYSTEMD
				? "make the initramfs anew with this system.conf, and start the slot's file by systemd-boot (docs/KERNEL.md)"
			: d->conf.loader == CONF_LOADER_EFIBG
				? "make the unified kernel image anew with this system.conf, by mkinitramfs --uki, and start it by EFI Boot Guard (docs/KERNEL.md)"
			: d->conf.loader == CONF_LOADER_TRYBOOT
				? "make the initramfs anew with this system.conf; see that /proc/device-tree/chosen/bootloader/partition is that of a slot's kernel (docs/KERNEL.md)"
				: "make the initramfs anew with this system.conf; the boot loader passes keelboot.pair= (docs/KERNEL.md)",
			"system.conf names a boot loader, but this boot did not know whose kernel runs");
		return;
	}
	check_foreign(doc);
	check_panic_line(doc);
	if (d->conf.loader == CONF_LOADER_SYSTEMD)
		return;
	check_count(doc);
	check_preset(doc);
}
