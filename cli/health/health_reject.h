/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a trial that does not work. */
#pragma once

#include "cli/device/device.h"
#include "lib/tail.h"

#include <stdbool.h>

/* The slot that runs is on trial, and this boot is what the trial waits for. After
 * device_open_to_read(). */
bool health_on_trial(const struct device *d);

/* The same, or it is bad and boots as the last resort: a verdict of this boot makes it good, for
 * the first time or again. */
bool health_is_unproven(const struct device *d);

/*
 * Runs red.d. A trial that another slot can replace then leaves its last words (NULL: only those of
 * the system), has its data migrated back, is marked bad, and the machine restarts: by the
 * guardian, or by reboot(8) where there is none. False, which it has reported: the trial goes on,
 * or there is none.
 */
bool health_reject(struct device *d, const char *reason, const struct tail *words);
