/* SPDX-License-Identifier: Apache-2.0 */
/* Slots: is there one to fall back to, are their partitions there, does anybody mark them good. */
#include "cli/state/boot_json.h"
#include "cli/doctor/doctor_checks.h"
#include "cli/stage/incoming.h"

#include "lib/bdev.h"
#include "lib/bytes.h"
#include "lib/md_member.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FIX_MARK                                                     \
	"run `keelboot health` at each boot, once the system works " \
	"(the units that come with the command do it)"

static void check_booted(struct doctor *doc)
{
	const struct device *d = doc->d;
	json_object *value;

	if (!d->run_found && d->aside[0] != '\0')
		doctor_report(
			doc, DOCTOR_ERROR, "not-booted",
			"mend what it names; if that is a file of /etc/keelboot, make the initramfs anew",
			"the initramfs went on without Keelboot: %s", d->aside);
	else if (!d->run_found)
		doctor_report(
			doc, DOCTOR_ERROR, "not-booted",
			"boot with an initramfs that has Keelboot: keelboot image build makes one, or the package for the generator of your distribution",
			"Keelboot did not boot the running system (no %s/slot)", d->opts->run_dir);
	if (doc->st.boot == NULL)
		return;
	if (json_object_object_get_ex(doc->st.boot, "counted", &value) &&
	    !json_object_get_boolean(value) &&
	    strcmp(boot_json_text(doc->st.boot, "status"), "trial") == 0)
		doctor_report(doc, DOCTOR_ERROR, "boot-not-counted",
			      "make the state partition writable",
			      "this boot of a trial could not be counted: no guardian watches it");
	if (doc->st.debug_shell)
		doctor_report(
			doc, DOCTOR_WARNING, "debug-shell",
			"build it again without --debug-shell (keelboot image build) before you ship the device",
			"the initramfs has a debug shell: keelboot.shell=1 gives root to anybody at the console");
}

/* In sectors; 0: not known. */
static uint64_t partition_size(const struct doctor *doc, const char *path)
{
	const char *name = strrchr(path, '/');
	char file[128], text[32];
	uint64_t size;

	if (name == NULL)
		return 0;
	snprintf(file, sizeof(file), "/sys/class/block/%.64s/size", name + 1);
	if (!doctor_read(doc, file, text, sizeof(text)) ||
	    bytes_decimal(&size, text, UINT64_MAX) != KB_OK)
		return 0;
	return size;
}

/* *own: the partition itself, and not its disk, is one. */
static bool is_member(const char *path, bool *own)
{
	struct bdev_file file;
	bool member;

	if (bdev_file_open(&file, path, 0) != KB_OK)
		return false;
	*own = md_member_is(&file.bdev);
	member = *own || bdev_file_is_member(&file);
	bdev_file_close(&file);
	return member;
}

static void check_member(struct doctor *doc, int slot, const char *cls, const char *path)
{
	char fix[DOCTOR_TEXT_LEN];
	bool own;

	if (!is_member(path, &own))
		return;
	snprintf(
		fix, sizeof(fix),
		"give the slot a partition of its own; if no array uses this one any more: wipefs -a -t linux_raid_member %.100s",
		path);
	doctor_report(
		doc, DOCTOR_ERROR, "slot-container",
		own ? fix
		    : "give the slots a disk of their own; if no array uses this one any more: wipefs -a -f -t linux_raid_member DISK",
		"%s of slot %c %s a member of a RAID array (linux_raid_member): nothing is installed there",
		cls, state_slot_letter(slot), own ? "is" : "lies on");
}

/* A bundle that fits one slot has to fit the others. */
static void check_partition(struct doctor *doc, int slot, const char *cls)
{
	char path[DEVICE_PATH_MAX], first[DEVICE_PATH_MAX];
	enum kb_err err = device_slot_path(doc->d, slot, cls, path);
	uint64_t size, size_first;

	if (err != KB_OK) {
		doctor_report(doc, DOCTOR_ERROR, "slot-partition",
			      "correct [slot.X] of system.conf, or make the partition",
			      "slot %c has no partition for %s: %s", state_slot_letter(slot), cls,
			      err == KB_EAMBIGUOUS ? "two partitions have that name"
						   : "no partition has that name");
		return;
	}
	check_member(doc, slot, cls, path);
	if (slot == 0 || device_slot_path(doc->d, 0, cls, first) != KB_OK)
		return;
	size = partition_size(doc, path);
	size_first = partition_size(doc, first);
	if (size != 0 && size_first != 0 && size != size_first)
		doctor_report(doc, DOCTOR_WARNING, "slot-sizes",
			      "make the partitions of one class equally large",
			      "%s of slot %c has %" PRIu64 " sectors, that of slot a %" PRIu64, cls,
			      state_slot_letter(slot), size, size_first);
}

static void check_partitions(struct doctor *doc)
{
	const struct conf *c = &doc->d->conf;

	if (doc->d->state.nslots != c->nslots)
		doctor_report(doc, DOCTOR_WARNING, "slot-count",
			      "name all of them as [slot.X] in system.conf",
			      "system.conf has %u slots, the state %u", c->nslots,
			      doc->d->state.nslots);
	for (unsigned i = 0; i < c->nslots; i++)
		for (unsigned j = 0; j < c->slot[i].nclasses; j++)
			check_partition(doc, (int)i, c->slot[i].cls[j].name);
}

