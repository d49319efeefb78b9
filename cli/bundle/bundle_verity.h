/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `bundle create --verity`: a dm-verity tree behind the file system, inside the image. The format
 * is that of `veritysetup format --no-superblock`: version 1, SHA-256, blocks of 4096 bytes, the
 * salt before each block, the level next to the root first.
 */
#pragma once

#include "cli/bundle/bundle_source.h"
#include "update/bundle/manifest.h"

#define BUNDLE_VERITY_BLOCK 4096u

/*
 * Reads all of s, which gets longer by the tree, and fills im->verity; a salt that is there is
 * kept. Otherwise it is made from `device` (the first compatible name) and the name of the image:
 * the same for all releases of a product, so that unchanged data have an unchanged tree, of which
 * an update writes nothing. Failures are reported: KB_EINVAL (an image that cannot have one, ext4
 * with small blocks), KB_EIO, KB_ENOMEM (the tree is 1/127 of the image).
 */
enum kb_err bundle_verity_add(struct bundle_source *s, struct manifest_image *im,
			      const char *device) KB_MUST_CHECK;
