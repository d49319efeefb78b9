/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/hardware.h"

#include "initramfs/alias_table.h"
#include "initramfs/bus.h"
#include "initramfs/disks/probe_uevent.h"
#include "initramfs/modules_load.h"
#include "initramfs/watchdog.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

#define BUSES_MAX   96
#define MODALIAS    "MODALIAS="
#define DEVICE_TREE "/sys/firmware/devicetree"
/* A chipset's driver makes the device that the watchdog's looks for; a controller its disks. */
#define ROUNDS	    6

static struct hardware {
	struct alias_table table;
	struct modules list;
	/* else all of the list are loaded */
	bool by_table;
	/* what is loaded now stops when the watchdog is armed */
	bool until_armed;
	/* the table names a module that the list has not */
	bool at_odds;
} hw;

/* ---------------------------------------------------------------- what is asked for */

static void mark_module(void *ctx, const char *name, size_t len)
{
	const unsigned *is = ctx;
	struct module *m = modules_find(&hw.list, name, len);

	if (m != NULL)
		m->is |= *is;
	else if (!hw.at_odds)
		log_warn("modules: " ALIAS_TABLE_FILE " names %.*s, which is not in the list",
			 (int)len, name);
	hw.at_odds = hw.at_odds || m == NULL;
}

/* For most machines it has nothing to do without. */
static void mark_given(void *ctx, const char *name, size_t len)
{
	const struct module *m = modules_find(&hw.list, name, len);

	if (m == NULL || modules_is_given(&hw.list, m))
		mark_module(ctx, name, len);
}

static void ask(const char *name, unsigned is)
{
	alias_table_ask(&hw.table, name, mark_module, &is);
}

/* A device may have one name by ACPI, and one by the device tree. */
static void ask_for(const char *uevent, size_t len)
{
	for (size_t at = 0; at < len; at += strnlen(uevent + at, len - at) + 1) {
		if (strncmp(uevent + at, MODALIAS, strlen(MODALIAS)) == 0)
			ask(uevent + at + strlen(MODALIAS), MODULE_ASKED);
	}
}

/* False: it is about none that has come. */
static bool ask_for_new(const char *uevent, size_t len)
{
	if (!probe_uevent_is(uevent, len, "add") ||
	    probe_uevent_value(uevent, len, "MODALIAS") == NULL)
		return false;
	ask_for(uevent, len);
	return true;
}

static void look_at_device(void *ctx, const char *name, const char *uevent, size_t len)
{
	(void)ctx, (void)name;
	ask_for(uevent, len);
}

/* A bus that no pattern names has none of their devices, but for those that a device tree
 * describes: of all buses. Servers have hundreds of "memory" devices. */
static void look_at_devices(void)
{
	static char buses[BUSES_MAX][64];
	bool tree = os_exists(DEVICE_TREE) && alias_table_has_bus(&hw.table, "of");
	unsigned n = 0;

	if (os_list(BUS_DIR, buses, BUSES_MAX, &n) != KB_OK)
		return;
	for (unsigned i = 0; i < n; i++) {
		if (tree || alias_table_has_bus(&hw.table, buses[i]))
			bus_each(buses[i], look_at_device, NULL);
	}
	if (alias_table_has_bus(&hw.table, "dmi"))
		bus_look("/sys/class/dmi/id", "dmi", look_at_device, NULL);
}

/* ---------------------------------------------------------------- what is loaded */

static bool is_armed(const struct boot *b)
{
	return b->wdt.armed || strcmp(b->conf.watchdog, "off") == 0;
}

/* One watchdog is enough. Where none is wanted, a board loads the driver of its own all the same:
 * many can restart by nothing else. */
static bool is_spared(const struct boot *b, const struct module *m)
{
	if (!(m->is & (MODULE_DRIVER | MODULE_BLIND)) || m->is & MODULE_ALWAYS || !is_armed(b))
		return false;
	return b->wdt.armed || m->is & MODULE_BLIND || !os_exists(DEVICE_TREE);
}

static bool arm_after_a_module(void *ctx)
{
	struct boot *b = ctx;

	watchdog_arm_late(b);
	return hw.until_armed && is_armed(b);
}

static void add_name(char *names, size_t size, const char *name, size_t len)
{
	size_t used = strlen(names);

	snprintf(names + used, size - used, " %.*s", (int)len, name);
}

