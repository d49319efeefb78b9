/* SPDX-License-Identifier: Apache-2.0 */
/* The root of a release that does not run, for its own programs. */
#pragma once

#include "cli/device/device.h"

#include <stdbool.h>

/*
 * Mounts the slot read-only below the run folder, unseen by others, with /dev, /proc, /sys, /run,
 * /tmp, /var and the data of the running system inside. False: why not. A slot that runs through
 * dm-verity is none that may be mounted without it.
 */
bool health_root_enter(struct device *d, int slot, char root[DEVICE_PATH_MAX],
		       char why[HISTORY_TEXT_MAX + 1]);

void health_root_leave(const char *root);
