/* SPDX-License-Identifier: Apache-2.0 */
/* By sysfs alone: to open a watchdog is to arm it, or to find it busy. */
#include "cli/state/boot_json.h"
#include "cli/doctor/doctor_checks.h"
#include "cli/state/mark.h"

#include "lib/stall.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX  8
#define UNNUMBERED "watchdog"
#define DROP_IN	   "/run/systemd/system.conf.d/00-keelboot.conf"
#define FIX_MODULE                                                                             \
	"pack the driver of the hardware's watchdog into the initramfs (keelboot image build " \
	"--module-set watchdog; on a server watchdog-server), or softdog"

/* <linux/watchdog.h>, as the file "options" has them. */
enum { MAGICCLOSE = 0x0100, CARDRESET = 0x0020 };

static bool read_attribute(const struct doctor *doc, const char *node, const char *name, char *text,
			   size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/class/watchdog/%s/%s", node, name);
	return doctor_read(doc, path, text, size);
}

static bool has_node(const struct doctor *doc, const char *node)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/class/watchdog/%s", node);
	return doctor_exists(doc, path);
}

/*
 * As in init, a driver that is not of the class (a BMC's) makes /dev/watchdog alone; else that is
 * the other name of watchdog0.
 */
static bool nth_node(const struct doctor *doc, unsigned i, char *node, size_t size)
{
	snprintf(node, size, "watchdog%u", i);
	if (i > 0 || has_node(doc, node))
		return has_node(doc, node);
	snprintf(node, size, UNNUMBERED);
	return doctor_exists(doc, "/sys/class/misc/" UNNUMBERED);
}

bool doctor_watchdog_find(const struct doctor *doc, char *node, size_t size)
{
	for (unsigned i = 0; i < NODES_MAX; i++)
		if (nth_node(doc, i, node, size))
			return true;
	return false;
}

/* The one that the boot armed. */
static const char *armed_by_boot(const struct doctor *doc)
{
	json_object *wdt;

	if (doc->st.boot == NULL || !json_object_object_get_ex(doc->st.boot, "watchdog", &wdt))
		return NULL;
	return boot_json_text(wdt, "device");
}

/* The name of the node to look at; false: there is none at all. */
static bool pick_node(struct doctor *doc, const char *wanted, char *node, size_t size)
{
	const char *armed = armed_by_boot(doc);

	if (strncmp(wanted, "/dev/", 5) != 0 && armed != NULL)
		wanted = armed;
	if (strncmp(wanted, "/dev/", 5) == 0) {
		const char *name = strrchr(wanted, '/') + 1;

		if (strcmp(name, UNNUMBERED) == 0 && nth_node(doc, 0, node, size))
			return true;
		snprintf(node, size, "%s", name);
		if (has_node(doc, node))
			return true;
	}
	if (!doctor_watchdog_find(doc, node, size))
		return false;
	if (strncmp(wanted, "/dev/", 5) == 0)
		doctor_report(doc, DOCTOR_WARNING, "watchdog-other",
			      "name the right one: [watchdog] device= of system.conf",
			      "there is no %s; /dev/%s is used", wanted, node);
	return true;
}

/* What the boot made of the configuration, if it said so. */
static enum conf_handover handover_used(const struct doctor *doc)
{
	static const struct {
		const char *name;
		enum conf_handover handover;
	} names[] = {
		{ "system", CONF_HANDOVER_SYSTEM },
		{ "keeper", CONF_HANDOVER_KEEPER },
		{ "release", CONF_HANDOVER_RELEASE },
	};

	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(doc->st.watchdog.handover, names[i].name) == 0)
			return names[i].handover;
	}
	return doc->d->conf.handover;
}

