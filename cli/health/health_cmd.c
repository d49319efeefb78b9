/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/health/health.h"
#include "cli/verbs.h"

#include "lib/log.h"

#include <string.h>

static const struct args_option table[] = { { .name = NULL } };

static bool was_booted(const struct device_options *o)
{
	static struct device d;

	device_init(&d, o);
	if (!d.run_found)
		log_warn("Keelboot did not boot the running system (no %s/slot): no verdict",
			 o->run_dir);
	return d.run_found;
}

int health_cmd(struct args *a, struct device_options *o)
{
	const char *half = NULL;
	int id, code;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id != ARGS_OPERAND || half != NULL)
			return args_wrong(a, id, "health");
		half = a->value;
	}
	if (half != NULL && strcmp(half, "migrate") != 0 && strcmp(half, "check") != 0 &&
	    strcmp(half, "commit") != 0) {
		log_err("health: \"%s\" is not known; expected migrate, check, commit, or nothing",
			half);
		return OUTPUT_USAGE;
	}
	if (!was_booted(o))
		return OUTPUT_NOTHING;
	if (half != NULL && strcmp(half, "commit") == 0)
		return health_commit(o);
	/* Nothing is checked before it, so nothing becomes good without it. */
	code = health_migrate(o);
	if (half != NULL && strcmp(half, "migrate") == 0)
		return code;
	code = code == OUTPUT_OK ? health_check(o) : code;
	return code == OUTPUT_OK && half == NULL ? health_commit(o) : code;
}
