/* SPDX-License-Identifier: Apache-2.0 */
/* The media that may carry an update: sticks on USB and SD cards. */
#pragma once

#include "initramfs/disks/devices.h"

/* What may be looked at: bits of enum cmdline_source that system.conf allows too. PURE. */
unsigned sources_allowed(const struct conf *conf, unsigned sources);

/* Of one wait for media; zeroed at its beginning. */
struct sources_wait {
	/* what was waited for last */
	const char *why;
	/* the kernel was asked for hosts of USB that wait for a supplier; and there were some */
	bool asked, deferred;
	/* a driver loads, by who waits: what it drives may yet come */
	bool loading;
	/* it was said how it ended */
	bool over;
};

/*
 * What is still waited for, of the kinds of media that may be looked at; NULL: nothing. Logs it
 * when it changes, and how it ended: drivers of hosts that wait for a supplier are named. A stick:
 * until settle= has passed without a uevent of USB, where a host is there, or may come. A card:
 * settle=, where a slot is empty. The probers of what came are waited for, and a stick that the bus
 * knows, but that is no disk yet, gets up to five seconds more. So does a driver that loads.
 */
const char *sources_awaited(const struct probe *p, const struct conf *conf, unsigned sources,
			    struct sources_wait *w, uint64_t waited_ms);

/* Fills d->media with every medium that is there and is not the device's own disk, and its
 * partitions: keelboot-apply finds out what they hold. */
void sources_take(struct devices *d, const struct probe *p, unsigned sources);

/* Media of a kind, STATE_SRC_SD or STATE_SRC_USB, in d. */
unsigned sources_count(const struct devices *d, enum state_source src);
