/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verbs.h"
#include "cli/state/mark.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

enum { REASON = 1 };

static const struct args_option table[] = {
	{ "reason", 0, true, REASON },
	{ .name = NULL },
};

struct wanted {
	bool good;
	/* no verdict: a shutdown begins */
	bool clean;
	/* of the slot */
	const char *name;
	const char *reason;
};

static bool take_operand(struct wanted *w, bool *verdict, const char *word)
{
	if (*verdict && w->name == NULL) {
		w->name = word;
		return true;
	}
	if (*verdict)
		return false;
	w->clean = strcmp(word, "clean") == 0;
	if (!w->clean && strcmp(word, "good") != 0 && strcmp(word, "bad") != 0)
		return false;
	w->good = strcmp(word, "good") == 0;
	*verdict = true;
	return true;
}

/* An exit code, or OUTPUT_OK to go on. */
static int read_mark_args(struct args *a, struct device_options *o, struct wanted *w)
{
	bool verdict = false;
	int id;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id == REASON)
			w->reason = a->value;
		else if (id != ARGS_OPERAND)
			return OUTPUT_USAGE;
		else if (!take_operand(w, &verdict, a->value) && !verdict) {
			log_err("mark: \"%s\" is not a verdict; expected good, bad or clean",
				a->value);
			return OUTPUT_USAGE;
		} else if (w->name != NULL && a->value != w->name)
			return args_wrong(a, ARGS_OPERAND, "mark");
	}
	if (!verdict)
		return args_missing("mark", "good, bad or clean");
	if (w->clean && w->name != NULL) {
		log_err("\"%s\": unexpected argument; see `keelboot help mark`", w->name);
		return OUTPUT_USAGE;
	}
	if ((w->good || w->clean) && w->reason != NULL) {
		log_err("mark %s: takes no --reason", w->good ? "good" : "clean");
		return OUTPUT_USAGE;
	}
	if (w->reason != NULL && w->reason[strspn(w->reason, " \t\n")] == '\0') {
		log_err("mark bad: --reason is empty; say why, or leave it out");
		return OUTPUT_USAGE;
	}
	if (w->name == NULL)
		w->name = "booted";
	if (w->reason != NULL && strlen(w->reason) > HISTORY_TEXT_MAX)
		log_warn("--reason: only its first %d characters are kept", HISTORY_TEXT_MAX);
	if (w->reason == NULL)
		w->reason = "marked bad by command";
	return OUTPUT_OK;
}

int mark_cmd(struct args *a, struct device_options *o)
{
	struct wanted w = { .good = false };
	int code = read_mark_args(a, o, &w);

	if (code != OUTPUT_OK)
		return code;
	if (w.clean)
		return mark_clean(o);
	return w.good ? mark_good(o, w.name) : mark_bad(o, w.name, w.reason);
}
