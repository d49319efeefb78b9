/* SPDX-License-Identifier: Apache-2.0 */
/* The guardian of this boot, and the watchdog that it feeds. */
#pragma once

#include "cli/guard/guard_boot.h"

/* Process 1 has a watchdog open. root: before /proc; "". */
bool guard_watch_is_fed(const char *root);

/*
 * Arms the watchdog, unless process 1 feeds it, and starts the guardian for a trial, or (trial
 * false) only to feed. Writes b's watchdog and its due time. False: there is none, which was
 * reported; the deadline of b is 0 then.
 */
bool guard_watch_start(const struct device *d, struct guard_boot *b, bool trial);
