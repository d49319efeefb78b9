/* SPDX-License-Identifier: Apache-2.0 */
/* The last lines of a text that comes in pieces. PURE. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define TAIL_MAX 3600

struct tail {
	/* whole lines but for the last one, which may still grow; no NUL */
	char text[TAIL_MAX];
	size_t len;
	/* lines before it were dropped */
	bool cut;
};

/* Adds len bytes. What no longer fits is dropped from the beginning, in whole lines; of a line that
 * is longer than TAIL_MAX, its end is kept. Bytes that are no printable ASCII, tab or newline
 * become '?'. */
void tail_add(struct tail *t, const char *text, size_t len);

/* Whether they have the same text. */
bool tail_same(const struct tail *a, const struct tail *b);
