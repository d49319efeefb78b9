/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/select/generator.h"

#include "initramfs/select/handout.h"
#include "initramfs/settings.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_select.h"
#include "lib/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CALLS "/usr/lib/keelboot/call.sh"
#define UNITS "/usr/lib/systemd/system"

/* ---------------------------------------------------------------- files below the folder */

/* False, which is logged: it is missing. */
static bool make_folder(const char *folder, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (os_mkdir(path, 0755) == KB_OK)
		return true;
	log_err("unable to make %s: %m", path);
	return false;
}

static void put_unit(const char *folder, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void put_unit(const char *folder, const char *name, const char *fmt, ...)
{
	char path[512], text[1024];
	va_list ap;
	int n;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text) || os_write_file(path, text, (size_t)n) != KB_OK)
		log_err("unable to write %s: %m", path);
}

static void put_link(const char *folder, const char *target, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (os_select_link(target, path) != KB_OK)
		log_err("unable to make the link %s: %m", path);
}

/* ---------------------------------------------------------------- the units */

/* What pulls in the units that are files. */
static void want_units(const char *folder)
{
	if (make_folder(folder, "sysinit.target.wants"))
		put_link(folder, UNITS "/keelboot-arm.service",
			 "sysinit.target.wants/keelboot-arm.service");
	if (!make_folder(folder, "initrd.target.wants"))
		return;
	put_link(folder, UNITS "/keelboot-enter.service",
		 "initrd.target.wants/keelboot-enter.service");
	put_link(folder, UNITS "/keelboot-reload.service",
		 "initrd.target.wants/keelboot-reload.service");
}

/* By what it is known to mount with; before a slot is chosen, by what the maker and the command
 * line say. */
static void put_root(const char *folder, const struct root *root)
{
	struct handout h;
	bool chosen = os_exists(HANDOUT_FILE) && handout_read(&h) == KB_OK;
	const char *type = chosen ? h.root.fstype : root->fstype;
	const char *options = chosen ? h.root.options : root->options;

	put_unit(folder, "sysroot.mount",
		 "[Unit]\nDescription=Root that Keelboot chose\nDefaultDependencies=no\n"
		 "Requires=keelboot-select.service\nAfter=keelboot-select.service\n"
		 "Before=initrd-root-fs.target\n"
		 "[Mount]\nWhat=" HANDOUT_LINK "\nWhere=/sysroot\nType=%s\nOptions=ro%s%s\n",
		 type[0] != '\0' ? type : "auto", options[0] != '\0' ? "," : "", options);
	if (make_folder(folder, "initrd-root-fs.target.requires"))
		put_link(folder, "../sysroot.mount",
			 "initrd-root-fs.target.requires/sysroot.mount");
	/* The name under which systemd makes it wait for the device of root=. */
	if (make_folder(folder, "initrd-root-device.target.d"))
		put_unit(
			folder, "initrd-root-device.target.d/50-root-device.conf",
			"[Unit]\nRequires=keelboot-select.service\nAfter=keelboot-select.service\n");
}

/* Instead of a prompt: what notes the failure, and restarts. */
static void put_emergency(const char *folder)
{
	static const char *const services[] = { "emergency.service.d", "rescue.service.d",
						"dracut-emergency.service.d" };
	char name[64];

	for (unsigned i = 0; i < KB_ARRAY_LEN(services); i++) {
		snprintf(name, sizeof(name), "%s/keelboot.conf", services[i]);
		if (make_folder(folder, services[i]))
			put_unit(folder, name,
				 "[Service]\nExecStartPre=-/bin/sh -c '. " CALLS
				 "; keelboot_call fail \"initramfs cannot enter it\"'\n");
	}
}

/* What would do harm in an initramfs. A system that sleeps remembers its disks as they were before
 * we looked at them; and its device may be gone, for which systemd waits longer than the watchdog.
 * The records of a panic would be moved into memory, before we read them; the system of the slot
 * takes what we leave. */
static void mask_units(const char *folder)
{
	put_link(folder, "/dev/null", "systemd-hibernate-resume.service");
	put_link(folder, "/dev/null", "systemd-hibernate-resume@.service");
	put_link(folder, "/dev/null", "systemd-pstore.service");
}

/* What was handed out is started, where it is not what systemd starts by itself: that heeds init=,
 * which the maker may have forbidden. */
static void put_init(const char *folder, const struct boot *b)
{
	bool usual = strcmp(b->conf.init, "/sbin/init") == 0 || b->cmd.init[0] != '\0';

	if (usual && strcmp(b->conf.overlay, "off") == 0 &&
	    strcmp(b->conf.command_line, "all") == 0)
		return;
	if (make_folder(folder, "initrd-switch-root.service.d"))
		put_unit(folder, "initrd-switch-root.service.d/keelboot.conf",
			 "[Service]\nEnvironmentFile=" HANDOUT_FILE "\nExecStart=\n"
			 "ExecStart=systemctl --no-block switch-root /sysroot ${KEELBOOT_INIT}\n");
}

/* What is no slot is measured before it gets the machine: the PCR of one that measures itself would
 * have the value of a slot. */
static void want_measured(const char *folder)
{
	static const char *const units[] = { "initrd-root-fs.target.d", "sysroot.mount.d" };
	char name[64];

	for (unsigned i = 0; i < KB_ARRAY_LEN(units); i++) {
		snprintf(name, sizeof(name), "%s/keelboot.conf", units[i]);
		if (make_folder(folder, units[i]))
			put_unit(
				folder, name,
				"[Unit]\nRequires=keelboot-select.service\nAfter=keelboot-select.service\n");
	}
	put_emergency(folder);
}

int generator_main(int argc, char **argv)
{
	static struct boot b;
	const char *early = argc == 4 ? argv[2] : "";

	if (argc != 4)
		return 3;
	if (!os_exists("/etc/initrd-release") || os_exists(ASIDE_FILE))
		return 0;
	settings_peek(&b);
	if (!b.cmd.enable) {
		log_warn("keelboot.enable=0: this boot goes on without Keelboot");
		if (b.conf.measure_pcr != 0)
			want_measured(early);
		return 0;
	}
	want_units(early);
	put_root(early, &b.root);
	put_emergency(early);
	mask_units(early);
	put_init(early, &b);
	return 0;
}