/* By what the names of system.conf lead to: of two spellings, its own check sees nothing. */
static void check_shared(struct doctor *doc)
{
	struct apply_slot slot[STATE_SLOTS_MAX] = { 0 };
	struct apply_others others;
	char why[MANIFEST_WHY];

	incoming_slots(doc->d, slot);
	incoming_others(doc->d, &others);
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		for (unsigned k = 0; k < slot[i].nparts; k++)
			if (apply_apart_look(slot, &others, i, k, why) != KB_OK)
				doctor_report(doc, DOCTOR_ERROR, "partition-shared",
					      "correct [slot.X] of system.conf",
					      "nothing is installed to slot %c: %s",
					      state_slot_letter(i), why);
}

/* The options are those of every slot, and an update replaces what it is written to as a whole. */
static void check_subvolume(struct doctor *doc)
{
	const char *by_command_line = doc->cmd.rootflags;
	bool flags = strstr(by_command_line, "subvol") != NULL;

	if (flags || strstr(doc->d->conf.mount_options, "subvol") != NULL)
		doctor_report(doc, DOCTOR_ERROR, "slot-subvolume",
			      "give each slot a partition of its own, and take the option away",
			      "%s=%.100s: a subvolume of Btrfs cannot be a slot",
			      flags ? "rootflags" : "mount-options",
			      flags ? by_command_line : doc->d->conf.mount_options);
}

static void check_streaks(struct doctor *doc)
{
	const struct state *s = &doc->d->state;

	for (int i = 0; i < s->nslots; i++) {
		if (s->slot[i].streak > 0)
			doctor_report(
				doc, DOCTOR_WARNING, "slot-crashes",
				"find the cause of the resets; a boot that proves itself clears the count (stable-after=)",
				"slot %c: %u crashes in a row; %d end its trust (two unexplained resets count as one crash)",
				state_slot_letter(i), s->slot[i].streak, STATE_STREAK_LIMIT);
	}
}

struct verdicts {
	/* ever */
	unsigned good;
	/* trials that ended without a word, since the last good one */
	unsigned silent;
};

static bool count_verdict(void *ctx, const struct history_event *e)
{
	struct verdicts *v = ctx;

	if (e->kind == HISTORY_GOOD)
		v->good++;
	else if (e->kind == HISTORY_BAD && v->good == 0 && strcmp(e->detail, "command") != 0)
		v->silent++;
	return true;
}

/* Seconds since the kernel started; 0: not known. */
static uint64_t uptime_s(const struct doctor *doc)
{
	char text[64];
	uint64_t s;

	if (!doctor_read(doc, "/proc/uptime", text, sizeof(text)))
		return 0;
	text[strcspn(text, ".")] = '\0';
	return bytes_decimal(&s, text, UINT64_MAX) == KB_OK ? s : 0;
}

/*
 * The guardian's clock counts: it begins when that starts, late where an install or a passphrase
 * took its time, and stands still while the machine sleeps. What became of a guardian that ended
 * is said elsewhere.
 */
static bool is_overdue(const struct doctor *doc)
{
	const struct status_guardian *g = &doc->st.guardian;

	return g->started ? g->waits && g->left_s == 0
			  : uptime_s(doc) > doc->d->conf.commit_deadline_s;
}

static void check_marking(struct doctor *doc)
{
	const struct device *d = doc->d;
	const struct status_guardian *g = &doc->st.guardian;
	struct verdicts v = { 0, 0 };
	bool trial = d->run_found && d->booted < d->state.nslots &&
		     d->state.slot[d->booted].st == STATE_TRIAL;

	if (store_history_read(&doc->d->store, 0, count_verdict, &v) != KB_OK)
		doctor_report(doc, DOCTOR_WARNING, "history-unreadable",
			      "back up the disk, and replace it", "the history cannot be read");
	if (trial && is_overdue(doc))
		doctor_report(doc, DOCTOR_ERROR, "nobody-marks-good", FIX_MARK,
			      "the running trial is past its commit deadline of %" PRIu64
			      " s without a verdict",
			      g->started ? g->deadline_s : d->conf.commit_deadline_s);
	else if (v.silent > 0 && v.good == 0)
		doctor_report(
			doc, DOCTOR_ERROR, "nobody-marks-good", FIX_MARK,
			"%u trial%s ended without a verdict, and no slot was ever marked good",
			v.silent, v.silent == 1 ? "" : "s");
	else if (v.silent > 1)
		doctor_report(doc, DOCTOR_WARNING, "trials-fail", "see `keelboot history`",
			      "%u trials ended without a verdict since a slot was last marked good",
			      v.silent);
}

void doctor_slots(struct doctor *doc)
{
	check_booted(doc);
	check_subvolume(doc);
	check_shared(doc);
	if (!doc->st.have_state)
		return;
	check_partitions(doc);
	check_streaks(doc);
	check_marking(doc);
}
