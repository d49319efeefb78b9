/* SPDX-License-Identifier: Apache-2.0 */
/* The devices whose drivers wait for a supplier: a clock, a regulator, a phy that no driver has. */
#pragma once

#include <stdbool.h>

/* Whether a host of USB is among them, or a bus on which one may be. False where the kernel does
 * not say, and on machines without a device tree, where nothing waits so. */
bool deferred_has_usb(void);

/* Logs the first of them, each with what it waits for, if the kernel says so. Needs
 * CONFIG_DEBUG_FS; mounts debugfs for as long as it reads. */
void deferred_report(void);

/* Whether this device was among those that deferred_report() saw last. */
bool deferred_has(const char *device);
