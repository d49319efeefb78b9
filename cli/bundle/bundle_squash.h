/* SPDX-License-Identifier: Apache-2.0 */
/* squashfs 4.0: where its compressed blocks lie. */
#pragma once

#include "cli/bundle/bundle_blocks.h"

/* Adds them; none, if it is no squashfs, or one with a compressor that we do not have. KB_EFORMAT:
 * it cannot be followed; KB_ENOMEM. */
enum kb_err bundle_squash_find(struct bundle_blocks *b,
			       struct bundle_blocks_image image) KB_MUST_CHECK;
