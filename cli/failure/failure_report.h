/* SPDX-License-Identifier: Apache-2.0 */
/* Last words of the running system, before a verdict ends its trial. */
#pragma once

#include "cli/device/device.h"
#include "lib/tail.h"

/*
 * Keeps on the state partition what a check said (NULL: none), then what systemd and its journal
 * say: failed units and warnings. Waits for the lock as a verdict does, and for systemd a few
 * seconds. A failure costs a warning.
 */
void failure_report(const struct device_options *o, const struct tail *check);
