/* SPDX-License-Identifier: Apache-2.0 */
/* The slots' partitions, which have what a partial bundle lacks. */
#pragma once

#include "update/apply/apply_file.h"

struct apply_lacks {
	struct install_lack lack;
	struct bdev_file dev[INSTALL_LACK_MAX];
};

/*
 * Opens, to be read, those of all slots that an image of m goes to; target: the slot that will be
 * written. One that cannot be opened is like one that cannot be read: the next boot may open it.
 * Writes nothing. apply_lacks_close() is due.
 */
void apply_lacks_open(struct apply_lacks *l, const struct apply_slot slot[STATE_SLOTS_MAX],
		      int target, const struct manifest *m);
void apply_lacks_close(struct apply_lacks *l);
