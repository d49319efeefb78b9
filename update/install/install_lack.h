/* SPDX-License-Identifier: Apache-2.0 */
/* Where the chunks come from that a partial bundle lacks: from the same place of the target, or of
 * another slot. */
#pragma once

#include "lib/bdev.h"
#include "selector/state.h"
#include "update/bundle/reader.h"

#define INSTALL_LACK_MAX (STATE_SLOTS_MAX * MANIFEST_IMAGES_MAX)

/* A partition of a slot. */
struct install_source {
	/* class: matches the manifest's image names */
	char cls[MANIFEST_IMAGE_NAME_MAX + 1];
	/* borrowed, open to be read; NULL: it cannot be opened, as if no read of it succeeded */
	struct bdev *dev;
	/* it is the one that is written: what the seal covers is of no use */
	bool target;
};

struct install_lack {
	unsigned n;
	struct install_source source[INSTALL_LACK_MAX];
};

/*
 * Puts into buf, which is private memory, the plain bytes of a chunk: those of the first partition
 * for this image that has them, which their signed hash says. The target's are looked at first.
 * KB_ENOENT: none has them, or l is NULL; KB_EIO: none, and one cannot be read, or SHA-256 failed.
 */
enum kb_err install_lack_find(const struct install_lack *l, struct digest *d,
			      const struct manifest_image *im, const struct reader_chunk *c,
			      void *buf) KB_MUST_CHECK;
