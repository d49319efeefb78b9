/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One disk by itself that loses power, for tests that want no more: cut_disk.h with a power supply
 * of its own, and cuts that a seed decides.
 */
#pragma once

#include "tests/sim/cut_image.h"

/* size in bytes, a multiple of BDEV_ALIGN. Ends the process when there is no memory. */
void bdev_sim_init(struct cut_disk *d, uint64_t size);

/* Makes dst (initialised, of the same size) durably what src durably is, with nothing pending. */
void bdev_sim_copy(struct cut_disk *dst, const struct cut_disk *src);

/*
 * Power fails and comes back: what is pending is decided by seed, counters and injections are
 * cleared. seed 0 loses all of it, seed 1 keeps the newest of each sector; others choose at random,
 * and every fourth of those leaves one of the sectors as garbage.
 */
void bdev_sim_cut(struct cut_disk *d, uint64_t seed);

/* Makes every sector of the range read as garbage that follows from seed. */
void bdev_sim_scribble(struct cut_disk *d, uint64_t off, uint64_t len, uint64_t seed);
