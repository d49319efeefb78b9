/* SPDX-License-Identifier: Apache-2.0 */
/* Names what a disk has in the place of file systems that can be booted: a LUKS container, a volume
 * of LVM, a member of a RAID array. Nothing of that is opened here. PURE but for the log. */
#pragma once

#include "initramfs/disks/probe.h"
#include "lib/conf.h"

/* Of the slots: "a: crypto_LUKS on /dev/vda2, b: /dev/loop0 is a loop device". False: none. */
bool containers_of_slots(char *out, size_t size, const struct probe *p,
			 const struct probe_disk *disk, const struct conf *conf);

/* What spec, which names nothing on the disk, may lie in: "crypto_LUKS on /dev/vda2, …". Nobody
 * sees into these; but only what a file system has inside can be there, its UUID= or LABEL=. False:
 * none. */
bool containers_may_have(char *out, size_t size, const struct probe_disk *disk, const char *spec);

/* How much longer than timeout= the slots are waited for: where they are named by path, and a disk
 * has a member of an array. One that lacks a disk is started only when that disk is given up: by
 * mdadm's units after 30 s, which is our default, too. */
uint64_t containers_wait_ms(const struct probe *p);

/* Of data and the raw partition: true when it may be used; else that was logged. */
bool containers_allow(const char *what, const struct prober_part *part);

/* The state's partition, or NULL: then that was logged. PID 1 makes a damaged record anew, but
 * never over something that libblkid knows: system.conf may name a partition by mistake. */
const struct prober_part *containers_state(const struct prober_part *part);

/* All of a disk that is not used, a line for each; the bare disk too. */
void containers_report(const struct probe_disk *disk);
