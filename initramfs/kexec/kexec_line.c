/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/kexec/kexec_line.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PAIR "keelboot.pair"

/* One word as it stands there, quotes and all. */
struct word {
	const char *text;
	size_t len;
};

/* The kernel's isspace(): Latin-1, so the no-break space counts. */
static bool is_space(char c)
{
	return (c >= '\t' && c <= '\r') || c == ' ' || (unsigned char)c == 0xa0;
}

/* False at the end. *at is behind the word then. */
static bool next_word(const char **at, struct word *w)
{
	bool quoted = false;

	while (is_space(**at))
		(*at)++;
	w->text = *at;
	for (; **at != '\0' && (quoted || !is_space(**at)); (*at)++)
		quoted = quoted != (**at == '"');
	w->len = (size_t)(*at - w->text);
	return w->len > 0;
}

static bool is_text(const char *text)
{
	bool quoted = false;

	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' && !is_space(*text))
			return false;
		quoted = quoted != (*text == '"');
	}
	return !quoted;
}

/* '-' and '_' are the same in a name. */
static bool is_same(char a, char b)
{
	return (a == '-' ? '_' : a) == (b == '-' ? '_' : b);
}

/* Its name begins with that one; whole: it is that one. */
static bool is_named(const struct word *w, const char *name, bool whole)
{
	const char *s = w->text, *end = w->text + w->len;

	if (s < end && *s == '"')
		s++;
	for (; *name != '\0'; name++, s++)
		if (s == end || !is_same(*s, *name))
			return false;
	return !whole || s == end || *s == '=' || *s == '"';
}

static bool is_end(const struct word *w)
{
	return w->len == 2 && memcmp(w->text, "--", 2) == 0;
}

static bool is_of_base(const struct word *w)
{
	return !is_named(w, PAIR, true) && !is_named(w, "BOOT_IMAGE", true) &&
	       !is_named(w, "initrd", true);
}

static bool is_of_slot(const struct word *w)
{
	return !is_named(w, "keelboot.", false) && !is_named(w, "panic", true);
}

static enum kb_err add(char *out, const char *text, size_t len)
{
	size_t used = strlen(out);

	if (used + 1 + len > KEXEC_LINE_MAX)
		return KB_ENOSPC;
	out[used] = ' ';
	memcpy(out + used + 1, text, len);
	out[used + 1 + len] = '\0';
	return KB_OK;
}

/* Up to the end, or to "--", whose place comes back. */
static enum kb_err add_words(char *out, const char *text, bool (*is_wanted)(const struct word *w),
			     const char **rest)
{
	struct word w;

	*rest = NULL;
	while (next_word(&text, &w)) {
		if (is_end(&w)) {
			*rest = w.text;
			return KB_OK;
		}
		if (is_wanted(&w))
			TRY(add(out, w.text, w.len));
	}
	return KB_OK;
}

enum kb_err kexec_line_make(char *out, const char *base, const char *words, char slot)
{
	const char *args, *ignored;

	if (!is_text(base) || !is_text(words))
		return KB_EFORMAT;
	snprintf(out, KEXEC_LINE_MAX + 1, PAIR "=%c", slot);
	TRY(add_words(out, base, is_of_base, &args));
	TRY(add_words(out, words, is_of_slot, &ignored));
	return args == NULL ? KB_OK : add(out, args, strcspn(args, "\n"));
}
