/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel modules that mkinitramfs resolved, in the order in which they must be loaded. The
 * list has one module on a line, "PATH" or "PATH PARAMETERS" (for instance "/lib/modules/6.1.0/
 * kernel/drivers/watchdog/softdog.ko soft_margin=30"); empty lines and '#' lines are skipped.
 *
 * finit_module() does not see `module.parameter=value` of the kernel command line, so those words
 * are added here, behind the ones of the list, which they so override. A module that does not load
 * with them is loaded without: whoever edits the line cannot take away the disk by a bad value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define MODULES_LIST	   "/etc/keelboot/modules"
#define MODULES_TEXT	   (64u << 10) /* bytes of the list */
#define MODULES_MAX	   1024u
#define MODULES_PARAMS_MAX 1024 /* bytes; more are left out, with a warning */

/* What mkinitramfs says of a module, or the hardware: a reason why it is loaded, or when. */
enum module_is {
	/* something asked for it */
	MODULE_ASKED = 1,
	/* it is to be loaded, and what it needs is, too */
	MODULE_WANTED = 2,
	/* it was tried, once and for all */
	MODULE_TRIED = 4,
	/* see ALIAS_ALWAYS and the like in alias_table.h */
	MODULE_ALWAYS = 8,
	MODULE_FIRST = 16,
	MODULE_DRIVER = 32,
	MODULE_BLIND = 64,
};

struct modules {
	struct module {
		const char *path, *params;
		/* bits of enum module_is */
		unsigned is;
	} module[MODULES_MAX];
	unsigned n;
	/* the kernel's command line, of which only what `heeded` ([system] command-line=) names
	 * goes to modules, by the key MODULE.PARAMETER */
	const char *cmdline, *heeded;
	/* Called behind each module; may be NULL. True: the others need not be loaded now. */
	bool (*after)(void *ctx);
	void *ctx;
	/* the list, in which the lines are cut */
	char text[MODULES_TEXT];
};

/* Reads a list; none is an empty one. The other fields of m are the caller's. */
void modules_read(struct modules *m, const char *list);

/* The module of this name, which has len letters; '-' and '_' are the same. NULL: not in the list.
 */
struct module *modules_find(struct modules *m, const char *name, size_t len);

/* Whether the command line has parameters for the module whose file is path, heeded or not. */
bool modules_in_cmdline(const char *cmdline, const char *path);

/* Whether the list or the command line has parameters for one of them, heeded or not. */
bool modules_is_given(const struct modules *m, const struct module *one);

/*
 * Loads what is wanted and was not tried, in the order of the list. A module that fails is logged
 * and skipped: hardware that is missing is no error. Returns how many are loaded now, what was
 * there already included.
 *
 * The files are deleted: an initramfs is memory, of which a small device has little to give.
 *
 * watchdog.ko gets stop_on_reboot=0 unless the list or the command line says otherwise: a watchdog
 * that is stopped by a reboot does not cover a shutdown that hangs.
 */
unsigned modules_load_wanted(struct modules *m);

/* The name of a module in its path: "/lib/x/usb-storage.ko.xz" has "usb-storage", of len letters.
 */
const char *modules_name(const char *path, size_t *len);

/*
 * Writes to out (of size bytes) the words `parameter=value` that cmdline has, and heeded names, for
 * the module whose file is path, separated by blanks. '-' and '_' are the same in the module's
 * name. Returns false if something had to be left out.
 */
bool modules_params(char *out, size_t size, const char *path, const char *cmdline,
		    const char *heeded);
