/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `keelboot check`: runs the device maker's health checks on the running system, and tells. It
 * changes no state: `keelboot check && keelboot mark good` is what a service does with it.
 */
#include "cli/check/check_find.h"
#include "cli/check/check_run.h"
#include "cli/check/check_table.h"
#include "cli/state/boot_json.h"
#include "cli/verbs.h"

#include "lib/log.h"

enum { JSON = 1, TIMEOUT };

static const struct args_option table[] = {
	{ "json", 0, false, JSON },
	{ "timeout", 0, true, TIMEOUT },
	{ .name = NULL },
};

static enum kb_err report_text(const struct check_list *l, const struct check_table *t)
{
	if (l->lacks_required)
		log_err(CHECK_FIND_LACKS);
	if (l->n == 0)
		log_warn(CHECK_FIND_NONE);
	else
		check_table_sum(t);
	return output_flush();
}

static int run_and_report(const struct check_list *l, const struct device *d, uint64_t timeout_s,
			  bool json)
{
	json_object *o = json ? output_json_new() : NULL, *list = json ? output_json_list() : NULL;
	json_object *boot = boot_json_read(d->opts);
	struct check_run_env env = {
		.stage = "check",
		.slot = d->booted,
		.status = boot_json_text(boot, "status"),
		.version = boot_json_text(boot, "version"),
		.timeout_s = timeout_s != 0 ? (unsigned)timeout_s : d->conf.health_timeout_s,
	};
	/* All of them, also behind one that fails: a person wants to know all that is wrong. */
	const struct check_table_mode mode = { .list = list };
	static struct check_table t;
	enum kb_err err;
	bool ok;

	check_table_run(&t, l, &env, &mode);
	ok = t.failed == 0 && !l->lacks_required;
	json_object_put(boot);
	if (json) {
		output_json_bool(o, "ok", ok);
		output_json_add(o, "checks", list);
		err = output_json_print(o, false);
	} else {
		err = report_text(l, &t);
	}
	return ok && err == KB_OK ? OUTPUT_OK : OUTPUT_FAILURE;
}

int check_cmd(struct args *a, struct device_options *o)
{
	static struct check_list checks;
	static struct device d;
	uint64_t timeout_s = 0;
	bool json = false;
	int id;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id == JSON)
			json = true;
		else if (id != TIMEOUT)
			return args_wrong(a, id, "check");
		else if (!check_run_timeout(a->value, &timeout_s))
			return OUTPUT_USAGE;
	}
	device_init(&d, o);
	if (check_find(&checks, o->conf_root) != KB_OK)
		return OUTPUT_FAILURE;
	return run_and_report(&checks, &d, timeout_s, json);
}
