/* SPDX-License-Identifier: Apache-2.0 */
/* The root of a slot through dm-verity: a block that is not as it was signed is a kernel panic. */
#pragma once

#include "lib/os.h"
#include "update/wire/verify_answer.h"

/*
 * Makes a device over dev that gives out only what the tree of a, which has been checked, vouches
 * for. node: where it is. reason (STATE_STR_MAX + 1 bytes) on failure: KB_EMOUNT.
 */
enum kb_err verity_open(const struct verify_answer *a, const char *dev, char slot,
			char node[OS_DM_NODE], char *reason) KB_MUST_CHECK;

/*
 * What this kernel lacks to open that device: "dm-verity", or the name of its hash, as a literal or
 * in a. NULL: nothing. The kernel has the last word: what only seems to be missing is tried, and
 * the device taken away again.
 */
const char *verity_lacks(const struct verify_answer *a, const char *dev, char slot);

/* Takes it away again. */
void verity_close(char slot);
