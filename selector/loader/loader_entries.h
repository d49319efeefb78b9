/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UEFI's boot entries of the pairs: "keelboot a" loads \EFI\BOOT\BOOTX64.EFI of the partition of
 * pair a, by its GUID. Firmware drops entries, people copy them and disks are exchanged; so an
 * entry counts by what it loads, and is ours by its name.
 */
#pragma once

#include "selector/loader/loader_option.h"
#include "selector/loader/loader_var.h"
#include "selector/state.h"

#define LOADER_ENTRIES_OLD 32

struct loader_pair {
	bool given;
	struct loader_part part;
	/* our entry for it, all of which is right; -1: there is none */
	int entry;
};

struct loader_entries {
	struct loader_pair pair[STATE_SLOTS_MAX];
	/* a bit for each Boot#### that there is */
	uint8_t is_there[0x10000 / 8];
	/* entries of ours that are wrong, or there twice; whose they are */
	unsigned nold;
	uint16_t old[LOADER_ENTRIES_OLD];
	int old_slot[LOADER_ENTRIES_OLD];
};

/* Looks at the partitions in l->where, and at all entries. KB_EINVAL: where is no list "a=/dev/x".
 */
enum kb_err loader_entries_look(struct loader *l, struct loader_entries *e) KB_MUST_CHECK;

/* The slot whose pair an entry starts, STATE_NONE for a foreign one. KB_ENOENT: there is no such
 * entry, or the firmware skips it. */
enum kb_err loader_entries_slot(struct loader *l, const struct loader_entries *e, unsigned number,
				int *slot) KB_MUST_CHECK;

/* Makes entries that are missing or wrong. What of ours is left over then is in e->old. */
enum kb_err loader_entries_make(struct loader *l, struct loader_entries *e) KB_MUST_CHECK;

/* Whether there is such an entry that stays. */
bool loader_entries_stays(const struct loader_entries *e, unsigned number);

/* Removes what is in e->old, once BootOrder can do without. */
enum kb_err loader_entries_remove_old(struct loader *l, struct loader_entries *e) KB_MUST_CHECK;
