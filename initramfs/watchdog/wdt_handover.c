/* SPDX-License-Identifier: Apache-2.0 */
/* The watchdog's way into the system that is started. */
#include "initramfs/watchdog/wdt.h"
#include "initramfs/watchdog/wdt_time.h"
#include "lib/log.h"
#include "lib/util.h"

#include <linux/watchdog.h>
#include <stdio.h>
#include <string.h>

#define DROP_IN_DIR	  "/run/systemd/system.conf.d"
#define IPMI_NOWAYOUT	  "/sys/module/ipmi_watchdog/parameters/nowayout"
#define UNKNOWN_TIMEOUT_S 10 /* what systemd gets where the driver reports none: short is safe */

/* "/dev/watchdog" is the first one under its old name. */
static void nowayout_path(const struct wdt *w, char *path, size_t size)
{
	const char *name = strrchr(w->dev, '/') + 1;

	snprintf(path, size, "/sys/class/watchdog/%.32s/nowayout",
		 strcmp(name, "watchdog") == 0 ? "watchdog0" : name);
}

enum way_out { UNKNOWN, YES, NO };

/* Nothing says it of a driver that is not of the class, or in a kernel without WATCHDOG_SYSFS; but
 * ipmi_watchdog has a parameter that can be read. */
static enum way_out read_way_out(const struct wdt *w)
{
	char path[80] = IPMI_NOWAYOUT, text[8];

	if (!wdt_is_bmc(w))
		nowayout_path(w, path, sizeof(path));
	if (os_read_file(path, text, sizeof(text), NULL) != KB_OK)
		return UNKNOWN;
	return text[0] == '1' || text[0] == 'Y' ? NO : YES;
}

static bool is_nowayout(const struct wdt *w)
{
	return read_way_out(w) == NO;
}

/* Only 'V' stops it. ipmi_watchdog announces nothing of what it can, and has that. */
static bool has_magic_close(const struct wdt *w)
{
	return w->info.options & WDIOF_MAGICCLOSE || wdt_is_bmc(w);
}

/* Makes sure that closing does not stop it. */
static bool can_outlive_close(const struct wdt *w)
{
	char path[80];

	if (has_magic_close(w) || is_nowayout(w))
		return true;
	nowayout_path(w, path, sizeof(path));
	if (os_write_file(path, "1", 1) == KB_OK)
		return true;
	log_warn("watchdog: unable to set %s: %m; %s stops when it is closed", path, w->dev);
	return false;
}

/* Above what the hardware has, nothing is tried: see wdt_time.h. */
static unsigned longest_for(const struct wdt *w, unsigned wanted_s)
{
	unsigned limit_s = w->info.tells_left ? wdt_time_cut(w->fd, wanted_s) : 0;

	if (limit_s != 0 && limit_s < wanted_s)
		return limit_s;
	return wdt_time_longest(w->fd, w->info.timeout_s, wanted_s);
}

/* Asks the driver, and sets the time back. A time that is refused would cost the watchdog: systemd
 * stops it then. */
static void ask_reboot_time(struct wdt *w, unsigned shutdown_s)
{
	unsigned armed_s = w->info.timeout_s;

	w->reboot_s = longest_for(w, shutdown_s);
	if (armed_s != 0 && wdt_set_timeout(w, armed_s) != KB_OK)
		log_debug("watchdog: %s has one time only", w->dev);
	if (w->reboot_s == 0)
		w->reboot_s = UNKNOWN_TIMEOUT_S;
	if (w->reboot_s >= shutdown_s)
		return;
	log_warn(
		"watchdog: %s counts %u s at most: one step of a shutdown may take no longer, although shutdown-deadline= is %u s",
		w->dev, w->reboot_s, shutdown_s);
	wdt_report(
		w, "watchdog-reboot-time",
		"watchdog: its longest time is below shutdown-deadline=; a step of a shutdown that takes longer ends in a reset");
}

/* Where it may count on and nobody fed it, a good slot would be reset again and again. */
static void decide_release(struct wdt *w)
{
	enum way_out way_out = read_way_out(w);

	if (way_out == YES)
		return;
	w->handover = CONF_HANDOVER_KEEPER;
	if (way_out == NO) {
		log_warn("watchdog: handover=release is refused: %s cannot be stopped (nowayout)",
			 w->dev);
		wdt_report(w, "watchdog-nowayout",
			   "watchdog: nowayout; handover=keeper is used, not release");
		return;
	}
	log_warn(
		"watchdog: handover=release is refused: the kernel does not say whether %s can be stopped (CONFIG_WATCHDOG_SYSFS)",
		w->dev);
	wdt_report(w, "watchdog-nowayout",
		   "watchdog: no word whether it can be stopped; handover=keeper is used");
}

