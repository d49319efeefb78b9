/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/command.h"

#include "cli/verbs.h"
#include "lib/util.h"

#include <stdlib.h>

static const struct {
	const char *name;
	int (*run)(struct args *a, struct device_options *o);
} verbs[] = {
	{ "stage", stage_cmd },	    { "unstage", unstage_cmd }, { "install", install_cmd },
	{ "mark", mark_cmd },	    { "switch", switch_cmd },	{ "status", status_cmd },
	{ "history", history_cmd }, { "doctor", doctor_cmd },
};

int command_words(const char *line, char *argv[COMMAND_WORDS + 1])
{
	static char words[4096];
	int n = 0;

	snprintf(words, sizeof(words), "%s", line);
	for (char *w = strtok(words, " "); w != NULL && n < COMMAND_WORDS; w = strtok(NULL, " "))
		argv[n++] = w;
	argv[n] = NULL;
	return n;
}

int command_run(const char *line, struct device_options *o)
{
	static char *argv[COMMAND_WORDS + 1];
	struct args a = { .argc = command_words(line, argv), .argv = argv, .at = 1 };

	for (unsigned i = 0; i < KB_ARRAY_LEN(verbs); i++)
		if (strcmp(verbs[i].name, argv[0]) == 0)
			return verbs[i].run(&a, o);
	abort();
}
