/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/alias_table.h"

#include "lib/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define END "end"

/* ---------------------------------------------------------------- patterns */

char alias_table_letter(char c)
{
	return c == '-' ? '_' : c;
}

/* Behind the bracket of "[a-f0]"; NULL: it has none, and stands for itself. */
static const char *set_end(const char *set)
{
	const char *end = set[1] != '\0' ? strchr(set + 2, ']') : NULL;

	return end != NULL ? end + 1 : NULL;
}

static bool set_has(const char *set, const char *end, char c)
{
	for (const char *s = set + 1; s < end - 1; s++) {
		if (s[1] == '-' && s + 2 < end - 1) {
			if ((unsigned char)c >= (unsigned char)s[0] &&
			    (unsigned char)c <= (unsigned char)s[2])
				return true;
			s += 2;
		} else if (*s == c) {
			return true;
		}
	}
	return false;
}

/* One letter of name against the first thing of pattern; the pattern behind it, NULL: it does not
 * fit. */
static const char *fit_one(const char *pattern, char c)
{
	const char *end = *pattern == '[' ? set_end(pattern) : NULL;

	if (end != NULL)
		return set_has(pattern, end, c) ? end : NULL;
	if (*pattern == '?' ||
	    (*pattern != '\0' && alias_table_letter(*pattern) == alias_table_letter(c)))
		return pattern + 1;
	return NULL;
}

/* Of several '*' only the last one is tried with more letters: whatever fits then, fits so, too. */
bool alias_table_fits(const char *pattern, const char *name)
{
	const char *star = NULL, *from = NULL;

	while (*name != '\0') {
		const char *next = *pattern == '*' ? NULL : fit_one(pattern, *name);

		if (*pattern == '*') {
			star = ++pattern;
			from = name;
		} else if (next != NULL) {
			pattern = next;
			name++;
		} else if (star != NULL) {
			pattern = star;
			name = ++from;
		} else {
			return false;
		}
	}
	return pattern[strspn(pattern, "*")] == '\0';
}

/* ---------------------------------------------------------------- the table */

static bool is_printable(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < 0x20 || *text > 0x7e)
			return false;
	}
	return true;
}

static bool is_end(const char *line)
{
	return strncmp(line, END " ", strlen(END " ")) == 0;
}

/* NULL: it is as it was written. line is the last one, and next the end of the text. */
static const char *check_end(const struct alias_table *t, const char *line, bool at_end,
			     uint32_t crc)
{
	char wanted[32];

	snprintf(wanted, sizeof(wanted), END " %u %08" PRIx32, t->n, crc);
	if (!at_end)
		return "something stands behind the end";
	return strcmp(line, wanted) == 0 ? NULL
					 : "its lines or their sum are not what the end says";
}

static const char *cut_line(struct alias_table *t, char *line)
{
	char *blank = strchr(line, ' ');

	if (!is_printable(line))
		return "it is no text";
	if (blank == NULL || blank == line || blank[1] == '\0')
		return "it names no module";
	if (t->n == ALIAS_TABLE_LINES)
		return "there are too many";
	*blank = '\0';
	t->line[t->n++] = (struct alias_line){
		.pattern = line,
		.plain = strcspn(line, "*?["),
		.modules = blank + 1,
	};
	return NULL;
}

static const char *take_all(struct alias_table *t, size_t len)
{
	uint32_t crc = 0;
	char *next;

	for (char *line = t->text; *line != '\0'; line = next) {
		const char *why;

		next = strchr(line, '\n');
		if (next == NULL)
			return "it is cut off";
		next++;
		if (is_end(line)) {
			next[-1] = '\0';
			return check_end(t, line, next == t->text + len, crc);
		}
		crc = bytes_crc32c(crc, line, (size_t)(next - line));
		next[-1] = '\0';
		why = cut_line(t, line);
		if (why != NULL)
			return why;
	}
	return "the end is missing";
}

enum kb_err alias_table_parse(struct alias_table *t, size_t len, unsigned *line, const char **why)
{
	t->n = 0;
	*why = len + 1 >= sizeof(t->text) ? "it is too long" : take_all(t, len);
	*line = t->n + 1;
	if (*why == NULL)
		return KB_OK;
	t->n = 0;
	return KB_EFORMAT;
}

static bool line_fits(const struct alias_line *l, const char *name)
{
	for (size_t i = 0; i < l->plain; i++) {
		if (alias_table_letter(l->pattern[i]) != alias_table_letter(name[i]))
			return false;
	}
	return alias_table_fits(l->pattern + l->plain, name + l->plain);
}

void alias_table_ask(const struct alias_table *t, const char *name,
		     void (*fn)(void *ctx, const char *module, size_t len), void *ctx)
{
	for (unsigned i = 0; i < t->n; i++) {
		const struct alias_line *l = &t->line[i];
		size_t len;

		if (!line_fits(l, name))
			continue;
		for (const char *m = l->modules; *m != '\0'; m += len + (m[len] == ' ')) {
			len = strcspn(m, " ");
			fn(ctx, m, len);
		}
	}
}

bool alias_table_knows(const struct alias_table *t, const char *name)
{
	for (unsigned i = 0; i < t->n; i++) {
		if (line_fits(&t->line[i], name))
			return true;
	}
	return false;
}

bool alias_table_has_bus(const struct alias_table *t, const char *bus)
{
	size_t len = strlen(bus);

	for (unsigned i = 0; i < t->n; i++) {
		const char *p = t->line[i].pattern;

		if (strncmp(p, bus, len) == 0 && (p[len] == ':' || p[len] == '*'))
			return true;
	}
	return false;
}
