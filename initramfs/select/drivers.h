/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drivers of watchdogs, in the initramfs of a distribution: loaded before its udev looks for
 * hardware, so that this is covered, too. The stand-alone init loads the modules of its own list
 * instead (modules.h).
 */
#pragma once

/* "MODULE PATTERN" a line, as in modules.alias, for each kind of hardware; "MODULE" for one that
 * names none. "MODULE /FILE" or "MODULE /FILE PARAMETERS" a line for what it is loaded from, below
 * the kernel's folder of modules; without such lines, modprobe loads it. The hook that makes the
 * initramfs writes it. */
#define DRIVERS_FILE "/etc/keelboot/watchdog-drivers"

/*
 * Loads those for whose hardware the machine has a device. Where the watchdog dev ("": any) is
 * missing then, it loads all others too: some can only find out themselves. Takes 75 s at most;
 * nothing here is fatal, and each failure is logged. A driver with parameters on the kernel's
 * command line is loaded by modprobe.
 */
void drivers_load_watchdog(const char *dev, const char *cmdline);
