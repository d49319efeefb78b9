/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of a RAID array of Linux (md). Who writes to one leaves the array's disks different, and
 * no later read tells which of them is right. PURE but for reads.
 */
#pragma once

#include "lib/bdev.h"

/* Has the device the superblock of a member, in one of the four places that md knows? What cannot
 * be read is none: a failing disk is no array. */
bool md_member_is(struct bdev *b);

/*
 * Is a whole disk, on which the kernel finds partitions, a member? They lie in the array then, and
 * who writes to one writes to the member. That can be where the superblock is at the end (1.0,
 * 0.90): with the others, the disk does not begin as the array does.
 *
 * Only a GPT that was made inside the array proves it: its copy lies where the array ends. An old
 * array may have left its superblock on a disk that was partitioned later, or that got the image of
 * a smaller one, and that disk boots. An MBR does not say where it ends, so a disk with one counts
 * as none.
 */
bool md_member_is_disk(struct bdev *b);
