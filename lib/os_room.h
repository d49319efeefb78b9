/* SPDX-License-Identifier: Apache-2.0 */
/* The seam of what a file system has room for, and whether it takes anything at all. */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stdint.h>

struct os_room {
	/* available to root, of all */
	uint64_t free_bytes, bytes;
	/* files that can still be made, of all; both 0: it has no such bound */
	uint64_t free_files, files;
	/* it is mounted read-only */
	bool read_only;
};

/* Of the file system at path. */
enum kb_err os_room(const char *path, struct os_room *room) KB_MUST_CHECK;
