/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the tools that make file systems. */
#pragma once

#include "lib/err.h"

#include <stdbool.h>

#define BUNDLE_MKFS_IMAGE "/proc/self/fd/3" /* what a tool is given as the image */

/*
 * Runs argv[0], by its path, to its end: in is its standard input (-1: nothing), image stands
 * behind BUNDLE_MKFS_IMAGE, quiet keeps what it says of errors back too. epoch: SOURCE_DATE_EPOCH,
 * which it gets as e2fsprogs wants it, or NULL. KB_EEXEC; KB_EIO: it failed.
 */
enum kb_err bundle_mkfs_run(const char *const argv[], int in, int image, bool quiet,
			    const char *epoch) KB_MUST_CHECK;
