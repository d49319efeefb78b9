/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of several disks is the device's. PURE. In this order:
 *
 *  1. Only disks that disk= of system.conf names; without it, all but those on USB, which need
 *     usb-disk=yes.
 *  2. The disk that its own state is bound to; then one that the state on another disk is bound to.
 *  3. With the state partition before without.
 *  4. Not on USB before on USB.
 *  5. With more of the slots before with fewer.
 *  6. Fixed before removable.
 *  7. The first by its path in sysfs.
 *
 * No label or UUID that two disks share is ever enough to mix them: everything is taken from one.
 */
#pragma once

#include "initramfs/probe.h"
#include "lib/conf.h"

struct devices_rank {
	const struct probe_disk
		*disk; /* the first of them; NULL: none has anything of the device */
	const struct probe_disk *equal; /* another that only its path tells from it; NULL: none */
	bool complete;			/* it has the state and a root for each slot */
	bool bound;			/* some state says that it is this disk's */
	bool copy; /* its state is bound to a disk that is not here: it is a copy, or was moved */
	bool more; /* disks that might be better are still being looked at */
};

void devices_rank(struct devices_rank *r, const struct probe *p, const struct conf *conf);

/* What a disk is worth when there are more than the table has places for. */
enum probe_worth devices_rank_worth(const struct probe *p, const struct conf *conf,
				    const struct probe_disk *disk);
