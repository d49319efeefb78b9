/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a mount, as mount(8) reads them: some are flags of mount(2), the others its data.
 * PURE. */
#pragma once

#include "kernel-cmdline/cmdline.h"

#include <stdbool.h>

#define ROOT_OPTIONS_MAX (CMDLINE_TEXT_MAX + 8) /* and "noload," */

struct root_options {
	/* MS_*, without MS_RDONLY */
	unsigned long flags;
	/* for the file system; "": none */
	char data[ROOT_OPTIONS_MAX + 1];
	/* all of these, for mount(8); "": none */
	char words[ROOT_OPTIONS_MAX + 1];
	/* a word of the text that is ignored; NULL: none. No option lets a slot be written to, nor
	 * keeps init from starting. */
	const char *ignored;
};

/* Reads text, of at most ROOT_OPTIONS_MAX bytes: words with commas between them. Of two that
 * contradict each other the last one counts. data: with those for the file system. */
struct root_options root_options_read(const char *text, bool data);
