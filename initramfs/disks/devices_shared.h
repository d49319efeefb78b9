/* SPDX-License-Identifier: Apache-2.0 */
/* Slots with a partition that is something else's, too: system.conf has two names for one. PURE. */
#pragma once

#include "initramfs/disks/devices.h"

#define DEVICES_SHARED_LEN 96

/*
 * Those slots, of what d names: an install would overwrite the other use of it. A file in a
 * partition is none with the files of others, but is one with a slot that has all of that. text
 * gets the first case, "root of slot b and the state are both /dev/vda1", or "".
 */
choose_mask devices_shared(const struct devices *d, const struct conf *conf,
			   char text[DEVICES_SHARED_LEN]);
