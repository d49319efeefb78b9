/* SPDX-License-Identifier: Apache-2.0 */
/* erofs with LZ4: where its compressed blocks lie. */
#pragma once

#include "cli/bundle/bundle_blocks.h"

/* Adds them; none, if it is no erofs, or one with a feature that we do not follow. KB_EFORMAT: it
 * cannot be followed; KB_ENOMEM. */
enum kb_err bundle_erofs_find(struct bundle_blocks *b,
			      struct bundle_blocks_image image) KB_MUST_CHECK;
