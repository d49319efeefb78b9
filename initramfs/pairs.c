/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/pairs.h"

#include "initramfs/boot_data.h"
#include "initramfs/hardware.h"
#include "initramfs/pairs_ask.h"
#include "initramfs/pairs_finding.h"
#include "initramfs/pairs_kexec.h"
#include "initramfs/pairs_look.h"
#include "initramfs/pairs_lost.h"
#include "initramfs/pairs_once.h"
#include "initramfs/pairs_partition.h"
#include "initramfs/settings.h"
#include "lib/conf_place.h"
#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>
#include <string.h>

/* A pair of these is a file in a FAT; all others have partitions. */
static bool has_files(const struct boot *b)
{
	return b->conf.loader == CONF_LOADER_SYSTEMD || b->conf.loader == CONF_LOADER_EFIBG;
}

/* Whose kernel runs is no word of its command line: the firmware says it, or the loader. */
static bool is_said_elsewhere(const struct boot *b)
{
	return has_files(b) || b->conf.loader == CONF_LOADER_UEFI ||
	       b->conf.loader == CONF_LOADER_TRYBOOT || b->conf.loader == CONF_LOADER_BAREBOX;
}

/* The file, with the colon before it; "": the slot has none. */
static const char *file_of(const struct boot *b, unsigned slot)
{
	const char *place = conf_slot_part(&b->conf, slot, PAIR_CLASS);

	return place != NULL ? conf_place_tail(place) : "";
}

static choose_mask slots_with_pair(const struct boot *b)
{
	choose_mask mask = 0;

	for (unsigned i = 0; i < b->conf.nslots; i++)
		if (conf_slot_part(&b->conf, i, PAIR_CLASS) != NULL &&
		    (file_of(b, i)[0] != '\0') == has_files(b))
			mask |= (choose_mask)(1u << i);
	return mask;
}

/* The partition, and the entry or file behind it; either may be "". */
static void add_where(struct pairs *p, unsigned slot, const char *part, const char *entry)
{
	size_t len = strlen(p->where);

	snprintf(p->where + len, sizeof(p->where) - len, "%s%c=%s%s%s", len > 0 ? "," : "",
		 state_slot_letter((int)slot), part, part[0] != '\0' && entry[0] != '\0' ? ":" : "",
		 entry);
}

/* UEFI: the partition of each pair; systemd-boot: that and its entry, which has its name
 * also where the partition is missing. EFI Boot Guard: that and its file. tryboot: that of each
 * pair, behind the environment's. barebox: the partition of its state, and what lies where in it.
 * Others: the partition of the environment, or the file that names it. */
static void set_where(struct boot *b)
{
	struct pairs *p = &b->pairs;

	p->where[0] = '\0';
	if (conf_loader_has_partition(&b->conf))
		snprintf(p->where, sizeof(p->where), "%s", b->dev.loader);
	if (b->conf.loader == CONF_LOADER_BAREBOX && b->dev.loader[0] != '\0')
		snprintf(p->where, sizeof(p->where), "%s:%s", b->dev.loader, b->conf.loader_layout);
	if (b->conf.loader == CONF_LOADER_UBOOT)
		snprintf(p->where, sizeof(p->where), "%s", conf_loader_environment(&b->conf));
	for (unsigned i = 0; i < b->conf.nslots; i++) {
		const char *part = pairs_partition(b, i), *tail = file_of(b, i);
		const char *file = tail[0] != '\0' ? tail + 1 : "";
		char entry[CONF_PLACE_NAME + 1];

		if (b->conf.loader == CONF_LOADER_UEFI && part[0] != '\0')
			add_where(p, i, part, "");
		if (b->conf.loader == CONF_LOADER_TRYBOOT && part[0] != '\0' &&
		    b->dev.loader[0] != '\0')
			add_where(p, i, part, "");
		if (b->conf.loader == CONF_LOADER_SYSTEMD && file[0] != '\0') {
			conf_place_entry(file, entry);
			add_where(p, i, part, entry);
		}
		if (b->conf.loader == CONF_LOADER_EFIBG && part[0] != '\0')
			add_where(p, i, part, file);
	}
}

/* The command line of a unified kernel image is the same in each slot: there the firmware says it,
 * the loader, or the image's stub. EFI Boot Guard starts other kernels as well, with words of their
 * own. */
static int running_pair(struct boot *b)
{
	enum cmdline_start start = b->cmd.start;
	int slot = is_said_elsewhere(b) ? pairs_ask_booted(b, &start) : b->cmd.pair;

	if (slot == STATE_NONE && b->conf.loader == CONF_LOADER_EFIBG)
		slot = b->cmd.pair;
	/* Only what stood there before the first answer says it. */
	if (b->conf.loader == CONF_LOADER_BAREBOX && !b->pairs.answered)
		b->cmd.start = start;
	return slot >= 0 && slot < (int)b->conf.nslots ? slot : STATE_NONE;
}