/* Until a watchdog counts, its drivers go one after the other: the first that finds one spares the
 * others, and some probe ports. */
static unsigned load_wanted(const struct boot *b)
{
	unsigned wanted = 0;

	for (unsigned i = 0; i < hw.list.n; i++)
		wanted |= modules_is_due(&hw.list.module[i]) ? hw.list.module[i].is : 0;
	hw.list.table = &hw.table;
	if (hw.table.n == 0 || hw.at_odds || (wanted & MODULE_OF_WATCHDOGS && !is_armed(b)))
		hw.list.table = NULL;
	return modules_load_wanted(&hw.list);
}

/* All that are this, and what they need. Returns how many were loaded. */
static unsigned load(const struct boot *b, unsigned is)
{
	char needs[96], names[256] = "";
	unsigned loaded;

	for (unsigned i = 0; i < hw.list.n; i++) {
		struct module *m = &hw.list.module[i];
		size_t len;
		const char *name = modules_name(m->path, &len);

		if ((m->is & is) != is || m->is & (MODULE_WANTED | MODULE_TRIED))
			continue;
		if (is_spared(b, m))
			continue;
		m->is |= MODULE_WANTED;
		snprintf(needs, sizeof(needs), ALIAS_NEEDS "%.*s", (int)len, name);
		ask(needs, MODULE_WANTED);
		add_name(names, sizeof(names), name, len);
	}
	if (names[0] != '\0')
		log_info("modules: loading%s", names);
	loaded = load_wanted(b);
	/* What the first watchdog spared is not loaded later, either. */
	for (unsigned i = 0; i < hw.list.n; i++)
		hw.list.module[i].is &= ~(unsigned)MODULE_WANTED;
	return loaded;
}

static void load_rest(const struct boot *b)
{
	if (hw.by_table && !hw.at_odds)
		load(b, MODULE_FIRST);
	hw.by_table = false;
	for (unsigned i = 0; i < hw.list.n; i++) {
		if (!is_spared(b, &hw.list.module[i]))
			hw.list.module[i].is |= MODULE_WANTED;
	}
	load_wanted(b);
}

static void load_what_is_asked_for(struct boot *b)
{
	load(b, MODULE_ASKED);
	if (hw.at_odds && hw.by_table)
		hardware_load_all(b, "the table is damaged");
}

/* ---------------------------------------------------------------- the files */

static bool read_table(void)
{
	unsigned line;
	const char *why;
	size_t len;

	hw.table.n = 0;
	if (hw.list.n == 0 || !os_exists(ALIAS_TABLE_FILE))
		return false;
	if (os_read_file(ALIAS_TABLE_FILE, hw.table.text, sizeof(hw.table.text), &len) != KB_OK) {
		log_warn("modules: unable to read " ALIAS_TABLE_FILE
			 ": %m; all packed modules are loaded");
		return false;
	}
	if (alias_table_parse(&hw.table, len, &line, &why) == KB_OK)
		return true;
	log_warn("modules: " ALIAS_TABLE_FILE
		 " is damaged in line %u: %s; all packed modules are loaded",
		 line, why);
	return false;
}

static void read_files(struct boot *b)
{
	unsigned always = MODULE_ALWAYS;

	hw.list.cmdline = b->cmdline;
	hw.list.heeded = b->conf.command_line;
	hw.list.after = arm_after_a_module;
	hw.list.ctx = b;
	hw.at_odds = hw.until_armed = hw.list.leaves_slow = false;
	modules_read(&hw.list, MODULES_LIST);
	hw.by_table = read_table();
	if (!hw.by_table)
		return;
	ask(ALIAS_ALWAYS, MODULE_ALWAYS);
	alias_table_ask(&hw.table, ALIAS_GIVEN, mark_given, &always);
	ask(ALIAS_FIRST, MODULE_FIRST);
	ask(ALIAS_DRIVER, MODULE_DRIVER);
	ask(ALIAS_BLIND, MODULE_BLIND);
}

/* ---------------------------------------------------------------- interface */

