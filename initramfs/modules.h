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
#define MODULES_PARAMS_MAX 1024 /* bytes; more are left out, with a warning */

/*
 * Loads every module of list; cmdline is the kernel's command line, of which only what `heeded`
 * ([system] command-line=) names goes to modules, by the key MODULE.PARAMETER. A module that fails
 * is logged and skipped: hardware that is missing is no error. Returns how many are loaded,
 * those that had been before included.
 *
 * The files are deleted: an initramfs is memory, of which a small device has little to give.
 *
 * after (may be NULL) is called behind each: the watchdog's modules stand first in the list, and it
 * can be armed before the next one is loaded.
 *
 * watchdog.ko gets stop_on_reboot=0 unless the list or the command line says otherwise: a watchdog
 * that is stopped by a reboot does not cover a shutdown that hangs.
 */
unsigned modules_load(const char *list, const char *cmdline, const char *heeded,
		      void (*after)(void *ctx), void *ctx);

/*
 * Writes to out (of size bytes) the words `parameter=value` that cmdline has, and heeded names, for
 * the module whose file is path, separated by blanks. '-' and '_' are the same in the module's
 * name. Returns false if something had to be left out.
 */
bool modules_params(char *out, size_t size, const char *path, const char *cmdline,
		    const char *heeded);
