/* SPDX-License-Identifier: Apache-2.0 */
/* [system] root-overlay=: what is to lie above the slot that boots. initramfs/overlay does it. */
#pragma once

#include "lib/err.h"

#include <stdbool.h>

#define ROOT_OVERLAY_WHY 200

struct boot;

struct root_overlay {
	/* what the running system has to know of it; "": nothing */
	char finding[ROOT_OVERLAY_WHY];
};

/* Once the slot is mounted: writes the plan to /run/keelboot, and gives it to b->root. Nothing that
 * fails stops a boot: the root is read-only then. */
void root_overlay_plan(struct boot *b);
