/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/watchdog/wdt.h"

#include "initramfs/watchdog/wdt_absent.h"
#include "initramfs/watchdog/wdt_time.h"
#include "lib/log.h"

#include <linux/watchdog.h>
#include <stdio.h>
#include <string.h>

#define LOOK_EVERY_MS 10
#define NODES_MAX     8
#define SOFTWARE      "Software Watchdog"
#define STOP_PARAM    "/sys/module/watchdog/parameters/stop_on_reboot"

/* Numbers of candidates, in the order in which they are taken. */
enum { HARDWARE_END = NODES_MAX, CANDIDATES = 2 * NODES_MAX };

void wdt_report(struct wdt *w, const char *id, const char *finding)
{
	if (w->nfindings < WDT_FINDINGS_MAX)
		w->finding[w->nfindings++] = (struct wdt_finding){ id, finding };
}

static bool is_auto(const char *dev)
{
	return dev[0] == '\0' || strcmp(dev, "auto") == 0;
}

/* By sysfs, because asking the device would start it; a kernel without that passes for hardware. */
static bool is_software(unsigned i)
{
	char path[64], identity[64];

	snprintf(path, sizeof(path), "/sys/class/watchdog/watchdog%u/identity", i);
	return os_read_file(path, identity, sizeof(identity), NULL) == KB_OK &&
	       strncmp(identity, SOFTWARE, strlen(SOFTWARE)) == 0;
}

/*
 * The node of the ith; false: there is none. A driver that is not of the class (ipmi_watchdog)
 * makes /dev/watchdog alone, and then the class begins at watchdog1. Else that is watchdog0's other
 * name.
 */
static bool node_of(unsigned i, char *out, size_t size)
{
	snprintf(out, size, "/dev/watchdog%u", i);
	if (i > 0 || os_exists(out))
		return os_exists(out);
	snprintf(out, size, "/dev/watchdog");
	return os_exists(out);
}

/* True if the nth candidate is there. */
static bool candidate_node(unsigned n, char *out, size_t size)
{
	unsigned i = n % NODES_MAX;

	return node_of(i, out, size) && is_software(i) == (n >= HARDWARE_END);
}

static bool find_any(char *out, size_t size, unsigned end)
{
	for (unsigned n = 0; n < end; n++) {
		if (candidate_node(n, out, size))
			return true;
	}
	return false;
}

/* Where nothing is named, or what is named was refused, hardware: its module may be the next. */
static bool find_wanted(const struct wdt *w, char *out, size_t size, const char *dev)
{
	if (is_auto(dev) || w->refused)
		return find_any(out, size, HARDWARE_END);
	snprintf(out, size, "%s", dev);
	return os_exists(out);
}

static bool await_node(char *out, size_t size, const char *wanted, unsigned wait_ms)
{
	uint64_t end = os_now_ms() + wait_ms;

	snprintf(out, size, "%s", wanted);
	while (is_auto(wanted) ? !find_any(out, size, CANDIDATES) : !os_exists(out)) {
		if (os_now_ms() >= end)
			return find_any(out, size, CANDIDATES);
		os_sleep_ms(LOOK_EVERY_MS);
	}
	return true;
}

bool wdt_is_bmc(const struct wdt *w)
{
	return strcmp(w->info.identity, "IPMI") == 0;
}

/* Its driver is not of the class, and heeds no parameter of that: see node_of(). */
static bool is_unnumbered(const struct wdt *w)
{
	return strcmp(w->dev, "/dev/watchdog") == 0 && !os_exists("/dev/watchdog0");
}

/* A BMC counts on. */
static void check_unnumbered(struct wdt *w)
{
	if (wdt_is_bmc(w))
		return;
	log_warn(
		"watchdog: the driver of %s may stop it at a reboot, and no parameter changes that; then a shutdown that hangs does not end in a restart",
		w->dev);
	wdt_report(w, "watchdog-stop-on-reboot",
		   "watchdog: its driver may stop it at a reboot; no parameter changes that");
}

