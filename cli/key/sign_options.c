/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/key/sign_options.h"

#include "cli/output/args.h"
#include "cli/output/output.h"
#include "lib/log.h"

#include <stdio.h>

enum { OPT_HELP = 1, OPT_KEY, OPT_OUTPUT, OPT_EMIT, OPT_ATTACH };

static const struct args_option options[] = {
	{ "help", 'h', false, OPT_HELP },     { "key", 0, true, OPT_KEY },
	{ "emit-digest", 0, true, OPT_EMIT }, { "attach", 0, true, OPT_ATTACH },
	{ "output", 'o', true, OPT_OUTPUT },  { NULL, 0, false, 0 },
};

/* NULL: nothing is missing. */
static const char *find_missing_option(const struct sign_options *s)
{
	if (s->emit != NULL && (s->attach != NULL || s->nkeys > 0 || s->output != NULL))
		return "--emit-digest takes no --key, --attach or -o: it signs nothing";
	if (s->attach != NULL && s->nkeys != 1)
		return "--attach needs one --key: the public half of the key that signed";
	return s->emit == NULL && s->nkeys == 0 ? "missing option: --key FILE" : NULL;
}

static int check_complete(const struct sign_options *s)
{
	const char *wrong = find_missing_option(s);

	if (s->input == NULL)
		return args_missing(s->verb, s->what);
	if (wrong == NULL)
		return -1;
	log_err("%s: %s; see `keelboot help %s`", s->verb, wrong, s->verb);
	return OUTPUT_USAGE;
}

static int take_key(struct sign_options *s, const char *key)
{
	if (s->nkeys == SIGN_OPTIONS_KEYS) {
		log_err("%s: more than %u keys; sign in several steps", s->verb, SIGN_OPTIONS_KEYS);
		return OUTPUT_USAGE;
	}
	s->key[s->nkeys++] = key;
	return -1;
}

/* -1: it was dealt with; else the exit code. */
static int take_sign_option(struct sign_options *s, const struct args *a, int id)
{
	switch (id) {
	case OPT_HELP:
		fputs(s->help, stdout);
		return output_exit_code(output_flush());
	case OPT_KEY:
		return take_key(s, a->value);
	case OPT_OUTPUT:
		s->output = a->value;
		return -1;
	case OPT_EMIT:
		s->emit = a->value;
		return -1;
	case OPT_ATTACH:
		s->attach = a->value;
		return -1;
	default:
		if (id != ARGS_OPERAND || s->input != NULL)
			return args_wrong(a, id, s->verb);
		s->input = a->value;
		return -1;
	}
}

int sign_options_read(struct sign_options *s, int argc, char **argv)
{
	struct args a = { .argc = argc, .argv = argv, .at = 1, .tables = { options } };
	int id, code;

	while ((id = args_next(&a)) != ARGS_END) {
		code = take_sign_option(s, &a, id);
		if (code >= 0)
			return code;
	}
	return check_complete(s);
}
