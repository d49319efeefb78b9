/* SPDX-License-Identifier: Apache-2.0 */
/* Where an area is: the device that Linux makes of it. */
#pragma once

#include "cli/loader/copies.h"

/* "/dev/mmcblk0boot1", below sys_root. */
void copies_path(const struct copies *c, unsigned area, char path[COPIES_PATH]);
