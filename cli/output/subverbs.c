/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output/subverbs.h"

#include "cli/output/args.h"
#include "cli/output/output.h"
#include "lib/log.h"

#include <stdio.h>
#include <string.h>

#define VERBS_MAX 16

static int unknown_subverb(const char *verb, const struct subverb *list, size_t n, const char *word)
{
	const char *names[VERBS_MAX], *near;

	n = n < VERBS_MAX ? n : VERBS_MAX;
	for (size_t i = 0; i < n; i++)
		names[i] = list[i].name;
	near = args_nearest(word, names, n);
	if (near != NULL)
		log_err("%s %s: unknown verb; did you mean `keelboot %s %s`?", verb, word, verb,
			near);
	else
		log_err("%s %s: unknown verb; `keelboot %s --help` lists the verbs", verb, word,
			verb);
	return OUTPUT_USAGE;
}

int subverbs_run(const char *verb, const char *help, const struct subverb *list, size_t n, int argc,
		 char **argv)
{
	if (argc < 2) {
		fputs(help, stderr);
		return OUTPUT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		fputs(help, stdout);
		return output_exit_code(output_flush());
	}
	for (size_t i = 0; i < n; i++)
		if (strcmp(argv[1], list[i].name) == 0)
			return list[i].run(argc - 1, argv + 1);
	return unknown_subverb(verb, list, n, argv[1]);
}