void wdt_decide(struct wdt *w, enum conf_handover wanted, unsigned shutdown_s)
{
	w->handover = wanted;
	if (!w->armed)
		return;
	switch (wanted) {
	case CONF_HANDOVER_SYSTEM:
		if (can_outlive_close(w)) {
			ask_reboot_time(w, shutdown_s);
			return;
		}
		w->handover = CONF_HANDOVER_KEEPER;
		wdt_report(w, "watchdog-stops-on-close",
			   "watchdog: the driver stops it on close; handover=keeper is used");
		return;
	case CONF_HANDOVER_KEEPER:
		/* Else the end of the guardian would be the end of the watchdog. */
		if (!can_outlive_close(w))
			wdt_report(w, "watchdog-stops-on-close",
				   "watchdog: the driver stops it when the guardian is killed");
		return;
	case CONF_HANDOVER_RELEASE:
		decide_release(w);
		return;
	}
}

/* Tells systemd, if that is what is booted, to feed it and to keep it during a reboot. */
static void write_drop_in(const struct wdt *w)
{
	static const char *const dirs[] = { "/run/systemd", DROP_IN_DIR };
	unsigned runtime_s = w->info.timeout_s != 0 ? w->info.timeout_s : UNKNOWN_TIMEOUT_S;
	char text[256];
	int len = snprintf(text, sizeof(text),
			   "# Written by keelboot: the watchdog was counting already.\n"
			   "[Manager]\nWatchdogDevice=%s\nRuntimeWatchdogSec=%us\n"
			   "RebootWatchdogSec=%us\nKExecWatchdogSec=%us\n",
			   w->dev, runtime_s, w->reboot_s, w->reboot_s);
	enum kb_err err = KB_OK;

	for (unsigned i = 0; i < KB_ARRAY_LEN(dirs) && err == KB_OK; i++)
		err = os_mkdir(dirs[i], 0755);
	if (err == KB_OK)
		err = os_write_file(DROP_IN_DIR "/00-keelboot.conf", text, (size_t)len);
	if (err != KB_OK)
		log_warn("watchdog: unable to write " DROP_IN_DIR
			 "/00-keelboot.conf: %m; configure the watchdog in systemd's system.conf");
}

static enum kb_err leave_to_system(struct wdt *w, unsigned timeout_s, unsigned shutdown_s)
{
	struct wdt armed;

	if (w->reboot_s == 0)
		ask_reboot_time(w, shutdown_s);
	armed = *w;
	if (w->limit_s != 0 && timeout_s > w->limit_s)
		timeout_s = w->limit_s;
	if (wdt_set_timeout(w, timeout_s) != KB_OK)
		log_warn("watchdog: unable to set %u s for the hand-over: %m; it stays at %u s",
			 timeout_s, w->info.timeout_s);
	write_drop_in(&armed);
	os_wdt_ping(w->fd);
	os_close(&w->fd);
	return KB_OK;
}

static enum kb_err without_guardian(struct wdt *w, unsigned timeout_s, unsigned shutdown_s)
{
	if (is_nowayout(w)) {
		log_warn(
			"watchdog: no guardian, and it cannot be stopped: the system must feed it within %u s",
			timeout_s);
		return leave_to_system(w, timeout_s, shutdown_s);
	}
	log_warn("watchdog: no guardian; %s is stopped, because nothing would feed it", w->dev);
	os_wdt_release(&w->fd);
	return KB_EPERM;
}

const char *wdt_handover_name(enum conf_handover handover)
{
	static const char *const names[] = {
		[CONF_HANDOVER_SYSTEM] = "system",
		[CONF_HANDOVER_KEEPER] = "keeper",
		[CONF_HANDOVER_RELEASE] = "release",
	};

	return names[handover];
}

const char *wdt_feeder(const struct wdt *w)
{
	if (!w->armed)
		return "nobody";
	if (w->kept)
		return "guardian";
	if (w->handover == CONF_HANDOVER_SYSTEM)
		return "system";
	return w->handover == CONF_HANDOVER_KEEPER && is_nowayout(w) ? "system" : "nobody";
}

void wdt_stop(struct wdt *w)
{
	if (!w->armed)
		return;
	if (is_nowayout(w))
		log_warn(
			"watchdog: %s cannot be stopped (nowayout): it restarts the machine in %u s, unless something feeds it",
			w->dev, w->info.timeout_s);
	os_wdt_release(&w->fd);
	w->armed = false;
}

void wdt_leave(struct wdt *w)
{
	if (!w->armed)
		return;
	os_wdt_ping(w->fd);
	os_close(&w->fd);
	w->armed = false;
}

enum kb_err wdt_hand_over(struct wdt *w, unsigned timeout_s, unsigned shutdown_s)
{
	enum kb_err err = KB_OK;

	if (!w->armed)
		return KB_OK;
	if (w->kept) {
		os_wdt_ping(w->fd);
		os_close(&w->fd);
	} else {
		switch (w->handover) {
		case CONF_HANDOVER_SYSTEM:
			err = leave_to_system(w, timeout_s, shutdown_s);
			break;
		case CONF_HANDOVER_KEEPER:
			err = without_guardian(w, timeout_s, shutdown_s);
			break;
		case CONF_HANDOVER_RELEASE:
			log_info("watchdog: %s is stopped (handover=release)", w->dev);
			os_wdt_release(&w->fd);
			break;
		}
	}
	w->armed = false;
	return err;
}
