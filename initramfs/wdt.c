/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/wdt.h"

#include "lib/log.h"
#include "lib/util.h"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <string.h>

#define LOOK_EVERY_MS 10
#define NODES_MAX     8
#define DROP_IN_DIR   "/run/systemd/system.conf.d"
#define STOP_PARAM    "/sys/module/watchdog/parameters/stop_on_reboot"

/* The node to use: the wanted one, else the first. */
static bool find_node(char *out, size_t size, const char *wanted)
{
	if (wanted[0] != '\0') {
		snprintf(out, size, "%s", wanted);
		return os_exists(out);
	}
	for (unsigned i = 0; i < NODES_MAX; i++) {
		snprintf(out, size, "/dev/watchdog%u", i);
		if (os_exists(out))
			return true;
	}
	snprintf(out, size, "/dev/watchdog");
	return os_exists(out);
}

static bool await_node(char *out, size_t size, const char *wanted, unsigned wait_ms)
{
	uint64_t end = os_now_ms() + wait_ms;

	while (!find_node(out, size, wanted)) {
		if (os_now_ms() >= end)
			return false;
		os_sleep_ms(LOOK_EVERY_MS);
	}
	return true;
}

/* The parameter of watchdog.ko can only be read once it is loaded. */
static void check_stop_on_reboot(void)
{
	char text[16];

	if (os_read_file(STOP_PARAM, text, sizeof(text), NULL) == KB_OK && text[0] != '0')
		log_warn("watchdog: the kernel may stop it at a reboot, and then a shutdown that "
			 "hangs is not noticed; add watchdog.stop_on_reboot=0 to the kernel "
			 "command line");
}

enum kb_err wdt_arm(struct wdt *w, const char *dev, unsigned timeout_s, unsigned wait_ms)
{
	enum kb_err err;

	memset(w, 0, sizeof(*w));
	w->fd = -1;
	if (strcmp(dev, "off") == 0) {
		log_info("watchdog: off");
		return KB_ENOENT;
	}
	if (!await_node(w->dev, sizeof(w->dev), dev, wait_ms)) {
		if (dev[0] == '\0' || !find_node(w->dev, sizeof(w->dev), "")) {
			w->dev[0] = '\0';
			log_warn("watchdog: none; a hang is not noticed. Add the module of the "
				 "hardware's watchdog (or softdog) to the initramfs");
			return KB_ENODEV;
		}
		log_warn("watchdog: no %s; %s is used", dev, w->dev);
	}
	err = os_wdt_open(w->dev, timeout_s, &w->fd, &w->info);
	if (err != KB_OK) {
		log_err("watchdog: unable to open %s: %m; a hang is not noticed", w->dev);
		return err;
	}
	w->armed = true;
	log_info("watchdog: %s (%s), %u s", w->dev, w->info.identity, w->info.timeout_s);
	check_stop_on_reboot();
	return KB_OK;
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

/* Tells systemd, if that is what is booted, to feed it and to keep it during a reboot. */
static void write_drop_in(const struct wdt *w, unsigned runtime_s)
{
	static const char *const dirs[] = { "/run/systemd", DROP_IN_DIR };
	char text[256];
	int len = snprintf(text, sizeof(text),
			   "# Written by keelboot: the watchdog was counting already.\n"
			   "[Manager]\nWatchdogDevice=%s\nRuntimeWatchdogSec=%us\n"
			   "RebootWatchdogSec=%us\n",
			   w->dev, runtime_s, WDT_REBOOT_S);
	enum kb_err err = KB_OK;

	for (unsigned i = 0; i < KB_ARRAY_LEN(dirs) && err == KB_OK; i++)
		err = os_mkdir(dirs[i], 0755);
	if (err == KB_OK)
		err = os_write_file(DROP_IN_DIR "/00-keelboot.conf", text, (size_t)len);
	if (err != KB_OK)
		log_warn("watchdog: unable to write " DROP_IN_DIR "/00-keelboot.conf: %m; systemd "
			 "has to be told by system.conf");
}

/* Makes sure that closing does not stop it. The magic close being there means that only 'V' does.
 */
static enum kb_err keep_counting(const struct wdt *w)
{
	const char *name = strrchr(w->dev, '/') + 1;
	char path[128];

	if (w->info.options & WDIOF_MAGICCLOSE)
		return KB_OK;
	/* "/dev/watchdog" is the first one under its old name. */
	snprintf(path, sizeof(path), "/sys/class/watchdog/%.32s/nowayout",
		 strcmp(name, "watchdog") == 0 ? "watchdog0" : name);
	if (os_write_file(path, "1", 1) == KB_OK)
		return KB_OK;
	log_warn("watchdog: %s stops when it is closed, and %s cannot be set: %m; a hang of the "
		 "booted system is noticed only once that system has opened it",
		 w->dev, path);
	return KB_EPERM;
}

enum kb_err wdt_handover_system(struct wdt *w, unsigned handover_s)
{
	unsigned runtime_s = w->info.timeout_s;
	enum kb_err err;

	if (!w->armed)
		return KB_OK;
	if (wdt_set_timeout(w, handover_s) != KB_OK)
		log_warn("watchdog: unable to set %u s for the hand-over: %m; it stays at %u s",
			 handover_s, w->info.timeout_s);
	write_drop_in(w, runtime_s);
	err = keep_counting(w);
	os_wdt_ping(w->fd);
	os_close(&w->fd);
	w->armed = false;
	return err;
}

void wdt_evidence(const struct wdt *w, struct reset_evidence *ev)
{
	ev->watchdog_fired = w->info.bootstatus & WDIOF_CARDRESET;
	ev->power_cause = w->info.bootstatus & WDIOF_POWERUNDER;
	ev->can_tell_watchdog = w->info.options & WDIOF_CARDRESET;
}
