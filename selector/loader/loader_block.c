/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_block.h"

#include "lib/bytes.h"
#include "lib/util.h"
#include "selector/loader/loader_why.h"
#include "selector/state.h"

#include <stdio.h>
#include <string.h>

#define HEADER	   "# GRUB Environment Block\n"
#define HEADER_LEN (sizeof(HEADER) - 1)

enum { PRESET, ONCE, STARTS, OURS };
static const char *const names[OURS] = { "keelboot_default", "keelboot_once", "keelboot_starts" };

#define VALUE_MAX LOADER_STARTS_MAX /* bytes of one of ours */

/* One line, with its newline. */
struct line {
	const uint8_t *text;
	size_t len;
	/* of names[]; OURS: another one's, or a comment */
	unsigned ours;
	/* of a variable: behind the '=' */
	const uint8_t *value;
	size_t value_len;
};

static bool is_name_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '?';
}

static bool is_text_byte(uint8_t c)
{
	return c == '\t' || (c >= 0x20 && c != 0x7f && c != 0xff);
}

/* Bytes up to the newline that ends the line, or 0: nothing ends it. */
static size_t line_len(const uint8_t *p, size_t left, bool escapes)
{
	bool escaped = false;

	for (size_t i = 0; i < left; i++) {
		if (p[i] == '\n' && !escaped)
			return i + 1;
		if (p[i] != '\n' && !is_text_byte(p[i]))
			return 0;
		escaped = escapes && !escaped && p[i] == '\\';
	}
	return 0;
}

static unsigned which_of_ours(const uint8_t *name, size_t len)
{
	unsigned i = 0;

	while (i < OURS && (strlen(names[i]) != len || memcmp(names[i], name, len) != 0))
		i++;
	return i;
}

static enum kb_err litter_at(struct loader *l, size_t at)
{
	return loader_why(l, KB_EFORMAT,
			  "%s: byte %zu of GRUB's environment block is neither variable nor '#'",
			  l->where, at);
}

/* The line at *at, which moves behind it. KB_ENOENT at the padding. */
static enum kb_err next_line(struct loader *l, const uint8_t *block, size_t *at, struct line *line)
{
	const uint8_t *p = block + *at;
	size_t left = LOADER_BLOCK - *at, name = 0;

	if (left == 0 || bytes_all(p, left, '#'))
		return KB_ENOENT;
	*line = (struct line){ p, line_len(p, left, *p != '#'), OURS, NULL, 0 };
	if (line->len == 0)
		return litter_at(l, *at);
	*at += line->len;
	if (*p == '#')
		return KB_OK;
	while (is_name_byte(p[name]))
		name++;
	if (name == 0 || p[name] != '=')
		return litter_at(l, (size_t)(p - block));
	line->ours = which_of_ours(p, name);
	line->value = p + name + 1;
	line->value_len = line->len - name - 2;
	return KB_OK;
}

static enum kb_err check_header(struct loader *l, const uint8_t *block)
{
	if (memcmp(block, HEADER, HEADER_LEN) == 0)
		return KB_OK;
	if (bytes_all(block, LOADER_BLOCK, 0) || bytes_all(block, LOADER_BLOCK, 0xff))
		return loader_why(
			l, KB_EFORMAT,
			"%s is empty: write an environment block to it, as grub-editenv makes one",
			l->where);
	return loader_why(l, KB_EFORMAT, "%s holds no environment block of GRUB", l->where);
}

/* One that is too long is none of ours. */
static void value_of(const struct line *line, char text[VALUE_MAX + 1])
{
	bool fits = line->value_len <= VALUE_MAX;

	snprintf(text, VALUE_MAX + 1, "%.*s", fits ? (int)line->value_len : 1,
		 fits ? (const char *)line->value : "?");
}

static enum kb_err refuse_value(struct loader *l, const struct line *line, const char *expected)
{
	return loader_why(l, KB_EFORMAT, "%s: %s=%.*s: expected %s", l->where, names[line->ours],
			  (int)(line->value_len < 16 ? line->value_len : 16),
			  (const char *)line->value, expected);
}

static enum kb_err slot_of(struct loader *l, const struct line *line, int8_t *slot)
{
	char text[VALUE_MAX + 1];

	value_of(line, text);
	return loader_why_slot(text, slot) == KB_OK ? KB_OK
						    : refuse_value(l, line, "a slot, a to h");
}

