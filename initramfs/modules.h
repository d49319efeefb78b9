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

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODULES_LIST	   "/etc/keelboot/modules"
#define MODULES_EXPORT	   "/run/keelboot/modules" /* for the running system */
#define MODULES_TEXT	   (64u << 10)		   /* bytes of the list */
#define MODULES_MAX	   1024u
#define MODULES_SIDE_MAX   4u	/* at once */
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
	/* it did not load */
	MODULE_FAILED = 128,
	MODULE_OF_WATCHDOGS = MODULE_FIRST | MODULE_DRIVER | MODULE_BLIND,
};

struct alias_table;

struct modules {
	struct module {
		const char *path, *params;
		/* bits of enum module_is */
		unsigned is;
		/* A bit for each before it in the list that it needs; noted where several are
		 * loaded side by side. */
		uint64_t needs[MODULES_MAX / 64];
	} module[MODULES_MAX];
	unsigned n;
	/* Knows what each needs. NULL: it is not known, and the order of the list tells. */
	const struct alias_table *table;
	/* one that takes long is not waited for, where others are loaded beside it */
	bool leaves_slow;
	/* the kernel's command line, of which only what `heeded` ([system] command-line=) names
	 * goes to modules, by the key MODULE.PARAMETER */
	const char *cmdline, *heeded;
	/* Called behind each module; may be NULL. True: the others need not be loaded now. */
	bool (*after)(void *ctx);
	void *ctx;
	/* Of modules_load.c: so many at once; those that are loaded just now; how many of a call
	 * are loaded, and whether `after` has enough. */
	unsigned side;
	struct modules_run {
		/* NULL: this place is free */
		struct module *one;
		/* of os_module_begin(); -1: its result is known */
		int fd;
		enum kb_err result;
		int errnum;
		uint64_t since_ms;
		/* parameters of the kernel command line; "": there are none, or it refused them */
		char own[MODULES_PARAMS_MAX];
	} run[MODULES_SIDE_MAX];
	unsigned loaded;
	bool enough;
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

/* Whether it is to be loaded, and was not tried. */
static inline bool modules_is_due(const struct module *one)
{
	return (one->is & (MODULE_WANTED | MODULE_TRIED)) == MODULE_WANTED;
}

/* Whether the list or the command line has parameters for one of them, heeded or not. */
bool modules_is_given(const struct modules *m, const struct module *one);

/* The parameters that the kernel command line has for one of them: as modules_params(), and says
 * what is left out. */
void modules_own_params(const struct modules *m, const struct module *one,
			char own[MODULES_PARAMS_MAX]);

/*
 * All that it is loaded with: those of the list, and own.
 *
 * watchdog.ko gets stop_on_reboot=0 unless the list or the command line says otherwise: a watchdog
 * that is stopped by a reboot does not cover a shutdown that hangs.
 */
void modules_compose(char params[MODULES_PARAMS_MAX], const struct module *one, const char *own);

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

/* Whether the root that is mounted has modules for the kernel of this release. */
bool modules_in_root(const char *release) KB_MUST_CHECK;

/*
 * Writes MODULES_EXPORT for the running system: the name of each module, one on a line, but for
 * those that did not load. What a boot did not ask for, the next one may. A failure is logged.
 */
void modules_export(const struct modules *m);
