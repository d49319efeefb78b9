/* SPDX-License-Identifier: Apache-2.0 */
/* systemd-boot: its variable LoaderEntryDefault is `default`, LoaderEntryOneShot is `once`. An
 * entry has the name of the pair's file, or of its text: conf_place_entry(). See loader.h. */
#pragma once

#include "selector/loader/loader.h"

enum kb_err loader_systemd_read(struct loader *l, struct loader_choice *c) KB_MUST_CHECK;
enum kb_err loader_systemd_write(struct loader *l, const struct loader_choice *c) KB_MUST_CHECK;

/* By the entry that it started, LoaderEntrySelected, and by the disk that it came from,
 * LoaderDevicePartUUID. KB_ENOENT: that is another one than that of the entry's slot; KB_ENODEV:
 * that of the slot is missing. */
enum kb_err loader_systemd_booted(struct loader *l, int *slot) KB_MUST_CHECK;

/* What it says of itself and of its menu, at this start. */
struct loader_systemd_is {
	/* it started this; else all below is of no worth */
	bool started;
	/* "systemd-boot 252" */
	char info[48];
	/* slots whose entry it has; and those that have one by system.conf */
	unsigned listed, given;
	/* its menu waits for a person without end, by a variable */
	bool waits;
	/* what LoaderEntryDefault names; "": nothing */
	char preset[64];
};
enum kb_err loader_systemd_look(struct loader *l, struct loader_systemd_is *is) KB_MUST_CHECK;
