/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_autoboot.h"

#include "lib/util.h"
#include "selector/loader/loader_why.h"

#include <stdio.h>
#include <string.h>

#define PARTITION "boot_partition"
#define AB	  "tryboot_a_b"

enum section { ALL, TRYBOOT, OTHER, SECTIONS };

/* One line, without what ends it. */
struct line {
	const char *text;
	size_t len;
	/* with the newline; the last line may have none */
	size_t all;
};

/* What was met so far. */
struct seen {
	enum section section;
	uint8_t partition[SECTIONS];
	bool is_ab;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool next_line_of(const char *text, size_t len, size_t *at, struct line *line)
{
	size_t left = len - *at;
	const char *end = memchr(text + *at, '\n', left);

	if (left == 0)
		return false;
	line->text = text + *at;
	line->len = end != NULL ? (size_t)(end - line->text) : left;
	line->all = end != NULL ? line->len + 1 : left;
	*at += line->all;
	while (line->len > 0 && is_blank(line->text[line->len - 1]))
		line->len--;
	return true;
}

static bool begins(const struct line *line, const char *with)
{
	return line->len >= strlen(with) && memcmp(line->text, with, strlen(with)) == 0;
}

static bool is_named(const struct line *line, const char *name)
{
	size_t len = strlen(name);

	return begins(line, name) &&
	       (line->len == len || line->text[len] == '=' || is_blank(line->text[len]));
}

/* Nobody says whether the firmware skips a blank. */
static bool is_text(const struct line *line)
{
	for (size_t i = 0; i < line->len; i++)
		if (line->text[i] != '\t' && (line->text[i] < 0x20 || line->text[i] > 0x7e))
			return false;
	return line->len == 0 || !is_blank(line->text[0]);
}

/* Filters of different kinds are heeded together, until [all]: what they pass then is not ours to
 * know. */
static enum section section_of(const struct line *line, enum section before)
{
	if (line->len == 5 && begins(line, "[all]"))
		return ALL;
	return before != OTHER && line->len == 9 && begins(line, "[tryboot]") ? TRYBOOT : OTHER;
}

/* 0: it is none. */
static uint8_t partition_of(const struct line *line)
{
	unsigned n = 0;

	if (!begins(line, PARTITION "="))
		return 0;
	for (size_t i = sizeof(PARTITION); i < line->len; i++) {
		if (line->text[i] < '0' || line->text[i] > '9')
			return 0;
		n = n * 10 + (unsigned)(line->text[i] - '0');
		if (n > LOADER_AUTOBOOT_PART)
			return 0;
	}
	return (uint8_t)n;
}

static enum kb_err wrong(struct loader *l, const char *what)
{
	return loader_why(l, KB_EFORMAT, "%s: autoboot.txt %s (docs/KERNEL.md)", l->where, what);
}

static enum kb_err take_partition(struct loader *l, const struct line *line, struct seen *seen)
{
	uint8_t n = partition_of(line);

	if (seen->section == OTHER)
		return wrong(l,
			     "has boot_partition= behind a filter that is not [all] or [tryboot]");
	if (seen->partition[seen->section] != 0)
		return wrong(l, "has boot_partition= twice behind one filter");
	/* What comes last counts. */
	if (seen->section == ALL && seen->partition[TRYBOOT] != 0)
		return wrong(
			l, "has [tryboot] before [all], so that tryboot starts no other partition");
	if (n == 0)
		return wrong(l, "has a boot_partition= that is no number from 1 to 62");
	seen->partition[seen->section] = n;
	return KB_OK;
}

static enum kb_err take_line(struct loader *l, const struct line *line, struct seen *seen)
{
	if (!is_text(line))
		return wrong(l, "has bytes that are no text, or a line that begins with a blank");
	if (begins(line, "["))
		seen->section = section_of(line, seen->section);
	if (is_named(line, PARTITION))
		return take_partition(l, line, seen);
	if (!is_named(line, AB))
		return KB_OK;
	if (seen->section != ALL || seen->is_ab || line->len != sizeof(AB) + 1 ||
	    !begins(line, AB "=1"))
		return wrong(l, "has another tryboot_a_b= than 1, behind [all]");
	seen->is_ab = true;
	return KB_OK;
}

enum kb_err loader_autoboot_read(struct loader *l, const uint8_t *text, size_t len,
				 struct loader_autoboot *is)
{
	struct seen seen = { .section = ALL };
	struct line line;
	size_t at = 0;

