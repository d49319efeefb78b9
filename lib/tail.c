/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/tail.h"

#include <string.h>

static bool is_plain(char c)
{
	return (c >= ' ' && c <= '~') || c == '\n' || c == '\t';
}

/* Makes room for n bytes, up to the end of a line. */
static void drop_lines(struct tail *t, size_t n)
{
	const char *end = memchr(t->text + n - 1, '\n', t->len - n + 1);
	size_t gone = end != NULL ? (size_t)(end + 1 - t->text) : n;

	t->len -= gone;
	memmove(t->text, t->text + gone, t->len);
	t->cut = true;
}

void tail_add(struct tail *t, const char *text, size_t len)
{
	if (len > TAIL_MAX) {
		const char *end = text + len, *line;

		text = end - TAIL_MAX;
		line = memchr(text, '\n', TAIL_MAX - 1);
		text = line != NULL ? line + 1 : text;
		len = (size_t)(end - text);
		t->len = 0;
		t->cut = true;
	}
	if (t->len + len > TAIL_MAX)
		drop_lines(t, t->len + len - TAIL_MAX);
	for (size_t i = 0; i < len; i++)
		t->text[t->len++] = (char)(is_plain(text[i]) ? text[i] : '?');
}

bool tail_same(const struct tail *a, const struct tail *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}
