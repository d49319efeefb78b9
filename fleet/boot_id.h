/* SPDX-License-Identifier: Apache-2.0 */
/* Which boot this is, by the kernel: what belongs to one boot is noted with it. */
#pragma once

#include "fleet/action.h"

/* false: it cannot be read, which was reported. */
bool boot_id_read(char boot[ACTION_BOOT_LEN + 1]);