/* The parameter of watchdog.ko can only be read once it is loaded. */
static void check_stop_on_reboot(struct wdt *w)
{
	char text[16];

	if (is_unnumbered(w)) {
		check_unnumbered(w);
		return;
	}
	if (os_read_file(STOP_PARAM, text, sizeof(text), NULL) != KB_OK) {
		log_warn(
			"watchdog: this kernel may stop it at a reboot: it has no watchdog.stop_on_reboot (Linux 5.8); a shutdown that hangs may not end in a restart");
		wdt_report(
			w, "watchdog-stop-on-reboot",
			"watchdog: the kernel may stop it at a reboot; it has no watchdog.stop_on_reboot (Linux 5.8)");
		return;
	}
	if (text[0] == '0')
		return;
	log_warn(
		"watchdog: the kernel may stop it at a reboot; then a shutdown that hangs does not end in a restart; add watchdog.stop_on_reboot=0 to the kernel command line");
	wdt_report(w, "watchdog-stop-on-reboot",
		   "watchdog: the kernel may stop it at a reboot; add watchdog.stop_on_reboot=0");
}

/* One that tells how much is left has still the time that its driver began with. */
static void set_time(struct wdt *w, unsigned timeout_s)
{
	if (!w->info.tells_left)
		return;
	w->limit_s = wdt_time_cut(w->fd, timeout_s);
	if (w->limit_s != 0 && w->limit_s < timeout_s) {
		log_warn(
			"watchdog: the driver of %s accepts %u s, but its hardware counts %u s at most; that is set",
			w->dev, timeout_s, w->limit_s);
		wdt_report(
			w, "watchdog-time-cut",
			"watchdog: its driver accepts times that the hardware does not have; set a shorter [watchdog] timeout=");
		timeout_s = w->limit_s;
	}
	if (wdt_set_timeout(w, timeout_s) != KB_OK)
		log_warn("watchdog: unable to set %u s: %m", timeout_s);
}

static void check_timeout(struct wdt *w, unsigned wanted_s)
{
	if (w->info.timeout_s == wanted_s)
		return;
	if (w->info.timeout_s == 0)
		log_warn("watchdog: %s accepts no timeout and reports none", w->dev);
	else
		log_warn("watchdog: %s counts %u s, not %u s", w->dev, w->info.timeout_s, wanted_s);
	/* A little more or less is what a hardware's clock makes of it. */
	if (w->info.timeout_s < wanted_s / 2 || w->info.timeout_s / 2 > wanted_s)
		wdt_report(w, "watchdog-timeout",
			   "watchdog: the hardware has another timeout than [watchdog] timeout=");
}

static void report_other(struct wdt *w, const char *named)
{
	log_warn("watchdog: no %s; %s is used", named, w->dev);
	wdt_report(w, "watchdog-other", "watchdog: not the one that [watchdog] device= names");
}

/* There is none in hardware: why, where that can be said. */
static bool report_absent(struct wdt *w)
{
	wdt_absent(w->absent, sizeof(w->absent));
	if (w->absent[0] == '\0')
		return false;
	log_warn("%s", w->absent);
	wdt_report(w, "watchdog-absent", w->absent);
	return true;
}

/* What is none, or is taken, is as good as not there: the next of the candidates before end. */
static enum kb_err open_it(struct wdt *w, unsigned timeout_s, unsigned end)
{
	enum kb_err err = os_wdt_open(w->dev, timeout_s, &w->fd, &w->info);
	char first[sizeof(w->dev)], other[sizeof(w->dev)];

	memcpy(first, w->dev, sizeof(first));
	for (unsigned n = 0; err != KB_OK && n < end; n++) {
		if (!candidate_node(n, other, sizeof(other)) || strcmp(other, first) == 0)
			continue;
		if (!w->refused)
			log_err("watchdog: unable to open %s: %s; trying %s", w->dev, err_text(err),
				other);
		memcpy(w->dev, other, sizeof(other));
		err = os_wdt_open(w->dev, timeout_s, &w->fd, &w->info);
	}
	return err;
}

