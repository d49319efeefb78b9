/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output/args.h"

#include "cli/output/output.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

#define NAMES_MAX 48
#define WORD_MAX  32 /* longer words are near to nothing */

static const struct args_option *find_long(const struct args *a, const char *name, size_t len)
{
	for (size_t t = 0; t < KB_ARRAY_LEN(a->tables); t++)
		for (const struct args_option *o = a->tables[t]; o != NULL && o->name != NULL; o++)
			if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
				return o;
	return NULL;
}

static const struct args_option *find_short(const struct args *a, char letter)
{
	for (size_t t = 0; t < KB_ARRAY_LEN(a->tables); t++)
		for (const struct args_option *o = a->tables[t]; o != NULL && o->name != NULL; o++)
			if (o->letter == letter)
				return o;
	return NULL;
}

static int report_unknown(const struct args *a, const char *word, size_t len)
{
	const char *names[NAMES_MAX];
	const char *near;
	char name[WORD_MAX];
	size_t n = 0;

	for (size_t t = 0; t < KB_ARRAY_LEN(a->tables); t++)
		for (const struct args_option *o = a->tables[t];
		     o != NULL && o->name != NULL && n < NAMES_MAX; o++)
			names[n++] = o->name;
	snprintf(name, sizeof(name), "%.*s", (int)len, word);
	near = args_nearest(name, names, n);
	if (near != NULL)
		log_err("unknown option --%s; did you mean --%s?", name, near);
	else
		log_err("unknown option --%s; --help lists the options", name);
	return ARGS_ERROR;
}

static int take_option_value(struct args *a, const struct args_option *o, const char *attached)
{
	a->option = o->name;
	a->value = attached;
	if (!o->value && attached != NULL) {
		log_err("--%s takes no value", o->name);
		return ARGS_ERROR;
	}
	if (!o->value || attached != NULL)
		return o->id;
	if (a->at >= a->argc) {
		log_err("--%s needs a value", o->name);
		return ARGS_ERROR;
	}
	a->value = a->argv[a->at++];
	return o->id;
}

static int next_long(struct args *a, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t len = equals != NULL ? (size_t)(equals - word) : strlen(word);
	const struct args_option *o = find_long(a, word, len);

	if (o == NULL)
		return report_unknown(a, word, len);
	return take_option_value(a, o, equals != NULL ? equals + 1 : NULL);
}

static int next_short(struct args *a, const char *word)
{
	const struct args_option *o = find_short(a, word[0]);

	if (o == NULL || (!o->value && word[1] != '\0')) {
		log_err("unknown option -%s; --help lists the options", word);
		return ARGS_ERROR;
	}
	return take_option_value(a, o, word[1] != '\0' ? word + 1 : NULL);
}

int args_next(struct args *a)
{
	const char *word;

	a->value = NULL;
	if (a->at >= a->argc)
		return ARGS_END;
	word = a->argv[a->at++];
	if (!a->only_operands && strcmp(word, "--") == 0) {
		a->only_operands = true;
		return args_next(a);
	}
	if (!a->only_operands && strncmp(word, "--", 2) == 0)
		return next_long(a, word + 2);
	/* "-" alone is an operand by custom: standard input. */
	if (!a->only_operands && word[0] == '-' && word[1] != '\0')
		return next_short(a, word + 1);
	a->value = word;
	return ARGS_OPERAND;
}

int args_wrong(const struct args *a, int id, const char *verb)
{
	if (id == ARGS_OPERAND)
		log_err("\"%s\": unexpected argument; see `keelboot help %s`", a->value, verb);
	else if (id > 0)
		log_err("--%s: not for %s; see `keelboot help %s`", a->option, verb, verb);
	return OUTPUT_USAGE;
}

int args_missing(const char *verb, const char *what)
{
	log_err("%s: missing argument: %s; see `keelboot help %s`", verb, what, verb);
	return OUTPUT_USAGE;
}

static size_t smallest_of(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* How many letters must be changed, added or taken away to make one word of the other. */
static size_t count_edits(const char *a, const char *b)
{
	size_t row[WORD_MAX], la = strlen(a), lb = strlen(b);

	if (la >= WORD_MAX || lb >= WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t above = row[j];

			row[j] = smallest_of(above + 1, row[j - 1] + 1,
					     diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[lb];
}

const char *args_nearest(const char *word, const char *const *names, size_t n)
{
	size_t len = strlen(word), best = len / 3 + 2; /* not reached: too far to be meant */
	const char *near = NULL;

	if (len == 0)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (strncmp(names[i], word, len) == 0)
			return names[i];
	for (size_t i = 0; i < n; i++) {
		size_t d = count_edits(word, names[i]);

		if (d < best && d < strlen(names[i])) {
			best = d;
			near = names[i];
		}
	}
	return near;
}
