/* SPDX-License-Identifier: Apache-2.0 */
/* One word of a kernel command line, and its name, as the kernel tells them: next_arg() and
 * parameq() of Linux. PURE. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The kernel's isspace(): Latin-1, so the no-break space counts. */
bool cmdline_word_space(char c);

/* How many spaces s begins with. */
size_t cmdline_word_spaces(const char *s);

/* The length of the word at s, up to the first space outside of quotes, or to the end. */
size_t cmdline_word_len(const char *s);

/* Two names are the same: so are '-' and '_' in them. */
bool cmdline_word_equal(const char *a, size_t alen, const char *b, size_t blen);
