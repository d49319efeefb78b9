/* SPDX-License-Identifier: Apache-2.0 */
/* The way in which a delta is made: of an image as it is, or of what its blocks unpack to. */
#pragma once

#include "cli/bundle/bundle_delta.h"

/* What was found, if both were tried; which was kept. Bytes of the payload. */
struct bundle_way {
	bool compared, remade;
	uint64_t plain_len, remade_len;
};

/*
 * Runs d from the seed, which is open as fd and has no index yet. output NULL: no block is made
 * again. Else both ways are tried, where the images have such blocks, and the smaller payload is
 * kept; of two that are equal, the plain one. What the older image unpacks to, and the payloads,
 * go into files without a name beside output. Errors of bundle_delta_run(), and of
 * bundle_output_spool().
 */
enum kb_err bundle_way_run(struct bundle_delta *d, struct bundle_seed *seed, int fd,
			   const char *output, struct bundle_way *way) KB_MUST_CHECK;
