/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a boot loader's version, by which its image is known among others. PURE. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VERSION_TEXT_MIN 6u /* bytes: a shorter text may stand in any program */

/* Whether the text is in these bytes, and is not the begin of a longer one. What stands behind it
 * must be known, unless nothing does: is_end. */
bool version_text_in(const char *text, const uint8_t *bytes, size_t len, bool is_end);
