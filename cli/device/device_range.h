/* SPDX-License-Identifier: Apache-2.0 */
/* A part of a block device as a block device: the state partition inside a disk image. */
#pragma once

#include "lib/bdev.h"

struct device_range {
	/* first */
	struct bdev bdev;
	struct bdev *below;
	uint64_t off;
};

/* Bytes off to off + size of below. KB_EINVAL: not inside it, or not multiples of BDEV_ALIGN. */
enum kb_err device_range_init(struct device_range *r, struct bdev *below, uint64_t off,
			      uint64_t size) KB_MUST_CHECK;
