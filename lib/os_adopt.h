/* SPDX-License-Identifier: Apache-2.0 */
/* Ends what a program of others leaves behind, also in a session of its own. */
#pragma once

#include "lib/err.h"

#include <sys/types.h>

#define OS_ADOPT_MAX 256

/* The children that this process had before. */
struct os_adopt {
	pid_t pid[OS_ADOPT_MAX];
	unsigned n;
};

/* From now on, what loses its parent below this process becomes its child, as it always does in
 * process 1. Notes in a which children it has. */
void os_adopt_begin(struct os_adopt *a);
/* This child stays, too; nobody waits for it any more. */
void os_adopt_leave(struct os_adopt *a, pid_t pid);
/* Kills each child that is not in a, with all that is below it, within 5 s, and adopts no more.
 * Call it when each child of os_spawn() since then was waited for or forgotten. idle (NULL: none)
 * is called many times in a second meanwhile. KB_ETIMEDOUT: something is left. KB_EIO and the
 * like: not known. */
enum kb_err os_adopt_end(const struct os_adopt *a, void (*idle)(void *ctx),
			 void *ctx) KB_MUST_CHECK;
