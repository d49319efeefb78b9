/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of several disks is the device's. PURE. In this order:
 *
 *  1. Only disks that disk= of system.conf names. Those on USB need usb-disk=yes besides, or a
 *     disk= that names their port.
 *  2. By what the board says of them: fixed, removable, an SD card, on USB. A stranger can plug in
 *     what can be plugged in, and write onto it what he likes.
 *  3. By what is on them, with the state partition before without; a state that is bound to another
 *     disk, as on a copy, goes between. What a disk says against itself is believed.
 *  4. With more of the slots before with fewer.
 *  5. Of those that are equal now, which is reported, the one that its state is bound to; the first
 *     by its path in sysfs.
 *
 * No label or UUID that two disks share is ever enough to mix them: everything is taken from one.
 */
#pragma once

#include "initramfs/disks/probe.h"
#include "lib/conf.h"

/* From the one that a stranger plugs in most easily. */
enum devices_kind {
	DEVICES_KIND_USB,
	DEVICES_KIND_CARD,	/* an SD card in a slot */
	DEVICES_KIND_REMOVABLE, /* the board says that it, or its medium, may go */
	DEVICES_KIND_FIXED,
};

struct devices_rank {
	/* the first of them; NULL: none has anything of the device */
	const struct probe_disk *disk;
	/* another that only its path, or its own word, tells from it; NULL: none */
	const struct probe_disk *equal;
	/* it has the state and a root for each slot */
	bool complete;
	/* a volume with data that belongs to the release has not come yet */
	bool waits;
	/* see devices_rank_firm() */
	bool firm;
	/* its state is bound to a disk that is not here: it is a copy, or was moved */
	bool copy;
	/* disks that might be better, or equal, are still being looked at */
	bool more;
};

void devices_rank(struct devices_rank *r, const struct probe *p, const struct conf *conf);

/* Whether slots and state may live on this disk. */
bool devices_rank_allows(const struct conf *conf, const struct probe_disk *disk);

/* Whether a disk that nobody has looked into yet might go before one of this kind, or be its equal.
 */
bool devices_rank_more(const struct probe *p, const struct conf *conf, enum devices_kind least);

enum devices_kind devices_rank_kind(const struct probe_disk *disk);

/* No stranger's disk is in its place: it is fixed, or disk= names it by its path. A CID, WWID or
 * serial number proves nothing, since a disk can say any. */
bool devices_rank_firm(const struct conf *conf, const struct probe_disk *disk);

/* What a disk is worth when there are more than the table has places for. */
enum probe_worth devices_rank_worth(const struct probe *p, const struct conf *conf,
				    const struct probe_disk *disk);

/* Whether a partition of a slot is a mapped device: see mapped.h. */
bool devices_rank_any_mapped(const struct conf *conf);

/* The name that conf has, for a partition of a slot, for the device that the kernel calls `name`;
 * NULL: none. */
const char *devices_rank_mapped(const struct conf *conf, const char *name);
