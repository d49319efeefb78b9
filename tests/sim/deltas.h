/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles that are made from an older release, and images of file systems that are compressed: by
 * the command that ships, and by mksquashfs and mkfs.erofs. */
#pragma once

#include "tests/sim/bundles.h"

enum deltas_kind {
	DELTAS_NONE,
	DELTAS_PLAIN,	 /* copies and patches */
	DELTAS_SQUASHFS, /* and blocks that are compressed again */
	DELTAS_EROFS,
};

/* Fills data with an image of that kind, padded with zeroes. Images of two versions have most
 * blocks in common; the superblock and some compressed blocks differ. Always the same ones. */
void deltas_image(enum deltas_kind kind, unsigned version, uint8_t *data, uint64_t size);

/* r->bundle and what is known of it, from r's image and an older one; with the whole image, too, or
 * without. Ends the process when not all forms of that kind are in it. */
void deltas_make(struct bundles_release *r, const struct bundles_release *older,
		 enum deltas_kind kind, uint32_t chunk, bool whole);
