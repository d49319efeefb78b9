/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/select/drivers.h"

#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define MODPROBE     "/sbin/modprobe"
#define BUSES	     "/sys/bus"
#define LOAD_MS	     15000
#define TABLE_MAX    (64u << 10)
#define PATTERNS_MAX 2048
#define MODULES_MAX  64
/* A chipset's driver makes the device that the watchdog's looks for. */
#define ROUNDS	     3

struct drivers {
	char text[TABLE_MAX];
	struct pattern {
		const char *text;
		/* so many letters stand for themselves: most devices differ in these */
		size_t plain;
		unsigned module;
	} pattern[PATTERNS_MAX];
	unsigned npatterns;
	struct module {
		const char *name;
		bool wanted, loaded;
	} module[MODULES_MAX];
	unsigned nmodules;
	/* the folder that is looked at */
	char devices[128];
};

/* ---------------------------------------------------------------- the table */

static void add_line(struct drivers *d, char *line)
{
	char *blank = strchr(line, ' ');
	unsigned m = 0;

	if (blank != NULL)
		*blank = '\0';
	while (m < d->nmodules && strcmp(d->module[m].name, line) != 0)
		m++;
	if (m == MODULES_MAX || d->npatterns == PATTERNS_MAX || line[0] == '\0')
		return;
	if (m == d->nmodules)
		d->module[d->nmodules++] = (struct module){ .name = line };
	if (blank != NULL)
		d->pattern[d->npatterns++] = (struct pattern){ .text = blank + 1,
							       .plain = strcspn(blank + 1, "*?[\\"),
							       .module = m };
}

static bool read_table(struct drivers *d)
{
	char *next;

	d->npatterns = d->nmodules = 0;
	if (os_read_file(DRIVERS_FILE, d->text, sizeof(d->text), NULL) != KB_OK)
		return false;
	for (char *line = d->text; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		add_line(d, line);
	}
	return d->nmodules > 0;
}

/* ---------------------------------------------------------------- the hardware */

static bool asks_for(const char *alias, const struct pattern *p)
{
	return strncmp(p->text, alias, p->plain) == 0 && fnmatch(p->text, alias, 0) == 0;
}

static enum kb_err visit_device(void *ctx, const char *name)
{
	struct drivers *d = ctx;
	char path[sizeof(d->devices) + 96], alias[512];

	snprintf(path, sizeof(path), "%s/%.80s/modalias", d->devices, name);
	if (os_read_file(path, alias, sizeof(alias), NULL) != KB_OK)
		return KB_OK;
	alias[strcspn(alias, "\n")] = '\0';
	for (unsigned i = 0; i < d->npatterns; i++) {
		if (asks_for(alias, &d->pattern[i]))
			d->module[d->pattern[i].module].wanted = true;
	}
	return KB_OK;
}

/* A bus that no pattern names has none of their devices, but for those that a device tree
 * describes: of all buses. Servers have hundreds of "memory" devices. */
static bool is_named(const struct drivers *d, const char *bus)
{
	for (unsigned i = 0; i < d->npatterns; i++) {
		const char *text = d->pattern[i].text;

		if (strncmp(text, bus, strlen(bus)) == 0 || strncmp(text, "of:", 3) == 0)
			return true;
	}
	return false;
}

static void look_at_hardware(struct drivers *d)
{
	static char buses[64][64];
	unsigned n = 0;

	if (os_list(BUSES, buses, KB_ARRAY_LEN(buses), &n) != KB_OK)
		return;
	for (unsigned i = 0; i < n; i++) {
		if (!is_named(d, buses[i]))
			continue;
		snprintf(d->devices, sizeof(d->devices), BUSES "/%.63s/devices", buses[i]);
		if (os_each(d->devices, visit_device, d) != KB_OK)
			continue; /* a bus without that folder */
	}
}

/* ---------------------------------------------------------------- loading */

/* That one which has no hardware fails is nothing special: modprobe's exit code tells nothing. */
static void run_modprobe(const char *const *argv)
{
	struct os_spawn sp = { .path = MODPROBE, .argv = argv, .fd3 = -1 };
	int status;
	pid_t pid;

	if (os_spawn(&sp, &pid) != KB_OK) {
		log_warn("watchdog: unable to start " MODPROBE ": %m");
		return;
	}
	if (os_wait(pid, LOAD_MS, &status) == KB_OK)
		return;
	log_warn("watchdog: a driver took more than %u s to load: going on without it",
		 LOAD_MS / 1000);
	if (os_kill(pid) != KB_OK)
		log_warn("watchdog: " MODPROBE " cannot be killed; it is left running");
}

/* All that are wanted and were not loaded, in the order of the table. False: there was none. */
static bool load_wanted(struct drivers *d)
{
	const char *argv[4 + MODULES_MAX + 1] = { "modprobe", "-q", "-a", "--" };
	char names[256] = "";
	unsigned n = 4;

	for (unsigned i = 0; i < d->nmodules; i++) {
		struct module *m = &d->module[i];
		size_t used = strlen(names);

		if (!m->wanted || m->loaded)
			continue;
		m->loaded = true;
		argv[n++] = m->name;
		snprintf(names + used, sizeof(names) - used, " %s", m->name);
	}
	if (n == 4)
		return false;
	log_info("watchdog: loading%s", names);
	run_modprobe(argv);
	return true;
}

void drivers_load_watchdog(const char *dev)
{
	const char *node = dev[0] == '/' ? dev : "/dev/watchdog0";
	static struct drivers d;

	if (strcmp(dev, "off") == 0 || !os_executable(MODPROBE) || !read_table(&d))
		return;
	for (unsigned round = 0; round < ROUNDS; round++) {
		if (os_exists(node))
			return;
		look_at_hardware(&d);
		if (!load_wanted(&d))
			break;
	}
	for (unsigned i = 0; i < d.nmodules; i++)
		d.module[i].wanted = true;
	load_wanted(&d);
}