/* A driver that has found its watchdog spares the boot the chipset's others. */
static void load_of_watchdogs(const struct boot *b)
{
	for (unsigned i = 0; i < ROUNDS && !is_armed(b); i++) {
		look_at_devices();
		if (load(b, MODULE_ASKED | MODULE_DRIVER) == 0 &&
		    load(b, MODULE_ASKED | MODULE_FIRST) == 0)
			return;
	}
}

static void load_for_watchdog(struct boot *b)
{
	hw.until_armed = true;
	load(b, MODULE_ALWAYS | MODULE_FIRST);
	/* It may be on a bus whose host is among all others. */
	for (unsigned i = 0; i < ROUNDS && !is_armed(b); i++) {
		load_of_watchdogs(b);
		if (is_armed(b) || load(b, MODULE_ASKED) == 0)
			break;
	}
	if (!is_armed(b))
		load(b, MODULE_BLIND);
	hw.until_armed = false;
}

void hardware_load_watchdog(struct boot *b)
{
	read_files(b);
	/* One that the kernel has built in: before the init of a driver can hang. */
	watchdog_arm_late(b);
	if (hw.by_table)
		load_for_watchdog(b);
	else
		load_rest(b);
	watchdog_arm(b);
}

/* Something new, or all that is there. What comes by that has uevents of its own. */
static void load_for_uevent(struct boot *b, const char *uevent, size_t len)
{
	if (!hw.by_table)
		return;
	if (uevent != NULL) {
		if (!ask_for_new(uevent, len))
			return;
		load_what_is_asked_for(b);
		return;
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		look_at_devices();
		if (load(b, MODULE_ASKED) == 0 || b->probe.uevent_fd >= 0)
			break;
	}
	load_what_is_asked_for(b);
}

/* What it makes has uevents: nobody waits here for a driver that takes long. */
static void hear(void *ctx, const char *uevent, size_t len)
{
	hw.list.leaves_slow = true;
	load_for_uevent(ctx, uevent, len);
	hw.list.leaves_slow = false;
}

bool hardware_look(struct boot *b)
{
	if (hw.by_table) {
		look_at_devices();
		load_what_is_asked_for(b);
	}
	return hw.by_table;
}

void hardware_listen(struct boot *b)
{
	hw.list.leaves_slow = true;
	if (hw.by_table)
		load(b, MODULE_ALWAYS);
	hw.list.leaves_slow = false;
	b->probe.hear = hear;
	b->probe.hear_ctx = b;
}

bool hardware_is_loading(void *boot)
{
	(void)boot;
	return modules_load_goes_on(&hw.list);
}

bool hardware_packs(const char *alias)
{
	return hw.table.n == 0 || alias_table_knows(&hw.table, alias);
}

void hardware_need(struct boot *b, const char *name)
{
	if (!hw.by_table)
		return;
	ask(name, MODULE_ASKED);
	load_what_is_asked_for(b);
}

void hardware_need_type(struct boot *b, const char *fstype)
{
	char name[64];

	if (!hw.by_table)
		return;
	if (fstype[0] != '\0' && strcmp(fstype, "auto") != 0) {
		snprintf(name, sizeof(name), "fs-%.60s", fstype);
		hardware_need(b, name);
		return;
	}
	for (unsigned i = 0; i < hw.table.n; i++) {
		if (strncmp(hw.table.line[i].pattern, "fs-", 3) == 0)
			ask(hw.table.line[i].pattern, MODULE_ASKED);
	}
	load_what_is_asked_for(b);
}

void hardware_leave_to(struct boot *b)
{
	char release[96];

	if (!hw.by_table ||
	    os_read_file("/proc/sys/kernel/osrelease", release, sizeof(release), NULL) != KB_OK)
		return;
	release[strcspn(release, "\n")] = '\0';
	if (modules_in_root(release))
		return;
	log_info("modules: the root has none for %s, so it gets all that are packed", release);
	load_rest(b);
}

void hardware_export(void)
{
	modules_export(&hw.list);
}

void hardware_load_all(struct boot *b, const char *why)
{
	unsigned left = 0;

	if (!hw.by_table)
		return;
	for (unsigned i = 0; i < hw.list.n; i++)
		left += !(hw.list.module[i].is & MODULE_TRIED);
	log_warn("modules: %s: the hardware asked for %u of %u; all others are loaded, too", why,
		 hw.list.n - left, hw.list.n);
	load_rest(b);
}
