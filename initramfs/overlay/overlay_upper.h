/* SPDX-License-Identifier: Apache-2.0 */
/* The upper file system and its folders: what is seen to, and what is said. */
#pragma once

#include "initramfs/overlay/overlay_plan.h"

/* Whether Linux lets nobody write to the upper file system, though it was mounted to be written to.
 */
bool overlay_upper_is_read_only(void) KB_MUST_CHECK;

/* Reports one that is full, of bytes or of files. */
void overlay_upper_report_room(const struct overlay_plan *p);

/* Gives a new upper folder owner and mode of the slot's root: it is what "/" shows of them. */
void overlay_upper_take_owner(const char *path);
