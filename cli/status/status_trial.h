/* SPDX-License-Identifier: Apache-2.0 */
/* What a trial that runs waits for. */
#pragma once

#include <stddef.h>

#define STATUS_TRIAL_JOBS 3

/*
 * Takes from `systemctl list-jobs` the units that are being started at this moment, without those
 * of Keelboot, as "app.service, b.service and 2 more"; "" where there is none. PURE.
 */
void status_trial_jobs(const char *text, char *out, size_t size);
