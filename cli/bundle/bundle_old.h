/* SPDX-License-Identifier: Apache-2.0 */
/* An older version, as --from names it: an image, or the images of a bundle. */
#pragma once

#include "cli/bundle/bundle_spec.h"

/* Looks at all of s, before the work: each is there, and has an older one of an image. Errors,
 * which it has reported: KB_EINVAL, and as of open() and reader_open(). */
enum kb_err bundle_old_check(const struct bundle_spec *s) KB_MUST_CHECK;

/*
 * Opens what f has of the image `name`; only: the new bundle has no other. An image of a bundle is
 * unpacked for that, into a file without a name beside `output`. version: of its release, or "".
 * KB_ENOENT: it has none. Others, which it has reported.
 */
enum kb_err bundle_old_open(const struct bundle_spec_from *f, const char *name, bool only,
			    const char *output, int *fd,
			    char version[MANIFEST_STR_MAX + 1]) KB_MUST_CHECK;