static void check_guardian(struct doctor *doc)
{
	const struct status_guardian *g = &doc->st.guardian;
	const struct status_watchdog *w = &doc->st.watchdog;
	bool nothing_to_feed = w->known && w->device[0] == '\0';
	const char *missed = g->missed;

	/* It may never have come to be, or nobody says. */
	if (!g->started && !nothing_to_feed && handover_used(doc) == CONF_HANDOVER_KEEPER &&
	    mark_guardian_find(doc->d) == 0)
		missed = "it should feed the watchdog (handover=keeper)";
	if (missed != NULL && g->pid != 0)
		doctor_report(
			doc, DOCTOR_ERROR, "guardian-idle",
			"find out what stopped it; kill -CONT resumes it, and a restart ends the trial",
			"the guardian (process %d) %s: %s", (int)g->pid,
			g->stopped ? "is stopped" : "does not answer", missed);
	else if (missed != NULL)
		doctor_report(
			doc, DOCTOR_ERROR, "guardian-gone",
			"see the log for why it ended; check whether a script kills all processes",
			"no guardian runs (%s/guardian): %s", doc->d->opts->run_dir, missed);
}

/* Who has to feed it now, and whether that happens. */
static void check_feeding(struct doctor *doc, const char *node)
{
	char state[16], nowayout[8];
	bool known = read_attribute(doc, node, "state", state, sizeof(state));
	bool idle = known && strcmp(state, "inactive") == 0;

	switch (handover_used(doc)) {
	case CONF_HANDOVER_SYSTEM:
		if (idle)
			doctor_report(
				doc, DOCTOR_ERROR, "watchdog-idle",
				"let the system feed it (systemd: RuntimeWatchdogSec=), or set [watchdog] handover=keeper",
				"/dev/%s does not run: a hang of the running system does not end in a restart",
				node);
		if (doctor_exists(doc, "/run/systemd/system") && !doctor_exists(doc, DROP_IN))
			doctor_report(
				doc, DOCTOR_WARNING, "watchdog-systemd",
				"boot with Keelboot's init, which writes it, or set RuntimeWatchdogSec= in systemd's system.conf",
				"systemd does not know the watchdog: no %s", DROP_IN);
		break;
	case CONF_HANDOVER_KEEPER:
		break; /* the guardian's */
	case CONF_HANDOVER_RELEASE:
		if (read_attribute(doc, node, "nowayout", nowayout, sizeof(nowayout)) &&
		    strcmp(nowayout, "0") != 0)
			doctor_report(
				doc, DOCTOR_ERROR, "watchdog-nowayout",
				"load its module without nowayout, or set [watchdog] handover=keeper",
				"handover=release, but /dev/%s cannot be stopped (nowayout)", node);
		doctor_report(doc, DOCTOR_NOTE, "watchdog-released",
			      "set [watchdog] handover=system or keeper to have it all the time",
			      "handover=release: a hang of a good slot does not end in a restart");
		break;
	}
}

static void check_abilities(struct doctor *doc, const char *node)
{
	char identity[64], options[32], nowayout[8];
	unsigned long bits;

	if (strcmp(node, UNNUMBERED) == 0) {
		doctor_report(
			doc, DOCTOR_NOTE, "watchdog-unseen",
			"nothing to do; `keelboot status` shows what the boot armed",
			"/dev/%s: its driver does not report whether it runs (a BMC's never does)",
			node);
		return;
	}
	if (!read_attribute(doc, node, "identity", identity, sizeof(identity))) {
		doctor_report(doc, DOCTOR_NOTE, "watchdog-unseen",
			      "build the kernel with CONFIG_WATCHDOG_SYSFS=y",
			      "/dev/%s cannot be inspected without arming it", node);
		return;
	}
	if (strcmp(identity, "Software Watchdog") == 0)
		doctor_report(doc, DOCTOR_WARNING, "watchdog-software",
			      "use the hardware's watchdog: pack its driver into the initramfs",
			      "/dev/%s is softdog: it cannot end a hang of the kernel itself",
			      node);
	if (!read_attribute(doc, node, "options", options, sizeof(options)))
		return;
	bits = strtoul(options, NULL, 0);
	if (!(bits & MAGICCLOSE) &&
	    read_attribute(doc, node, "nowayout", nowayout, sizeof(nowayout)) &&
	    strcmp(nowayout, "0") == 0)
		doctor_report(doc, DOCTOR_WARNING, "watchdog-stops-on-close",
			      "load its module with nowayout=1",
			      "/dev/%s (%s) stops when the process that feeds it ends", node,
			      identity);
	if (!(bits & CARDRESET) && doc->d->conf.count == CONF_COUNT_AUTO)
		doctor_report(doc, DOCTOR_NOTE, "watchdog-no-cause",
			      "nothing to do; pstore reports kernel panics, too",
			      "/dev/%s (%s) cannot report that it reset the machine", node,
			      identity);
}

