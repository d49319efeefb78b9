/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel-cmdline/cmdline.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct word {
	char *name;
	/* NULL: no '=' */
	char *value;
};

/* The kernel's isspace(): Latin-1, so the no-break space counts. */
static bool is_space(char c)
{
	return (c >= '\t' && c <= '\r') || c == ' ' || (unsigned char)c == 0xa0;
}

static char *skip_spaces(char *s)
{
	while (is_space(*s))
		s++;
	return s;
}

static bool equal_names(const char *a, size_t alen, const char *b, size_t blen)
{
	if (alen != blen)
		return false;
	for (size_t i = 0; i < alen; i++) {
		char x = a[i] == '-' ? '_' : a[i], y = b[i] == '-' ? '_' : b[i];

		if (x != y)
			return false;
	}
	return true;
}

bool cmdline_is_heeded(const char *heeded, const char *name, size_t len)
{
	if (strcmp(heeded, "all") == 0)
		return true;
	for (;;) {
		size_t n = strcspn(heeded, ",");

		if (equal_names(name, len, heeded, n))
			return true;
		if (heeded[n] == '\0')
			return false;
		heeded += n + 1;
	}
}

static void add_warning(struct cmdline *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void add_warning(struct cmdline *c, const char *fmt, ...)
{
	va_list ap;

	if (c->nwarnings == CMDLINE_WARNINGS_MAX) {
		snprintf(c->warning[CMDLINE_WARNINGS_MAX - 1], sizeof(c->warning[0]),
			 "kernel command line: it has more errors than these");
		return;
	}
	va_start(ap, fmt);
	vsnprintf(c->warning[c->nwarnings++], sizeof(c->warning[0]), fmt, ap);
	va_end(ap);
}

/* The end of the word at s: the first space outside of quotes, or the end of the text. */
static char *word_end(char *s, char **equals)
{
	bool in_quote = false;

	*equals = NULL;
	for (char *start = s; *s != '\0'; s++) {
		if (is_space(*s) && !in_quote)
			break;
		/* As in the kernel, a '=' in the first place belongs to the name. */
		if (*s == '=' && *equals == NULL && s != start &&
		    !(s == start + 1 && *start == '"'))
			*equals = s;
		if (*s == '"')
			in_quote = !in_quote;
	}
	return s;
}

/*
 * Takes one word off s, as next_arg() of Linux's lib/cmdline.c does, down to its oddities: a
 * quote is removed at the start of a word or of a value, and then also at its end; others stay.
 */
static char *take_word(char *s, struct word *w)
{
	char *equals, *end = word_end(s, &equals), *last = end - 1;
	bool more = *end != '\0', quoted = *s == '"';

	*end = '\0';
	w->name = quoted ? s + 1 : s;
	w->value = NULL;
	if (equals != NULL) {
		*equals = '\0';
		w->value = equals + 1;
	}
	if (w->value != NULL && *w->value == '"') {
		w->value++;
		if (last >= w->value && *last == '"')
			*last = '\0';
	}
	if (quoted && last > s && *last == '"')
		*last = '\0';
	return more ? skip_spaces(end + 1) : end;
}

static void bad_value(struct cmdline *c, const struct cmdline_key *key, const char *value)
{
	if (value == NULL)
		add_warning(c, "%s: needs a value: %s; the default is used", key->name,
			    key->values);
	else if (key->values[0] == '\0')
		add_warning(c, "%s=%.48s: takes no value; ignored", key->name, value);
	else
		add_warning(c, "%s=%.48s: not one of %s; the default is used", key->name, value,
			    key->values);
}

static void apply_key(struct cmdline *c, const struct word *w, const char *heeded)
{
	static const char prefix[] = "keelboot.";

	for (const struct cmdline_key *key = cmdline_keys; key->name != NULL; key++) {
		if (!equal_names(key->name, strlen(key->name), w->name, strlen(w->name)))
			continue;
		if (!cmdline_is_heeded(heeded, key->name, strlen(key->name)))
			add_warning(c, "%s: ignored: [system] command-line= does not name it",
				    key->name);
		else if (!key->set(c, w->value))
			bad_value(c, key, w->value);
		return;
	}
	if (strncmp(w->name, prefix, sizeof(prefix) - 1) == 0)
		add_warning(c, "%.64s: unknown key; see keelboot-init(8)", w->name);
}

/* Copies text into buf of CMDLINE_MAX + 1 bytes; true if it had to be cut in the middle of a word.
 */
static bool copy_text(struct cmdline *c, char *buf, const char *text)
{
	size_t len = strnlen(text, CMDLINE_MAX + 1);
	bool cut = len > CMDLINE_MAX;

	if (cut) {
		len = CMDLINE_MAX;
		add_warning(c, "kernel command line: longer than %d bytes; the rest is ignored",
			    CMDLINE_MAX);
	}
	memcpy(buf, text, len);
	buf[len] = '\0';
	return cut && !is_space(text[len]);
}

bool cmdline_is_key(const char *name, size_t len)
{
	for (const struct cmdline_key *key = cmdline_keys; key->name != NULL; key++) {
		if (equal_names(key->name, strlen(key->name), name, len))
			return true;
	}
	return false;
}

void cmdline_parse(struct cmdline *c, const char *text)
{
	cmdline_parse_heeded(c, text, "all");
}

void cmdline_parse_heeded(struct cmdline *c, const char *text, const char *heeded)
{
	char buf[CMDLINE_MAX + 1], *s, *end;
	bool cut;

	*c = (struct cmdline){
		.enable = true, .slot = -1, .pair = -1, .sources = CMDLINE_SOURCE_ALL
	};
	cut = copy_text(c, buf, text);
	end = buf + strlen(buf);
	s = skip_spaces(buf);
	while (*s != '\0') {
		char *equals;
		struct word w;

		/* Half a word could mean something else than the whole one. */
		if (cut && word_end(s, &equals) == end)
			return;
		s = take_word(s, &w);
		if (w.value == NULL && strcmp(w.name, "--") == 0)
			return;
		apply_key(c, &w, heeded);
	}
}
