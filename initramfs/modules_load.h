/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading what is wanted of a list of modules. Each has a child, in which its init may hang or
 * crash. Where it is known what a module needs, and there are processors, several are loaded side
 * by side; else one after the other, in the order of the list.
 */
#pragma once

#include "initramfs/modules.h"

/* Not waited for any longer where `leaves_slow` says so. Most take less. */
#define MODULES_SLOW_MS 200

/*
 * Loads what is wanted and was not tried, each behind those that it needs. A module that fails is
 * logged and skipped: hardware that is missing is no error, and one whose init does not end in four
 * seconds is left behind. Returns how many are loaded now, what was there already included.
 *
 * The files are deleted: an initramfs is memory, of which a small device has little to give.
 */
unsigned modules_load_wanted(struct modules *m);

/* Takes note of what is through, without waiting. True: some that took long still are not. */
bool modules_load_goes_on(struct modules *m) KB_MUST_CHECK;
