/* SPDX-License-Identifier: Apache-2.0 */
/* The hardware watchdog: armed first, fed on the way, handed to the system that is booted. */
#pragma once

#include "lib/err.h"
#include "lib/os.h"
#include "selector/reset.h"

#include <stdbool.h>

#define WDT_REBOOT_S 300 /* what systemd is told to allow a shutdown (RebootWatchdogSec) */

struct wdt {
	int fd;	      /* meaningful only while armed */
	bool armed;   /* it counts, and we feed it */
	char dev[64]; /* "/dev/watchdog0"; "" : none */
	struct os_wdt_info info;
};

/*
 * Opens and so starts the watchdog, with timeout_s or what the hardware takes instead.
 *
 * dev: "/dev/watchdog0"; "off": none is used; "": the first one there is. When dev is not there
 * within wait_ms (a module may create it late), the first other one is taken, with a warning.
 * Nothing here is fatal; each failure is logged with its way out. KB_OK: armed. KB_ENOENT: off.
 * KB_ENODEV: no watchdog. KB_EBUSY, KB_EIO: it would not open.
 *
 * Whether it goes on counting through a reboot and a kexec is decided when watchdog.ko is loaded
 * (modules.c sees to that) or by watchdog.stop_on_reboot=0 on the command line; a warning if not.
 */
enum kb_err wdt_arm(struct wdt *w, const char *dev, unsigned timeout_s,
		    unsigned wait_ms) KB_MUST_CHECK;

/* Starts its time again. Without effect when there is none. */
void wdt_feed(struct wdt *w);

/* Seconds that the hardware counts; 0 when there is none. */
unsigned wdt_timeout_s(const struct wdt *w);

/* Sets another timeout and feeds. KB_EINVAL, KB_EIO: the old one stays. KB_OK when there is none.
 */
enum kb_err wdt_set_timeout(struct wdt *w, unsigned timeout_s) KB_MUST_CHECK;

/*
 * Mode `system`: leaves it counting for the system that is booted. The time until that system has
 * to open it becomes handover_s; a driver that would stop on close is made nowayout; systemd is
 * told in a drop-in in /run to feed it (RuntimeWatchdogSec= the timeout it was armed with). Then it
 * is closed without the magic character. Call it as the last thing before os_switch_root(): /dev,
 * /sys and /run have to be where they were.
 *
 * KB_OK: it counts on, or there is none. KB_EPERM: the driver stops on close and cannot be made to
 * go on; a hang of the new system would not be noticed. Logged; not a reason to stop the boot.
 */
enum kb_err wdt_handover_system(struct wdt *w, unsigned handover_s) KB_MUST_CHECK;

/* What the watchdog knows of the last reset: watchdog_fired, power_cause, can_tell_watchdog. The
 * other fields stay. */
void wdt_evidence(const struct wdt *w, struct reset_evidence *ev);
