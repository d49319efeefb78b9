/* SPDX-License-Identifier: Apache-2.0 */
/* What was written above a release goes with the release. */
#pragma once

#include "initramfs/overlay/overlay_plan.h"

#define OVERLAY_SWEEP_MS 3000 /* a boot waits no longer; the next one goes on */

/* Deletes in dir the folders of releases that no slot holds any more, if the plan knows them. What
 * has no name of a release stays. Logs; no boot fails because of it. */
void overlay_sweep(const struct overlay_plan *p, const char *dir);
