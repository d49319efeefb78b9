/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The partition of the state, on storage that fails slowly: Linux asks a failing disk for minutes
 * before it gives up one cell. Each call that took long feeds the watchdog, and the first one is
 * said. How long a call takes is bounded by the driver, and how many there are by the cells.
 */
#pragma once

#include "lib/bdev.h"

#include <stdint.h>

#define RECORD_PART_SLOW_MS 1000

struct record_part {
	/* for store.h: `file`, watched */
	struct bdev bdev;
	struct bdev_file file;
	/* its path, for messages; the caller's */
	const char *dev;
	/* Is called behind each slow call; set before record_part_open(). NULL: nobody is. */
	void (*idle)(void *ctx);
	void *ctx;
	/* a slow call was said */
	bool said;
};

/* Opens dev, which has to stay; flags and errors are bdev_file_open()'s. */
enum kb_err record_part_open(struct record_part *p, const char *dev, unsigned flags) KB_MUST_CHECK;

/* Closes; without effect on a closed one. */
void record_part_close(struct record_part *p);
