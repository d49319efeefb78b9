/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/health/health.h"
#include "cli/guard/guard.h"
#include "cli/verbs.h"

#include "lib/log.h"
#include "lib/util.h"

#include <string.h>

static const struct args_option table[] = { { .name = NULL } };

/* From a slot; or it is another's, and guarded. */
static bool is_judged(const struct device_options *o)
{
	static struct device d;

	device_init(&d, o);
	if (d.run_found || guard_runs(o))
		return true;
	log_warn(
		"Keelboot did not boot the running system (no %s/slot), and does not guard it: no verdict",
		o->run_dir);
	return false;
}

static bool is_part(const char *text)
{
	static const char *const parts[] = { "migrate", "check", "commit", "watch" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(parts); i++)
		if (strcmp(text, parts[i]) == 0)
			return true;
	return false;
}

int health_cmd(struct args *a, struct device_options *o)
{
	int id, code = OUTPUT_OK;
	const char *half = NULL;
	bool unproven = false;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id != ARGS_OPERAND || half != NULL)
			return args_wrong(a, id, "health");
		half = a->value;
	}
	if (half != NULL && !is_part(half)) {
		log_err("health: \"%s\" is not known; expected migrate, check, commit, watch, or nothing",
			half);
		return OUTPUT_USAGE;
	}
	if (!is_judged(o))
		return OUTPUT_NOTHING;
	if (half != NULL && strcmp(half, "commit") == 0)
		return health_commit(o);
	if (half != NULL && strcmp(half, "watch") == 0)
		return health_watch(o);
	/* Nothing is checked before it, so nothing becomes good without it. What cannot be undone
	 * of another release is not the fault of this one. */
	if (!guard_runs(o))
		code = health_migrate(o, &unproven);
	if ((half != NULL && strcmp(half, "migrate") == 0) || (unproven && code != OUTPUT_OK))
		return code;
	code = health_check(o);
	return code == OUTPUT_OK && half == NULL ? health_commit(o) : code;
}
