/* SPDX-License-Identifier: Apache-2.0 */
/* Which ranges of a bundle a device needs that has the rest in its slots. */
#pragma once

#include "cli/stage/incoming.h"

/*
 * Prints them as JSON, with the encoding of each image that they are of: the one of which least is
 * missing. lack: what the slots have; target: the slot that an install would write. Where that
 * costs at most a hundredth, ranges with little between them are one. KB_ENOSPC: there are too many
 * even so; KB_EIO. Errors are reported.
 */
enum kb_err stage_ranges_print(struct reader *r, const struct apply_seeds *seeds, int target,
			       const struct install_lack *lack, const char *name) KB_MUST_CHECK;