	*is = (struct loader_autoboot){ 0, 0 };
	while (next_line_of((const char *)text, len, &at, &line))
		TRY(take_line(l, &line, &seen));
	if (!seen.is_ab)
		return wrong(l, "lacks tryboot_a_b=1: a kernel that is tried would not start");
	if (seen.partition[ALL] == 0)
		return wrong(l, "lacks boot_partition= behind [all]");
	is->preset = seen.partition[ALL];
	is->once = seen.partition[TRYBOOT] != 0 ? seen.partition[TRYBOOT] : is->preset;
	return KB_OK;
}

/* ---------------------------------------------------------------- writing */

struct new_text {
	char bytes[LOADER_AUTOBOOT_MAX + 1];
	size_t len;
	bool full;
};

static void autoboot_put(struct new_text *n, const char *text, size_t len)
{
	if (len > LOADER_AUTOBOOT_MAX - n->len) {
		n->full = true;
		return;
	}
	memcpy(n->bytes + n->len, text, len);
	n->len += len;
}

static void add_partition(struct new_text *n, uint8_t number)
{
	char text[32];
	int len = snprintf(text, sizeof(text), PARTITION "=%u\n", number);

	autoboot_put(n, text, (size_t)len);
}

/* The old lines, each with its number. What is empty at the end is not among them. */
static void keep_lines(struct new_text *n, const char *text, size_t len,
		       const struct loader_autoboot *want)
{
	struct seen seen = { .section = ALL };
	struct line line;
	size_t at = 0;

	while (len > 0 && is_blank(text[len - 1]))
		len--;
	while (next_line_of(text, len, &at, &line)) {
		if (begins(&line, "["))
			seen.section = section_of(&line, seen.section);
		if (is_named(&line, PARTITION)) {
			seen.partition[seen.section] = 1;
			add_partition(n, seen.section == TRYBOOT ? want->once : want->preset);
			continue;
		}
		autoboot_put(n, line.text, line.len);
		autoboot_put(n, "\n", 1);
	}
	if (seen.partition[TRYBOOT] != 0)
		return;
	if (seen.section == OTHER)
		autoboot_put(n, "[all]\n", 6);
	autoboot_put(n, "[tryboot]\n", 10);
	add_partition(n, want->once);
}

static void make_lines(struct new_text *n, const struct loader_autoboot *want)
{
	autoboot_put(n, "[all]\n" AB "=1\n", sizeof("[all]\n" AB "=1\n") - 1);
	add_partition(n, want->preset);
	autoboot_put(n, "[tryboot]\n", 10);
	add_partition(n, want->once);
}

enum kb_err loader_autoboot_set(struct loader *l, uint8_t *text, size_t len,
				const struct loader_autoboot *want)
{
	struct new_text n = { .len = 0 };
	struct loader_autoboot is;

	if (loader_autoboot_read(l, text, len, &is) == KB_OK)
		keep_lines(&n, (const char *)text, len, want);
	else
		make_lines(&n, want);
	if (n.full || n.len > len)
		return loader_why(
			l, KB_ENOSPC,
			"%s: autoboot.txt has no room for %zu bytes: make it anew with empty lines at its end (docs/KERNEL.md)",
			l->where, n.len);
	memset(n.bytes + n.len, '\n', sizeof(n.bytes) - n.len);
	memcpy(text, n.bytes, len);
	l->why[0] = '\0';
	return KB_OK;
}
