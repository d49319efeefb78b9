/* SPDX-License-Identifier: Apache-2.0 */
/* An image as it goes into a bundle: a file, or made of a folder, with what the manifest says. */
#pragma once

#include "cli/bundle/bundle_source.h"
#include "cli/bundle/bundle_spec.h"

/*
 * Opens image i of s, which the caller closes, and fills s->m.image[i]. Failures are reported:
 * those of bundle_source_open(), bundle_folder_image() and bundle_verity_add(); KB_ENOSPC: too
 * large for its chunks; KB_EINVAL: it is the output, too, or has a size= that is for folders.
 */
enum kb_err bundle_image_open(struct bundle_spec *s, unsigned i,
			      struct bundle_source *src) KB_MUST_CHECK;
