/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel-cmdline/cmdline.h"

#include "kernel-cmdline/cmdline_word.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct word {
	char *name;
	/* NULL: no '=' */
	char *value;
};

bool cmdline_is_heeded(const char *heeded, const char *name, size_t len)
{
	if (strcmp(heeded, "all") == 0)
		return true;
	for (;;) {
		size_t n = strcspn(heeded, ",");

		if (cmdline_word_equal(name, len, heeded, n))
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

/* As in the kernel, a '=' in the first place belongs to the name. */
static char *find_equals(char *s, size_t len)
{
	size_t first = *s == '"' ? 2 : 1;

	return len > first ? memchr(s + first, '=', len - first) : NULL;
}

/*
 * Takes one word off s, as next_arg() of Linux's lib/cmdline.c does, down to its oddities: a
 * quote is removed at the start of a word or of a value, and then also at its end; others stay.
 */
static char *take_word(char *s, struct word *w)
{
	size_t len = cmdline_word_len(s);
	char *equals = find_equals(s, len), *end = s + len, *last = end - 1;
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
	return more ? end + 1 + cmdline_word_spaces(end + 1) : end;
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
		if (!cmdline_word_equal(key->name, strlen(key->name), w->name, strlen(w->name)))
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

bool cmdline_cut(char *text)
{
	char *end = text + CMDLINE_MAX, *s = text, *behind;

	if (strnlen(text, CMDLINE_MAX + 1) <= CMDLINE_MAX)
		return false;
	/* Half a word could mean something else than the whole one. bound: CMDLINE_MAX */
	for (behind = s; behind <= end; behind = s + cmdline_word_len(s))
		s = behind + cmdline_word_spaces(behind);
	*(s < end ? s : end) = '\0';
	return true;
}

/* Copies text into buf of CMDLINE_MAX + 2 bytes. */
static void copy_text(struct cmdline *c, char *buf, const char *text)
{
	size_t len = strnlen(text, CMDLINE_MAX + 1);

	memcpy(buf, text, len);
	buf[len] = '\0';
	if (cmdline_cut(buf))
		add_warning(c, "kernel command line: longer than %d bytes; the rest is ignored",
			    CMDLINE_MAX);
}

bool cmdline_is_key(const char *name, size_t len)
{
	for (const struct cmdline_key *key = cmdline_keys; key->name != NULL; key++) {
		if (cmdline_word_equal(key->name, strlen(key->name), name, len))
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
	char buf[CMDLINE_MAX + 2], *s;

	*c = (struct cmdline){
		.enable = true, .slot = -1, .pair = -1, .sources = CMDLINE_SOURCE_ALL
	};
	copy_text(c, buf, text);
	s = buf + cmdline_word_spaces(buf);
	while (*s != '\0') {
		struct word w;

		s = take_word(s, &w);
		if (w.value == NULL && strcmp(w.name, "--") == 0)
			return;
		apply_key(c, &w, heeded);
	}
}
