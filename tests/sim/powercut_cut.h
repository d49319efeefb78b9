/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All images that a cut may leave, as far as they differ in what matters. Sectors of a page are
 * combined first, into the few classes that the page can be of; then pages with each other. Each
 * raw image falls into one of what is called back, and for each of those one is made.
 */
#pragma once

#include "tests/sim/powercut.h"

struct powercut_cut {
	const struct powercut_story *story;
	struct cut_disk *disk; /* of all POWERCUT_DISKS */
	uint64_t raw;	       /* images, ever */
};

/* fn is called with the canonical hash of each image; `im` has it chosen. */
typedef void powercut_cut_fn(void *ctx, uint64_t hash, const struct cut_image *im);
void powercut_cut_each(struct powercut_cut *c, powercut_cut_fn *fn, void *ctx);
/* One raw image of this cut, by a seed, as it is; and the hash that its class was called back with.
 */
uint64_t powercut_cut_sample(struct powercut_cut *c, uint64_t seed, struct powercut_image *out);