/* One that cannot be read may still be written: what stands there is no pair's name. */
static bool set_preset(struct boot *b, int preset)
{
	log_notice("boot loader: starts the kernel of slot %c from now on",
		   state_slot_letter(preset));
	return pairs_ask_preset(b, preset) == KB_OK;
}

static void find_unsaved(struct boot *b)
{
	if (b->conf.loader == CONF_LOADER_BAREBOX)
		pairs_finding(
			&b->pairs,
			"barebox did not note that it started this kernel: one that does not come up is started again and again, so no other one is tried (can it write its state? is attempts_lock set?)");
	else
		pairs_finding(
			&b->pairs,
			"it cannot write its store, and would start no other kernel: no trial is booted, and nothing is installed (is its medium write-protected, or its file missing?)");
}

static void say_lost(struct pairs *p)
{
	if (p->settled != '\0')
		pairs_finding(
			p,
			"its store named no kernel that it starts by default: it was lost, or never written. From now on it starts that of slot %c",
			p->settled);
	else
		pairs_finding(
			p,
			"its store names no kernel that it starts by default: it was lost, or never written. This time it started that of slot %c; keelboot mark good sets the default",
			state_slot_letter(p->running));
}

static void say_settled(struct boot *b, int preset)
{
	b->pairs.settled = state_slot_letter(preset);
	say_lost(&b->pairs);
}

static void answer_count(struct boot *b)
{
	struct pairs *p = &b->pairs;
	struct pairs_answer is;
	bool counted;

	if (!p->answered && pairs_ask_came_up(b, &is, &counted) == KB_OK) {
		p->answered = true;
		p->other_store = !counted && !p->unheard;
		p->lost = is.preset == STATE_NONE;
	}
	p->unheard = !p->answered;
	if (p->other_store)
		pairs_finding(
			p,
			"it counted the start of this kernel, and the store that init has knows of none: it is another one, or kexec started this kernel. No trial is booted, and nothing is installed (%s)",
			p->where);
	else if (!p->answered)
		pairs_finding(
			p,
			"it counts the starts of this kernel, and does not hear that it came up: after some, it starts another one");
	else if (p->lost)
		say_lost(p);
}

/*
 * What the loader waits to hear, once in a boot. A preset that did not come up is one no more,
 * before anything is handed over to it: else each handover that fails would cost as many starts
 * again.
 */
static void answer_loader(struct boot *b)
{
	struct pairs *p = &b->pairs;

	if (b->cmd.start == CMDLINE_START_INSTEAD) {
		pairs_finding(
			p,
			"the kernel that it starts by default did not come up: it started that of slot %c instead",
			state_slot_letter(p->running));
		p->answered = p->answered || set_preset(b, p->running);
		if (!p->answered)
			log_warn("boot loader: it will try the other kernel again");
	} else if (b->cmd.start == CMDLINE_START_COUNTED) {
		answer_count(b);
	} else {
		p->answered = p->answered || b->conf.loader == CONF_LOADER_BAREBOX;
		if (pairs_look_why_deaf(b) != NULL)
			find_unsaved(b);
	}
}

void pairs_find(struct boot *b)
{
	struct pairs *p = &b->pairs;
	choose_mask paired = slots_with_pair(b);

	*p = (struct pairs){ .running = STATE_NONE,
			     .asked = b->conf.loader != CONF_LOADER_NONE,
			     .answered = p->answered,
			     .unheard = p->unheard,
			     .unread = p->unread,
			     .unwritten = p->unwritten,
			     .other_store = p->other_store,
			     .lost = p->lost,
			     .absent_s = p->absent_s,
			     .settled = p->settled,
			     .base_asked = p->base_asked,
			     .no_base = p->no_base };
	if (pairs_lost_loader(b))
		pairs_lost_find(b);
	if (b->conf.loader == CONF_LOADER_NONE)
		return;
	if (b->conf.loader == CONF_LOADER_KEXEC) {
		pairs_kexec_find(b);
		return;
	}
	set_where(b);
	if (paired == 0) {
		pairs_finding(p,
			      "system.conf names one, but no slot has %s for " PAIR_CLASS
			      "=: this kernel boots every slot",
			      has_files(b) ? "a file" : "a partition");
		return;
	}
	p->paired = paired;
	p->running = running_pair(b);
	if (p->running != STATE_NONE)
		answer_loader(b);
	else
		pairs_finding(
			p,
			"%s: slots that proved themselves go before others, and nothing is installed",
			b->conf.loader == CONF_LOADER_UEFI
				? "the firmware does not say whose kernel runs (the module efivarfs is packed?)"
			: b->conf.loader == CONF_LOADER_SYSTEMD
				? "systemd-boot does not say that it started a slot's kernel from this disk (is another medium in that has the same files? is the module efivarfs packed?)"
			: b->conf.loader == CONF_LOADER_EFIBG
				? "neither the kernel image nor its words say which slot's file was started (a unified kernel image with the stub of systemd? the module efivarfs is packed?)"
			: b->conf.loader == CONF_LOADER_TRYBOOT
				? "the firmware does not say that it started a slot's kernel from this disk (/proc/device-tree/chosen/bootloader)"
			: b->conf.loader == CONF_LOADER_BAREBOX
				? "barebox does not say which slot's target it started (bootchooser.active= on the command line, and [loader] layout=)"
				: "it does not say whose kernel runs (keelboot.pair= on the command line)");
}

