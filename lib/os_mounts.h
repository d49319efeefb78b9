/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel calls of the helper for mounts of its own, beside those of os.h. Process 1 links none
 * of them.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>

/* From now on the mounts of this process are its own, and its children's: nobody else sees what it
 * mounts. KB_EPERM: it may not, or the kernel has no namespaces of mounts. */
enum kb_err os_mounts_own(void) KB_MUST_CHECK;
/* False when the kernel would let this process mount nothing. */
bool os_mounts_allowed(void);
/* Whether path lies in a file system of this type: a magic number of <linux/magic.h>. */
bool os_mounts_type_is(const char *path, unsigned long magic);
