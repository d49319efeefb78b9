/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots that are no partitions: volumes of LVM, opened LUKS containers, MD arrays. The initramfs of
 * a distribution opens them; here they are known again, by the names that system.conf has.
 */
#pragma once

#include <stdbool.h>

#define MAPPED_DISKS_MAX 4 /* that one of them lies on; of more, the first ones count */

/* Whether spec names such a device: "/dev/mapper/x", "/dev/GROUP/VOLUME", "/dev/md0", "/dev/md/x".
 * PURE. */
bool mapped_is_spec(const char *spec);

/* Whether spec names the device that the kernel calls `name`: "dm-3", "md127". A name below /dev/md
 * is known once udev has made its link. */
bool mapped_is_named(const char *name, const char *spec);

/* The disks below a device, by the kernel's names; returns how many. */
unsigned mapped_disks(const char *name, char (*disks)[32]);
