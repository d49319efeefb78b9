/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor/doctor_script.h"

#include "lib/os_file.h"
#include "lib/util.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define UBOOT_MAGIC "\x27\x05\x19\x56"
#define UBOOT_HEAD  72u /* bytes: its header, the length of the one script, and a zero */

void doctor_script_clear(struct doctor_script *s)
{
	s->whole = true;
	s->len = 0;
	s->text[0] = '\0';
}

/* ---------------------------------------------------------------- taking it in */

static void put(struct doctor_script *s, char c)
{
	if (s->len == DOCTOR_SCRIPT_MAX) {
		s->whole = false;
		return;
	}
	s->text[s->len++] = c;
	s->text[s->len] = '\0';
}

/* Only blanks stand before it on its line. */
static bool begins_line(const char *text, size_t at)
{
	while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '\t'))
		at--;
	return at == 0 || text[at - 1] == '\n';
}

static bool begins_word(const char *text, size_t at)
{
	return at == 0 || strchr(" \t\r\n;{}()", text[at - 1]) != NULL;
}

static size_t skip_line(const char *text, size_t len, size_t at)
{
	const char *end = memchr(text + at, '\n', len - at);

	return end != NULL ? (size_t)(end - text) : len;
}

static void add_lines(struct doctor_script *s, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '#' && begins_line(text, i))
			i = skip_line(text, len, i);
		put(s, i < len ? text[i] : '\n');
	}
}

/* A quote that does not end swallows what follows it: then nothing is certain. */
static void add_shell(struct doctor_script *s, const char *text, size_t len)
{
	char quote = '\0';

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '\\' && quote != '\'' && i + 1 < len) {
			put(s, text[i + 1] == '\n' ? ' ' : c);
			put(s, text[i + 1] == '\n' ? ' ' : text[i + 1]);
			i++;
			continue;
		}
		if (c == '#' && quote == '\0' && begins_word(text, i)) {
			i = skip_line(text, len, i);
			put(s, '\n');
			continue;
		}
		if (quote == '\0' && (c == '\'' || c == '"'))
			quote = c;
		else if (c == quote)
			quote = '\0';
		put(s, c);
	}
	if (quote != '\0')
		s->whole = false;
}

void doctor_script_add(struct doctor_script *s, enum doctor_script_kind kind, const char *text,
		       size_t len)
{
	size_t before = s->len;

	if (kind == DOCTOR_SCRIPT_SHELL)
		add_shell(s, text, len);
	else
		add_lines(s, text, len);
	put(s, '\n');
	for (char *at = s->text + before; (at = memchr(at, '\0', s->len - (size_t)(at - s->text)));
	     *at = ' ')
		s->whole = false;
}

bool doctor_script_add_file(const struct doctor *doc, struct doctor_script *s,
			    enum doctor_script_kind kind, const char *path)
{
	static char bytes[DOCTOR_SCRIPT_MAX + UBOOT_HEAD + 1];
	char full[DEVICE_PATH_MAX];
	KB_CLEANUP_FD int fd = -1;
	size_t len, skip = 0;

	snprintf(full, sizeof(full), "%s%s", doc->sys_root, path);
	if (os_file_open_path(full, &fd) != KB_OK ||
	    os_file_read(fd, 0, bytes, sizeof(bytes), &len) != KB_OK)
		return false;
	if (len >= UBOOT_HEAD && memcmp(bytes, UBOOT_MAGIC, strlen(UBOOT_MAGIC)) == 0)
		skip = UBOOT_HEAD;
	doctor_script_add(s, kind, bytes + skip, len - skip);
	return true;
}

/* ---------------------------------------------------------------- searching it */

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* The word at or behind from, before end; NULL: it is missing. */
static const char *find_word(const char *text, const char *from, const char *end, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = from; (at = strstr(at, word)) != NULL && at + len <= end; at++) {
		if (at > text && is_word_char(at[-1]))
			continue;
		if (is_word_char(word[len - 1]) && is_word_char(at[len]))
			continue;
		return at;
	}
	return NULL;
}

bool doctor_script_has(const struct doctor_script *s, const char *word)
{
	return find_word(s->text, s->text, s->text + s->len, word) != NULL;
}

bool doctor_script_line_has(const char *line, const char *word)
{
	return find_word(line, line, line + strlen(line), word) != NULL;
}

bool doctor_script_value(const struct doctor_script *s, const char *name, char *value, size_t size)
{
	const char *at = s->text, *end = s->text + s->len;
	bool found = false;

	while ((at = find_word(s->text, at, end, name)) != NULL) {
		size_t len;

		at += strlen(name);
		if (*at != '=')
			continue;
		at++;
		at += *at == '"' || *at == '\'';
		len = strcspn(at, " \t\r\n\"';");
		if (len >= size || (found && (strlen(value) != len || memcmp(value, at, len) != 0)))
			return false;
		memcpy(value, at, len);
		value[len] = '\0';
		found = true;
	}
	return found;
}
