/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root that a distribution expects: one that can be written to, above a slot that cannot. Run
 * by process 1 when "/" is the slot already: by Keelboot's init, or by keelboot-overlay, which a
 * distribution's initramfs starts as init= (docs/ROOT.md).
 */
#pragma once

#include "initramfs/overlay/overlay_plan.h"

#define OVERLAY_PROGRAM "/usr/lib/keelboot/keelboot-overlay"
#define OVERLAY_UPPER	"/run/keelboot/upper" /* where the upper file system is mounted for it */
#define OVERLAY_FOLDER	OVERLAY_UPPER "/keelboot-overlay" /* there; in it, one for each release */

/* Makes the overlay, and makes it "/". Whatever fails is reported, and "/" stays the plain slot. */
void overlay_enter(const struct overlay_plan *p);