bool pairs_is_elsewhere(const struct boot *b, int slot)
{
	bool last = b->rec.s.oneshot != slot && choose_is_last_resort(&b->rec.s, slot);
	const struct choose_candidate c = {
		.slot = (int8_t)slot,
		.tier = last ? CHOOSE_LAST_RESORT : CHOOSE_NORMAL,
	};

	return b->cmd.slot != slot && pair_is_elsewhere(b->pairs.paired, b->pairs.running, &c);
}

bool pairs_mounts(const struct boot *b)
{
	return b->pairs.role == ATTEMPT_BASE;
}

bool pairs_goes_on(const struct boot *b)
{
	return b->attempt.arrived || b->pairs.role == ATTEMPT_BY_BASE;
}

/* What the base started has failed, and that is written: another slot is had by a restart. */
static enum kb_err return_to_base(struct boot *b)
{
	log_notice("restarting: only the first kernel starts that of another slot");
	evidence_forget(&b->evidence);
	os_reboot();
	log_err("the kernel refuses to restart");
	return KB_EIO;
}

enum kb_err pairs_hand_over(struct boot *b, int slot, char *reason)
{
	switch (b->pairs.role) {
	case ATTEMPT_BASE:
		return pairs_kexec(b, slot, reason);
	case ATTEMPT_BY_BASE:
		return return_to_base(b);
	case ATTEMPT_LOADER:
		break;
	}
	return pairs_once(b, slot, reason);
}

bool pairs_secure(struct boot *b, enum plan_mode mode)
{
	struct pairs *p = &b->pairs;
	unsigned mountable = devices_mountable(&b->dev, &b->conf);
	const char *why;
	struct pairs_answer is;
	bool is_read;
	int preset;

	if (!p->asked || p->paired == 0)
		return true;
	if (b->conf.loader == CONF_LOADER_KEXEC && p->where[0] != '\0') {
		why = pair_why_untried(p->where);
		log_err("update: skipped: %s",
			why != NULL
				? why
				: "nobody says whose kernel runs; a reset starts the first one");
		return false;
	}
	if (p->role != ATTEMPT_LOADER)
		return true;
	if (p->unasked || p->running == STATE_NONE) {
		log_err("update: skipped: %s%s",
			p->unasked ? pairs_lost_why(b) : "whose kernel runs is not known",
			p->unasked ? ": the boot loader cannot be asked"
				   : ", and it might be overwritten");
		return false;
	}
	/* In a rescue a root helps all the same: the kernel that runs boots it. */
	why = pairs_look_why_deaf(b);
	if (why != NULL && !plan_is_rescue(mode)) {
		log_err("update: skipped: %s, so it would start no other kernel", why);
		return false;
	}
	if (has_files(b))
		hardware_need_type(b, "vfat"); /* where its files are */
	is_read = pairs_ask(b, &is) == KB_OK;
	mountable &= ~(unsigned)b->attempt.no_fallback;
	preset = pair_safe_preset(&b->rec.s, (choose_mask)mountable, mode, is.preset, p->running);
	if (is_read && preset == is.preset && is.once == STATE_NONE &&
	    (plan_is_rescue(mode) || !pairs_look_is_unheard(b)))
		return true;
	if (set_preset(b, preset)) {
		if (p->lost)
			say_settled(b, preset);
		return true;
	}
	/* What it cannot forget before, it does not start once. */
	if (is_read && preset == is.preset && why != NULL)
		return true;
	pairs_finding(
		p, "no update is installed: it may start what is overwritten; see keelboot doctor");
	return false;
}

/* The boot that asked for this one may have found no preset, and that is in no record. */
static void settle_handed(struct boot *b, int slot)
{
	struct pairs_answer was;
	bool lost = pairs_ask(b, &was) == KB_OK && was.preset == STATE_NONE;

	if (!set_preset(b, slot))
		log_warn("boot loader: each start takes a restart more, until keelboot mark good");
	else if (lost)
		say_settled(b, slot);
}

void pairs_settle_preset(struct boot *b)
{
	int slot = b->attempt.chosen.slot;

	if (b->pairs.role == ATTEMPT_LOADER && !b->pairs.unasked && b->rec.arrived &&
	    slot == b->pairs.running && b->rec.s.slot[slot].st == STATE_GOOD &&
	    !settings_is_forced(b))
		settle_handed(b, slot);
}
