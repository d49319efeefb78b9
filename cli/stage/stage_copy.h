/* SPDX-License-Identifier: Apache-2.0 */
/* The copy of a bundle that is staged. */
#pragma once

#include "cli/output/output_progress.h"
#include "lib/err.h"

/* Copies the size bytes of `from` (a file called `name`) into a new file at path, which is in the
 * stage folder `dir`, durably; drops it from the page cache. KB_ENOSPC, KB_EIO, KB_EPERM; reported.
 * What was made is left. */
enum kb_err stage_copy(int from, const char *name, uint64_t size, int dir, const char *path,
		       struct output_progress *p) KB_MUST_CHECK;
