/* SPDX-License-Identifier: Apache-2.0 */
/* The media that may carry an update: sticks on USB and SD cards. */
#pragma once

#include "initramfs/disks/devices.h"

/* What may be looked at: bits of enum cmdline_source that system.conf allows too. PURE. */
unsigned sources_allowed(const struct conf *conf, unsigned sources);

/*
 * Whether the wait for media is over: settle= has passed, for each kind of medium that may be
 * looked at and whose bus exists, and the probers of what came are done. A stick that the bus
 * knows, but that is no disk yet, gets some seconds more.
 */
bool sources_all_came(const struct probe *p, const struct conf *conf, unsigned sources,
		      uint64_t waited_ms);

/* Fills d->media with every medium that is there and is not the device's own disk, and its
 * partitions: keelboot-apply finds out what they hold. */
void sources_take(struct devices *d, const struct probe *p, unsigned sources);

/* Media of a kind, STATE_SRC_SD or STATE_SRC_USB, in d. */
unsigned sources_count(const struct devices *d, enum state_source src);
