/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot in the initramfs of a distribution, in up to four calls: docs/INTEGRATE.md has the
 * contract. What process 1 of our own initramfs does in one piece, the distribution does a part of:
 * it loads the modules, opens what is mapped, mounts the root, and becomes its init.
 */
#pragma once

#include "initramfs/boot_data.h"

/* How a call ends, for the script that made it. */
enum select_end {
	SELECT_DONE = 0,
	/* Keelboot has nothing to say in this boot: it goes on as without it. */
	SELECT_ASIDE = 1,
	/* Not now: another call is at work, or something is not open yet. */
	SELECT_BUSY = 2,
	SELECT_USAGE = 3,
	/* The boot has failed. The script ends at its prompt, or reboots if it must not have one.
	 */
	SELECT_FAILED = 4,
};

/* As early as possible: loads the watchdog's driver, arms it, and leaves it counting. */
enum select_end select_arm(struct boot *b);

/*
 * Finds the devices, installs, chooses a slot, charges it, looks whether it can be mounted, and
 * hands it out. A second call in one boot changes nothing, and ends as the first. A boot that fails
 * ends in a restart, unless [initramfs] prompt=yes.
 */
enum select_end select_choose(struct boot *b);

/* The distribution has mounted the root at path, and is about to enter it: hands the watchdog over.
 * Another file system than the slot there: as select_fail(). */
enum select_end select_enter(struct boot *b, const char *path);

/* The distribution cannot mount or enter the root: notes that for the slot that was handed out, and
 * restarts, unless [initramfs] prompt=yes. */
enum select_end select_fail(struct boot *b, const char *reason);
