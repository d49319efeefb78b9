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
