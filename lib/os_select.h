/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel calls of keelboot-select, beside those of os.h. Process 1 links none of them. Chosen
 * at link time as those of os.h: os_select.c in the product, tests/sim/os_sim_select.c in the
 * traces.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>

/* From now on nobody else sees what this process mounts. KB_EPERM: they do. */
enum kb_err os_select_hide(void) KB_MUST_CHECK;

/* Makes path a symbolic link to target, in place of a file or link of that name. */
enum kb_err os_select_link(const char *target, const char *path) KB_MUST_CHECK;

/* Whether what is mounted on path is the file system on the block device dev. */
bool os_select_mounted(const char *path, const char *dev);
