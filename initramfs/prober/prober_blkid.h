/* SPDX-License-Identifier: Apache-2.0 */
/* What libblkid says of a disk. Runs in the prober's worker only; may crash, hang or run out of
 * memory there. */
#pragma once

#include "initramfs/prober/prober.h"

/* The partition table: table, size, n, and of each part everything but its file system; and whole,
 * when there is no table. */
void prober_blkid_table(int fd, const char *dev, struct prober_answer *a);

/* What is in the range of one part. */
void prober_blkid_part(int fd, enum prober_types types, struct prober_part *part);
