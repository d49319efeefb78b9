/* SPDX-License-Identifier: Apache-2.0 */
/* The devices whose drivers wait for a supplier: a clock, a regulator, a phy that no driver has. */
#pragma once

/* Logs the first of them, each with what it waits for, if the kernel says so. Needs
 * CONFIG_DEBUG_FS; mounts debugfs for as long as it reads. */
void deferred_report(void);
