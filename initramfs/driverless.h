/* SPDX-License-Identifier: Apache-2.0 */
/* Why no disk is there, as far as the buses tell. */
#pragma once

/* Logs the first devices that are, or lead to, disks and media, and have no driver: none that is
 * packed fits them, or theirs did not load. */
void driverless_report(void);
