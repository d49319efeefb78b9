/* SPDX-License-Identifier: Apache-2.0 */
/* All suffixes of some bytes, in their order: by it the longest match of anything is found. */
#pragma once

#include "lib/err.h"

#include <stddef.h>
#include <stdint.h>

/* Sorts the suffixes of n bytes (at most INT32_MAX): sorted[] are where they begin. A suffix that
 * another begins with comes first. Needs 15 bytes of memory for each byte. KB_ENOMEM. */
enum kb_err bundle_suffix_sort(const uint8_t *bytes, size_t n, int32_t *sorted) KB_MUST_CHECK;