static enum kb_err count_of(struct loader *l, const struct line *line, uint8_t *count)
{
	char text[VALUE_MAX + 1];

	value_of(line, text);
	return loader_why_count(text, count) == KB_OK ? KB_OK
						      : refuse_value(l, line, "a 1 for each start");
}

/* Goes over all lines; of ours, seen[] tells which there are. GRUB changes the first of two that
 * have one name, and takes the last. */
static enum kb_err check_lines(struct loader *l, const uint8_t *block, struct line seen[OURS])
{
	struct line line;
	size_t at = HEADER_LEN;
	enum kb_err err;

	TRY(check_header(l, block));
	while ((err = next_line(l, block, &at, &line)) == KB_OK) {
		if (line.ours == OURS)
			continue;
		if (seen[line.ours].text != NULL)
			return loader_why(l, KB_EFORMAT, "%s: %s stands twice in it", l->where,
					  names[line.ours]);
		seen[line.ours] = line;
	}
	return err == KB_ENOENT ? KB_OK : err;
}

enum kb_err loader_block_read(struct loader *l, const uint8_t *block, struct loader_choice *c)
{
	struct line seen[OURS] = { { NULL, 0, 0, NULL, 0 } };

	*c = (struct loader_choice){ STATE_NONE, STATE_NONE, 0 };
	TRY(check_lines(l, block, seen));
	if (seen[PRESET].text != NULL)
		TRY(slot_of(l, &seen[PRESET], &c->preset));
	if (seen[ONCE].text != NULL)
		TRY(slot_of(l, &seen[ONCE], &c->once));
	if (seen[STARTS].text != NULL)
		TRY(count_of(l, &seen[STARTS], &c->starts));
	return KB_OK;
}

/* ---------------------------------------------------------------- writing */

struct new_block {
	uint8_t bytes[LOADER_BLOCK];
	size_t len;
	bool full;
};

static void add_bytes(struct new_block *n, const void *bytes, size_t len)
{
	if (len > sizeof(n->bytes) - n->len) {
		n->full = true;
		return;
	}
	memcpy(n->bytes + n->len, bytes, len);
	n->len += len;
}

/* A count of none has no line: GRUB adds one. */
static void add_ours(struct new_block *n, unsigned ours, const struct loader_choice *c)
{
	int slot = ours == PRESET ? c->preset : c->once;
	char letter[2] = { slot == STATE_NONE ? '\0' : loader_why_letter(slot), '\0' };
	char text[40];
	int len = snprintf(text, sizeof(text), "%s=%s\n", names[ours],
			   ours == STARTS ? loader_why_ones(c->starts) : letter);

	if (ours != STARTS || c->starts > 0)
		add_bytes(n, text, (size_t)len);
}

static enum kb_err make_block(struct loader *l, struct new_block *n, const uint8_t *old,
			      const struct loader_choice *c)
{
	struct line seen[OURS] = { { NULL, 0, 0, NULL, 0 } }, line;
	size_t at = HEADER_LEN;

	TRY(check_lines(l, old, seen));
	add_bytes(n, HEADER, HEADER_LEN);
	while (next_line(l, old, &at, &line) == KB_OK) {
		if (line.ours == OURS)
			add_bytes(n, line.text, line.len);
		else
			add_ours(n, line.ours, c);
	}
	for (unsigned i = 0; i < OURS; i++)
		if (seen[i].text == NULL)
			add_ours(n, i, c);
	return KB_OK;
}

/* With a second sector that changes, a power cut could leave one half of each. */
static bool fits_first_sector(const struct new_block *n, const uint8_t *old)
{
	return !n->full && memcmp(n->bytes + LOADER_BLOCK_SECTOR, old + LOADER_BLOCK_SECTOR,
				  LOADER_BLOCK - LOADER_BLOCK_SECTOR) == 0;
}

enum kb_err loader_block_set(struct loader *l, uint8_t *block, const struct loader_choice *c)
{
	struct new_block n = { .len = 0 };

	memset(n.bytes, '#', sizeof(n.bytes));
	TRY(make_block(l, &n, block, c));
	if (!fits_first_sector(&n, block))
		return loader_why(
			l, KB_ENOSPC,
			"%s: GRUB's environment is longer than its first sector: remove variables from it",
			l->where);
	memcpy(block, n.bytes, LOADER_BLOCK);
	return KB_OK;
}
