/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/select/drivers.h"

#include "initramfs/alias_table.h"
#include "initramfs/modules.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define MODPROBE     "/sbin/modprobe"
#define BUSES	     "/sys/bus"
#define RELEASE	     "/proc/sys/kernel/osrelease"
#define LOAD_MS	     15000
#define TABLE_MAX    (64u << 10)
#define PATTERNS_MAX 2048
#define DRIVERS_MAX  64
#define FILES_MAX    256
#define HANGS_MAX    3 /* each takes seconds; then no more is loaded */
/* A chipset's driver makes the device that the watchdog's looks for. */
#define ROUNDS	     3

struct drivers {
	char text[TABLE_MAX];
	struct pattern {
		const char *text;
		/* so many letters stand for themselves: most devices differ in these */
		size_t plain;
		unsigned driver;
	} pattern[PATTERNS_MAX];
	unsigned npatterns;
	/* in their order: it needs those before it */
	struct file {
		const char *path, *params;
		unsigned driver;
	} file[FILES_MAX];
	unsigned nfiles;
	struct driver {
		const char *name;
		bool wanted, loaded;
	} driver[DRIVERS_MAX];
	unsigned ndrivers;
	/* whose init does not end */
	unsigned nhangs;
	/* the folder that is looked at */
	char devices[128];
	char release[80];
};

/* ---------------------------------------------------------------- the table */

static void add_file(struct drivers *d, unsigned driver, char *path)
{
	char *params = strchr(path, ' ');

	if (d->nfiles == FILES_MAX)
		return;
	if (params != NULL)
		*params++ = '\0';
	d->file[d->nfiles++] = (struct file){ path, params != NULL ? params : "", driver };
}

static void add_line(struct drivers *d, char *line)
{
	char *blank = strchr(line, ' ');
	unsigned m = 0;

	if (blank != NULL)
		*blank = '\0';
	while (m < d->ndrivers && strcmp(d->driver[m].name, line) != 0)
		m++;
	if (m == DRIVERS_MAX || d->npatterns == PATTERNS_MAX || line[0] == '\0')
		return;
	if (m == d->ndrivers)
		d->driver[d->ndrivers++] = (struct driver){ .name = line };
	if (blank != NULL && blank[1] == '/')
		add_file(d, m, blank + 1);
	else if (blank != NULL)
		d->pattern[d->npatterns++] = (struct pattern){ .text = blank + 1,
							       .plain = strcspn(blank + 1, "*?[\\"),
							       .driver = m };
}

static bool read_table(struct drivers *d)
{
	char *next;

	d->npatterns = d->ndrivers = d->nfiles = d->nhangs = 0;
	if (os_read_file(DRIVERS_FILE, d->text, sizeof(d->text), NULL) != KB_OK)
		return false;
	for (char *line = d->text; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		add_line(d, line);
	}
	if (os_read_file(RELEASE, d->release, sizeof(d->release), NULL) != KB_OK)
		d->nfiles = 0;
	d->release[strcspn(d->release, "\n")] = '\0';
	return d->ndrivers > 0;
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
			d->driver[d->pattern[i].driver].wanted = true;
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

/* Loaded, or built in. */
static bool is_in_kernel(const char *path)
{
	char sys[96] = "/sys/module/";
	size_t len, used = strlen(sys);
	const char *name = modules_name(path, &len);

	for (size_t i = 0; i < len && used < sizeof(sys) - 1; i++)
		sys[used++] = alias_table_letter(name[i]);
	sys[used] = '\0';
	return os_exists(sys);
}

/* As with modprobe, hardware that is missing is nothing special. */
static enum kb_err load_file(const struct drivers *d, const struct file *f)
{
	char path[256];
	enum kb_err err;

	if (is_in_kernel(f->path))
		return KB_OK;
	snprintf(path, sizeof(path), "/lib/modules/%s%s", d->release, f->path);
	err = os_finit_module(path, f->params);
	if (err == KB_ETIMEDOUT)
		log_warn("watchdog: the init of %s does not end: going on without it", path);
	return err != KB_OK && errno == ENODEV ? KB_OK : err;
}

/* Without modprobe, whose start costs more than all else here. False: that one has to do it. It
 * reads the parameters of the kernel's command line. */
static bool load_by_files(struct drivers *d, unsigned driver, const char *cmdline)
{
	enum kb_err err = KB_ENOENT;

	for (unsigned i = 0; i < d->nfiles; i++) {
		if (d->file[i].driver == driver && modules_in_cmdline(cmdline, d->file[i].path))
			return false;
	}
	for (unsigned i = 0; i < d->nfiles; i++) {
		if (d->file[i].driver != driver)
			continue;
		err = load_file(d, &d->file[i]);
		if (err != KB_OK)
			break;
	}
	d->nhangs += err == KB_ETIMEDOUT;
	return err == KB_OK || err == KB_ETIMEDOUT;
}

/* False: none is wanted that was not loaded. */
static bool report_wanted(const struct drivers *d)
{
	char names[256] = "";

	for (unsigned i = 0; i < d->ndrivers; i++) {
		const struct driver *m = &d->driver[i];
		size_t used = strlen(names);

		if (m->wanted && !m->loaded)
			snprintf(names + used, sizeof(names) - used, " %s", m->name);
	}
	if (names[0] != '\0')
		log_info("watchdog: loading%s", names);
	return names[0] != '\0';
}

/* All that are wanted and were not loaded, in the order of the table. False: there was none. */
static bool load_wanted(struct drivers *d, const char *cmdline)
{
	const char *argv[4 + DRIVERS_MAX + 1] = { "modprobe", "-q", "-a", "--" };
	unsigned n = 4;

	if (!report_wanted(d))
		return false;
	for (unsigned i = 0; i < d->ndrivers; i++) {
		struct driver *m = &d->driver[i];

		if (m->wanted && !m->loaded && d->nhangs < HANGS_MAX &&
		    !load_by_files(d, i, cmdline))
			argv[n++] = m->name;
		m->loaded = m->loaded || m->wanted;
	}
	if (d->nhangs == HANGS_MAX)
		log_warn("watchdog: %u drivers hang: the others are not tried", HANGS_MAX);
	if (n > 4)
		run_modprobe(argv);
	return true;
}

void drivers_load_watchdog(const char *dev, const char *cmdline)
{
	const char *node = dev[0] == '/' ? dev : "/dev/watchdog0";
	static struct drivers d;

	if (strcmp(dev, "off") == 0 || !os_executable(MODPROBE) || !read_table(&d))
		return;
	for (unsigned round = 0; round < ROUNDS; round++) {
		if (os_exists(node))
			return;
		look_at_hardware(&d);
		if (!load_wanted(&d, cmdline))
			break;
	}
	for (unsigned i = 0; i < d.ndrivers; i++)
		d.driver[i].wanted = true;
	load_wanted(&d, cmdline);
}
