/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of a disk and its partitions, in /sys/class/block. */
#pragma once

#include "initramfs/disks/probe.h"

#define PROBE_SYSFS "/sys/class/block"
#define PROBE_SYSFS_DISKS \
	"/sys/block" /* the same without partitions, of which there may be any number */
#define PROBE_SYSFS_DISKS_MAX 512 /* entries, loop and ram devices included */

/* True for names that are never the device's disk or a stick: loop, ram, dm-, sr, …, and the boot
 * areas of eMMC. */
bool probe_sysfs_ignored(const char *name);

/* os_list(), once more when it fails. */
enum kb_err probe_sysfs_list(const char *path, char (*names)[64], unsigned max,
			     unsigned *n) KB_MUST_CHECK;

/*
 * Fills *d (all of it) for the whole disk `name`, partitions included. False: it is gone, or it has
 * no medium.
 */
bool probe_sysfs_read(struct probe_disk *d, const char *name);
