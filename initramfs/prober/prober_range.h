/* SPDX-License-Identifier: Apache-2.0 */
/* A range of a disk, read through a descriptor of the disk: what the worker's cage permits. */
#pragma once

#include "lib/bdev.h"

struct prober_range {
	/* to be read only */
	struct bdev bdev;
	int fd;
	uint64_t start;
};

/* Lays *r over len bytes from start on. fd stays the caller's. */
void prober_range_set(struct prober_range *r, int fd, uint64_t start, uint64_t len);
