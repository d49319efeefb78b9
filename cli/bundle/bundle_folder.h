/* SPDX-License-Identifier: Apache-2.0 */
/* An image made of a folder, by the tool of its file system, which must be installed. */
#pragma once

#include "cli/bundle/bundle_spec.h"

#include <stdbool.h>

bool bundle_folder_is(const char *path);

/*
 * Makes image i of the folder that is its file, as *fd, which has no name. Its file system is the
 * one that s names, ext4 when it names none. What belongs to the builder in the folder belongs to
 * root in the image, unless root builds; with SOURCE_DATE_EPOCH all times are that. Reported:
 * KB_EEXEC, KB_EINVAL, KB_EIO, KB_EPERM.
 */
enum kb_err bundle_folder_image(struct bundle_spec *s, unsigned i, int *fd) KB_MUST_CHECK;
