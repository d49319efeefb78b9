/* SPDX-License-Identifier: Apache-2.0 */
/* The seam of who owns a folder, and who may do what there. */
#pragma once

#include "lib/err.h"

/* Gives `to` owner, group and mode of `from`. Both are folders. */
enum kb_err os_owner_copy(const char *from, const char *to) KB_MUST_CHECK;
