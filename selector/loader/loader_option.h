/* SPDX-License-Identifier: Apache-2.0 */
/* A load option of UEFI: what a variable Boot#### holds, behind its attributes. PURE. */
#pragma once

#include "selector/loader/loader_part.h"

#include <stddef.h>

#define LOADER_OPTION_MAX  4096 /* bytes; a longer one is none of ours */
#define LOADER_OPTION_TEXT 64	/* bytes of a description or path; a longer one is cut */

struct loader_option {
	/* else the firmware skips it */
	bool active;
	/* '?' stands for what is not printable ASCII */
	char description[LOADER_OPTION_TEXT];
	/* its path names a partition of a GPT */
	bool has_part;
	struct loader_part part;
	/* behind that: "\EFI\BOOT\BOOTX64.EFI"; "" : something else is */
	char file[LOADER_OPTION_TEXT];
};

/* KB_EFORMAT: it ends in the middle of something, or its lengths contradict each other. */
enum kb_err loader_option_parse(struct loader_option *o, const uint8_t *data,
				size_t len) KB_MUST_CHECK;

/* Writes one that is active; the bytes that it takes, or 0: they are more than size. */
size_t loader_option_make(uint8_t *out, size_t size, const char *description,
			  const struct loader_part *part, const char *file) KB_MUST_CHECK;
