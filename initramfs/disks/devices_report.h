/* SPDX-License-Identifier: Apache-2.0 */
/* What a person should know of the disk that was chosen. */
#pragma once

#include "initramfs/disks/devices_rank.h"
#include "initramfs/disks/devices.h"

/* Logs it, and puts into d what `boot.json` says as a warning; what stood there is dropped. d has
 * been filled from r->disk. */
void devices_report(struct devices *d, const struct probe *p, const struct devices_rank *r,
		    const struct conf *conf);
