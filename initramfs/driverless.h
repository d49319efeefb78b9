/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that are, or lead to, disks and media, and have no driver. */
#pragma once

#include <stdbool.h>

/* Why no disk is there: logs the first of them as errors. None that is packed fits, or theirs did
 * not load. */
void driverless_report(void);

/* The disk is there: logs the first for which no driver is packed, as an info. A driver that is
 * still being loaded is packed. */
void driverless_mention(bool (*is_packed)(const char *alias));