/* A driver that is not of the class heeds no parameter of it, and need not have loaded it. */
static void check_reboot(struct doctor *doc, const char *node)
{
	char text[16];

	if (strcmp(node, UNNUMBERED) == 0)
		return;
	if (!doctor_read(doc, "/sys/module/watchdog/parameters/stop_on_reboot", text, sizeof(text)))
		doctor_report(
			doc, DOCTOR_WARNING, "watchdog-stop-on-reboot", "use Linux 5.8 or later",
			"the kernel has no watchdog.stop_on_reboot: it may stop the watchdog at a reboot, and a shutdown that hangs does not end in a restart");
	else if (text[0] != '0')
		doctor_report(
			doc, DOCTOR_WARNING, "watchdog-stop-on-reboot",
			"add watchdog.stop_on_reboot=0 to the kernel command line",
			"the kernel may stop the watchdog at a reboot: a shutdown that hangs does not end in a restart");
}

static void check_watchdog_device(struct doctor *doc)
{
	const char *wanted =
		doc->cmd.watchdog[0] != '\0' ? doc->cmd.watchdog : doc->d->conf.watchdog;
	const char *armed = armed_by_boot(doc);
	char node[64];

	if (strcmp(wanted, "off") == 0) {
		doctor_report(
			doc, DOCTOR_WARNING, "watchdog-off",
			"set [watchdog] device= of system.conf, and remove keelboot.watchdog=off from the command line",
			"the watchdog is switched off: nothing ends a hang");
		return;
	}
	if (!pick_node(doc, wanted, node, sizeof(node))) {
		doctor_report(doc, DOCTOR_ERROR, "watchdog-none", FIX_MODULE,
			      "there is no watchdog: nothing ends a hang");
		return;
	}
	if (armed != NULL && armed[0] == '\0')
		doctor_report(
			doc, DOCTOR_ERROR, "watchdog-late", FIX_MODULE,
			"/dev/%s is there now, but the boot had none: a trial that hangs early is not ended",
			node);
	check_feeding(doc, node);
	check_abilities(doc, node);
	check_reboot(doc, node);
}

/* With what the hardware took, if the boot said so: that may be another timeout. */
static void check_stall(struct doctor *doc)
{
	const struct status_watchdog *w = &doc->st.watchdog;
	const struct conf *c = &doc->d->conf;
	uint32_t timeout = w->known ? (uint32_t)w->timeout_s : c->watchdog_timeout_s;

	if (w->known ? w->device[0] == '\0' : strcmp(c->watchdog, "off") == 0)
		return;
	if (stall_is_cut(c, timeout))
		doctor_report(
			doc, DOCTOR_WARNING, "progress-deadline",
			"set a longer [watchdog] timeout=, if the hardware has one, or a shorter progress-deadline=",
			"progress-deadline=%u needs a watchdog of %u s: with %u s an install is stopped after %u s without progress",
			c->progress_deadline_s, stall_timeout_s(c), timeout,
			(unsigned)(stall_limit_ms(c, timeout) / 1000));
}

void doctor_watchdog(struct doctor *doc)
{
	check_watchdog_device(doc);
	check_guardian(doc); /* a trial has one without any watchdog, too */
	check_stall(doc);
}
