/* SPDX-License-Identifier: Apache-2.0 */
/* What `keelboot health` does at the moment, in the run folder: for `keelboot status`. */
#pragma once

#include "cli/device/device.h"

#include <stdbool.h>
#include <stdint.h>

#define HEALTH_PHASE_MAX 96

struct health_phase {
	/* the check that runs, or "" */
	char check[HEALTH_PHASE_MAX];
	/* so much of commit-after= is left; 0: it does not wait for that */
	uint64_t left_s;
};

/* A check begins. */
void health_phase_check(const struct device *d, const char *name);

/* It waits until os_clock_ms() is until_ms. */
void health_phase_wait(const struct device *d, uint64_t until_ms);

void health_phase_end(const struct device *d);

/* False: no `keelboot health` is at work. */
bool health_phase_read(const struct device *d, struct health_phase *phase);
