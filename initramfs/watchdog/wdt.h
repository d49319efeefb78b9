/* SPDX-License-Identifier: Apache-2.0 */
/* The hardware watchdog: armed first, fed on the way, handed to whoever feeds it later. */
#pragma once

#include "initramfs/watchdog/wdt_absent.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/os.h"
#include "selector/reset.h"

#include <stdbool.h>

#define WDT_FINDINGS_MAX 6

struct wdt {
	/* meaningful only while armed */
	int fd;
	/* it counts, and we feed it */
	bool armed;
	/* what there was cannot be opened, which has been said */
	bool refused;
	/* a timer of the kernel's own: no help against a kernel that hangs */
	bool soft;
	/* "/dev/watchdog0"; "" : none */
	char dev[64];
	struct os_wdt_info info;
	/* that the hardware counts at most, whatever the driver takes; 0: unseen */
	unsigned limit_s;
	/* what systemd gets for a reboot; 0: nobody asked the driver yet */
	unsigned reboot_s;
	/* what wdt_decide() made of the configuration */
	enum conf_handover handover;
	/* the guardian has a descriptor of its own, and feeds: see wdt_hand_over() */
	bool kept;
	/* why there is none in hardware; "": not known */
	char absent[WDT_ABSENT_MAX];
	/* for boot.json: what a person ought to mend */
	struct wdt_finding {
		const char *id, *text;
	} finding[WDT_FINDINGS_MAX];
	unsigned nfindings;
};

/*
 * Opens and so starts the watchdog, with timeout_s or what the hardware takes instead.
 *
 * dev: "/dev/watchdog0"; "off": none is used; "" or "auto": the first hardware there is, else a
 * software one. A driver without a number (/dev/watchdog and no watchdog0) is hardware. When dev is
 * missing after wait_ms (a module may create it late), another one is used, with a warning; when
 * one does not open, the next. Nothing here is fatal; each failure is logged with its way out.
 * KB_OK: armed. KB_ENOENT: off. KB_ENODEV: no watchdog. KB_EBUSY, KB_EIO: none would open.
 *
 * Whether it goes on counting through a reboot and a kexec is decided when watchdog.ko is loaded
 * (modules.c sees to that) or by watchdog.stop_on_reboot=0 on the command line; a warning if not.
 */
enum kb_err wdt_arm(struct wdt *w, const char *dev, unsigned timeout_s,
		    unsigned wait_ms) KB_MUST_CHECK;

/*
 * Behind each module, and once when the devices are found: feeds it if it is armed. Else arms it if
 * it is there by now, without waiting: what dev names; for "auto", or after that could not be
 * opened (logged once), the first hardware. wdt_arm() comes last: it also falls back to a software
 * one, and reports that there is none.
 */
void wdt_arm_late(struct wdt *w, const char *dev, unsigned timeout_s);

/* Starts its time again. Without effect when there is none. */
void wdt_feed(struct wdt *w);

/* Seconds that the hardware counts; 0 when there is none. */
unsigned wdt_timeout_s(const struct wdt *w);

/* Sets another timeout and feeds. KB_EINVAL, KB_EIO: the old one stays. KB_OK when there is none.
 */
enum kb_err wdt_set_timeout(struct wdt *w, unsigned timeout_s) KB_MUST_CHECK;

/*
 * Settles w->handover by what is wanted and by what the driver can do, before anything is exported:
 *
 * SYSTEM   the driver must not stop when it is closed: it announces the magic close, or is made
 *	    nowayout through sysfs. If neither works, KEEPER, with a finding.
 * KEEPER   as wanted.
 * RELEASE  refused with nowayout, and where nothing says whether it can be stopped: KEEPER, with a
 *	    finding, since nobody else is going to feed it.
 *
 * The guardian feeds it if handover is KEEPER, on every boot; or RELEASE and the slot is not good:
 * then until it is, when it writes "V" and closes. It inherits w->fd, which stays open and armed;
 * whoever starts it sets w->kept.
 *
 * For SYSTEM the driver is asked for the time that a reboot may take, shutdown_s or the longest
 * below it that it takes: systemd would stop a watchdog that refuses RebootWatchdogSec=. A shorter
 * one is a finding.
 */
void wdt_decide(struct wdt *w, enum conf_handover wanted, unsigned shutdown_s);

/*
 * The last thing before os_switch_root(): /dev, /sys and /run must be where they were.
 *
 * kept: our descriptor is closed, and theirs counts. SYSTEM: the time until the system must open
 * it becomes timeout_s, a drop-in in /run asks systemd to feed it (RuntimeWatchdogSec= the
 * timeout it was armed with, RebootWatchdogSec= and KExecWatchdogSec= w->reboot_s), and it is
 * closed without the magic character. RELEASE, or KEEPER without a guardian: it is stopped, if it
 * can be stopped: a device where nobody feeds must not be reset for that.
 *
 * KB_OK: as the configuration wants it, or there is none. KB_EPERM: a hang of the new system would
 * not be noticed, against the configuration. Logged; not a reason to stop the boot.
 */
enum kb_err wdt_hand_over(struct wdt *w, unsigned timeout_s, unsigned shutdown_s) KB_MUST_CHECK;

/* Its time begins anew, and it counts on without us: another program of this boot takes it over. */
void wdt_leave(struct wdt *w);

/* Nobody is going to feed it: it is stopped. A warning where it cannot be: it begins anew, and
 * counts on. Without effect when there is none. */
void wdt_stop(struct wdt *w);

/* "system", "keeper", "release". */
const char *wdt_handover_name(enum conf_handover handover);

/* Who is going to feed it, once wdt_decide() and the guardian are done: "system", "guardian",
 * "nobody". */
const char *wdt_feeder(const struct wdt *w);

/* What the watchdog knows of the last reset: watchdog_fired, power_cause, can_report_watchdog. The
 * other fields stay. */
void wdt_evidence(const struct wdt *w, struct reset_evidence *ev);

/* It is a server's BMC, whose driver is not of the kernel's class of watchdogs. */
bool wdt_is_bmc(const struct wdt *w);

/* Notes a finding; both texts stay. id: as in `keelboot doctor`. Those that exceed the room are
 * dropped. */
void wdt_report(struct wdt *w, const char *id, const char *finding);
