/* SPDX-License-Identifier: Apache-2.0 */
/* Files of keelboot-apply and the command: where they lie on this machine, and which calls fail. */
#pragma once

#include "lib/bdev.h"

/* Once, before the first run. */
void ioerr_files_begin(void);

/* The raw stage partition, where it is written as a device. */
struct bdev *ioerr_files_raw(void);