static enum kb_err arm_device(struct wdt *w, const char *dev, unsigned timeout_s, unsigned end)
{
	enum kb_err err = open_it(w, timeout_s, end);

	w->nfindings = 0;
	if (err != KB_OK) {
		if (!w->refused)
			log_err("watchdog: unable to open %s: %s; a hang does not end in a restart",
				w->dev, err_text(err));
		wdt_report(w, "watchdog-unusable",
			   "watchdog: cannot be opened: a hang does not end in a restart");
		w->refused = true;
		return err;
	}
	w->armed = true;
	if (!is_auto(dev) && strcmp(w->dev, dev) != 0)
		report_other(w, dev);
	w->soft = strcmp(w->info.identity, SOFTWARE) == 0;
	set_time(w, timeout_s);
	log_info("watchdog: %s (%s), %u s", w->dev, w->info.identity, w->info.timeout_s);
	if (w->soft) {
		wdt_report(
			w, "watchdog-software",
			"watchdog: only a software one; a hang of the kernel does not end in a restart");
		report_absent(w);
	}
	check_timeout(w, timeout_s);
	check_stop_on_reboot(w);
	return KB_OK;
}

enum kb_err wdt_arm(struct wdt *w, const char *dev, unsigned timeout_s, unsigned wait_ms)
{
	memset(w, 0, sizeof(*w));
	w->fd = -1;
	if (strcmp(dev, "off") == 0) {
		log_info("watchdog: off");
		return KB_ENOENT;
	}
	if (!await_node(w->dev, sizeof(w->dev), dev, wait_ms)) {
		w->dev[0] = '\0';
		wdt_report(w, "watchdog-none", "watchdog: none; a hang does not end in a restart");
		if (report_absent(w))
			log_warn("watchdog: none; a hang does not end in a restart");
		else
			log_warn(
				"watchdog: none; a hang does not end in a restart. Add the module of the hardware's watchdog (or softdog) to the initramfs");
		return KB_ENODEV;
	}
	return arm_device(w, dev, timeout_s, CANDIDATES);
}

void wdt_arm_late(struct wdt *w, const char *dev, unsigned timeout_s)
{
	char node[sizeof(w->dev)];
	enum kb_err err;

	if (w->armed) {
		wdt_feed(w);
		return;
	}
	if (!find_wanted(w, node, sizeof(node), dev))
		return;
	memcpy(w->dev, node, sizeof(node));
	err = arm_device(w, dev, timeout_s, HARDWARE_END);
	(void)err; /* logged there */
}

void wdt_feed(struct wdt *w)
{
	if (w->armed)
		os_wdt_ping(w->fd);
}

unsigned wdt_timeout_s(const struct wdt *w)
{
	return w->armed ? w->info.timeout_s : 0;
}

enum kb_err wdt_set_timeout(struct wdt *w, unsigned timeout_s)
{
	enum kb_err err;

	if (!w->armed)
		return KB_OK;
	err = os_wdt_timeout(w->fd, &timeout_s);
	os_wdt_ping(w->fd);
	if (err != KB_OK)
		return err;
	w->info.timeout_s = timeout_s;
	return KB_OK;
}

void wdt_evidence(const struct wdt *w, struct reset_evidence *ev)
{
	ev->watchdog_fired = w->info.bootstatus & WDIOF_CARDRESET;
	/* What the supply, or the heat, did is not the slot's fault. */
	ev->power_cause =
		w->info.bootstatus & (WDIOF_POWERUNDER | WDIOF_POWEROVER | WDIOF_OVERHEAT);
	ev->can_report_watchdog = w->info.options & WDIOF_CARDRESET;
}
