/* SPDX-License-Identifier: Apache-2.0 */
/* The way in which a delta is made: of an image as it is, or of what its blocks unpack to. */
#pragma once

#include "cli/bundle/bundle_delta.h"

/*
 * Runs d from the seed, which is open as fd and has no index yet. output: what the older image
 * unpacks to goes into a file without a name beside it; NULL: no block is made again. Errors of
 * bundle_delta_run().
 */
enum kb_err bundle_way_run(struct bundle_delta *d, struct bundle_seed *seed, int fd,
			   const char *output) KB_MUST_CHECK;
