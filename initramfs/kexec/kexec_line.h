/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of a kernel that the base starts. PURE. */
#pragma once

#include "lib/err.h"

#include <stddef.h>

#define KEXEC_LINE_MAX	2047 /* bytes: what Linux takes on most processors */
#define KEXEC_WORDS_MAX 1023 /* bytes of a slot's own words */

/*
 * keelboot.pair= of the slot; keelboot.base-keys= of keys, unless that is "" or has no room; the
 * words of the base; those of the slot, which may be of several lines; what stands behind "--" in
 * that of the base. Of the base, both of these words are left out, and what its
 * boot loader said of itself and of its initramfs. Of the slot, what is Keelboot's, panic=, and
 * what is behind a "--". out has room for KEXEC_LINE_MAX + 1 bytes. KB_ENOSPC: it would be longer.
 * KB_EFORMAT: a quote that does not end, or a byte that is no text.
 */
enum kb_err kexec_line_make(char *out, const char *base, const char *words, char slot,
			    const char *keys) KB_MUST_CHECK;
