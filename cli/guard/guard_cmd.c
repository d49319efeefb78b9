/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/guard/guard.h"
#include "cli/verbs.h"

#include "initramfs/guardian/guardian.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

enum { JSON = 1, REASON };

static const struct args_option table[] = {
	{ "json", 0, false, JSON },
	{ "reason", 0, true, REASON },
	{ .name = NULL },
};

static const struct word {
	const char *name;
	int (*run)(const struct device_options *o);
} guard_words[] = {
	{ "begin", guard_begin }, { "good", guard_good },	  { "clean", guard_clean },
	{ "look", guard_look },	  { "deadline", guard_deadline },
};

/* A job of the guardian's has no terminal; the log of the kernel is where its word goes. */
static void log_as_guardian(void)
{
	if (!os_is_kmsg(GUARDIAN_FD_KMSG))
		return;
	log_to(GUARDIAN_FD_KMSG, 1);
	log_set_level(LOG_LEVEL_INFO);
	log_show(LOG_LEVEL_NOTICE);
}

/* Of the rest, whatever calls them goes on. */
static bool needs_guard(const char *what)
{
	return what == NULL || strcmp(what, "status") == 0 || strcmp(what, "begin") == 0 ||
	       strcmp(what, "good") == 0 || strcmp(what, "bad") == 0;
}

/* True: that is said. No warning: the unit asks in each boot. */
static bool is_nothing(const struct device_options *o, bool json)
{
	static struct device d;
	const char *why;

	device_init(&d, o);
	why = guard_nothing(&d);
	if (why != NULL && json)
		log_warn("nothing to guard: %s", why);
	else if (why != NULL)
		printf("Nothing to guard: %s.\n", why);
	return why != NULL;
}

static int run_word(const char *name, const struct device_options *o)
{
	for (unsigned i = 0; i < KB_ARRAY_LEN(guard_words); i++)
		if (strcmp(guard_words[i].name, name) == 0)
			return guard_words[i].run(o);
	log_err("guard: \"%s\" is not known; expected status, why, good, bad, begin or clean",
		name);
	return OUTPUT_USAGE;
}

int guard_cmd(struct args *a, struct device_options *o)
{
	const char *what = NULL, *reason = NULL;
	bool json = false;
	int id;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id == JSON)
			json = true;
		else if (id == REASON)
			reason = a->value;
		else if (id != ARGS_OPERAND || what != NULL)
			return args_wrong(a, id, "guard");
		else
			what = a->value;
	}
	log_as_guardian();
	if (needs_guard(what) && is_nothing(o, json))
		return output_flush() == KB_OK ? OUTPUT_NOTHING : OUTPUT_FAILURE;
	if (what == NULL || strcmp(what, "status") == 0)
		return guard_status(o, json);
	if (strcmp(what, "why") == 0)
		return guard_why(o, json);
	if (strcmp(what, "bad") == 0)
		return guard_bad(o, reason != NULL ? reason : "by hand", NULL);
	return run_word(what, o);
}
