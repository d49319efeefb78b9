/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel calls of the helper and the command for mounts, beside those of os.h. Process 1 links
 * none of them.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stdint.h>

/* From now on the mounts of this process are its own, and its children's: nobody else sees what it
 * mounts. KB_EPERM: it may not, or the kernel has no namespaces of mounts. */
enum kb_err os_mounts_own(void) KB_MUST_CHECK;
/*
 * Behind os_mounts_own(): /proc and /sys are only to read, for this process, its children, and
 * whoever gets a folder of its mounts. Root needs no right to write there what the kernel is to
 * start outside of any cage: core_pattern, modprobe. One that is not mounted has nothing. NULL;
 * else the one that stays writable.
 */
const char *os_mounts_read_only(void) KB_MUST_CHECK;
/* False when the kernel would let this process mount nothing. */
bool os_mounts_allowed(void);
/* Whether a file system on the block device of this number is mounted, as this process sees it. */
bool os_mounts_has(uint64_t number);
