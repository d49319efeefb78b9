/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of barebox with its bootchooser, written apart from what ships, by its documentation: the
 * three copies of its state, and which target is started. The words of its choice are those of
 * grub.h, and so is what comes of a pair.
 */
#pragma once

#include "tests/sim/grub.h"

/* Its partition: three copies, each in a page of its own. */
#define BAREBOX_COPIES 3u
#define BAREBOX_SIZE   (BAREBOX_COPIES * BDEV_ALIGN)

/* What the partition holds in the beginning. */
void barebox_make(uint8_t out[BAREBOX_SIZE], int preset);
/* As barebox would take it. False: no copy is sound. */
bool barebox_read(const uint8_t store[BAREBOX_SIZE], struct grub_choice *is);

/* What barebox runs on. */
struct barebox {
	/* One page of the medium; false: it says that this failed. What was written is durable
	 * then. */
	bool (*read)(void *ctx, unsigned number, uint8_t page[BDEV_ALIGN]);
	bool (*write)(void *ctx, unsigned number, const uint8_t page[BDEV_ALIGN]);
	enum grub_pair (*start)(void *ctx, int slot);
	void *ctx;
};

/* Takes an attempt off, and starts a pair: whose. STATE_NONE: what it started does not come up, or
 * none can be started. */
int barebox_start(const struct barebox *b);

/* Of system.conf, with the partitions of grub_board_parts(). */
extern const char barebox_conf[];
/* The command line of that pair's kernel. */
const char *barebox_line(int pair);
