/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies where a state was looked for: a wrong --state must not cost a file system. Only letters
 * at fixed places are compared, as a stranger may have written what is there.
 */
#pragma once

#include "lib/bdev.h"

#include <stdbool.h>

struct device_content {
	/* "an ext2, ext3 or ext4 file system"; NULL: unknown, or blank */
	const char *what;
	/* it has partitions, one of which may be the state's */
	bool disk;
};

/* Reads the first 68 KiB, or what there is of them. What cannot be read is unknown. */
void device_content_find(struct device_content *c, struct bdev *dev);
