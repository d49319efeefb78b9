/* SPDX-License-Identifier: Apache-2.0 */
/* Why there is no watchdog in hardware, though its driver is in the initramfs. */
#pragma once

#include <stddef.h>

#define WDT_ABSENT_LIST "/etc/keelboot/watchdogs" /* of mkinitramfs: the drivers it packed */
#define WDT_ABSENT_MAX	160

/*
 * Writes to out what a person ought to know: of a driver that did not bind its device
 * (a firmware may have switched it off), else that none of those that were packed found any. The
 * former is seen only of devices that bear their driver's name, which none of a device tree or of
 * PCI does. "": none was packed.
 */
void wdt_absent(char *out, size_t size);
