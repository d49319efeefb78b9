/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `keelboot check`: runs the device maker's health checks on the running system, and tells. It
 * changes no state: `keelboot check && keelboot mark good` is what a service does with it.
 */
#include "cli/check/check_find.h"
#include "cli/check/check_run.h"
#include "cli/state/boot_json.h"
#include "cli/verbs.h"

#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

enum { JSON = 1, TIMEOUT };

static const struct args_option table[] = {
	{ "json", 0, false, JSON },
	{ "timeout", 0, true, TIMEOUT },
	{ .name = NULL },
};

struct outcome {
	unsigned failed, warned, ran;
};

static void print_one(const struct check_found *c, const struct check_run_result *r)
{
	const char *word = c->disabled ? "-" : r->ok ? "ok" : c->required ? "FAILED" : "failed";
	enum output_colour colour = c->disabled || (!r->ok && !c->required) ? OUTPUT_YELLOW
				    : r->ok				    ? OUTPUT_GREEN
									    : OUTPUT_RED;

	printf("%s%-6s%s  %-32s", output_colour(stdout, colour), word,
	       output_colour(stdout, OUTPUT_PLAIN), c->name);
	if (c->disabled)
		printf("  %8s  disabled in greenboot.conf\n", "-");
	else
		printf("  %6.1f s  %s%s\n", (double)r->ms / 1000, r->ok ? "" : r->what,
		       r->ok || c->required ? "" : "; wanted only");
	if (!c->disabled && !r->ok && r->said[0] != '\0')
		printf("        output: %s\n", r->said);
}

static json_object *print_one_json(const struct check_found *c, const struct check_run_result *r)
{
	json_object *o = json_object_new_object();

	output_json_text(o, "name", c->name);
	output_json_text(o, "path", c->path);
	output_json_bool(o, "required", c->required);
	output_json_bool(o, "disabled", c->disabled);
	output_json_bool(o, "ok", c->disabled || r->ok);
	output_json_text(o, "result", r->what);
	output_json_text(o, "said", r->said);
	output_json_number(o, "ms", r->ms);
	return o;
}

/* All of them, also behind one that fails: a person wants to know all that is wrong. */
static struct outcome run_checks(const struct check_list *l, const struct check_run_env *env,
				 json_object *list)
{
	struct outcome sum = { .failed = 0 };

	for (unsigned i = 0; i < l->n; i++) {
		const struct check_found *c = &l->check[i];
		struct check_run_result r = { .ok = false };

		if (!c->disabled) {
			check_run(c->path, c->bash, env, &r);
			sum.ran++;
			sum.failed += !r.ok && c->required;
			sum.warned += !r.ok && !c->required;
		}
		if (list != NULL)
			output_json_append(list, print_one_json(c, &r));
		else
			print_one(c, &r);
	}
	return sum;
}

static void print_sum(const struct outcome *sum)
{
	if (sum->failed != 0)
		printf("%u of %u checks failed.\n", sum->failed, sum->ran);
	else if (sum->warned != 0)
		printf("All required checks passed; %u of those that are only wanted failed.\n",
		       sum->warned);
	else if (sum->ran == 1)
		puts("The check passed.");
	else
		printf("All %u checks passed.\n", sum->ran);
}

static enum kb_err report_text(const struct check_list *l, const struct outcome *sum)
{
	if (l->lacks_required)
		log_err("greenboot is there without check/required.d in /usr/lib/greenboot or /etc/greenboot: its checks cannot pass");
	if (l->n == 0)
		log_warn(
			"no checks in /etc/keelboot/check.d, /usr/lib/keelboot/check.d, or greenboot's folders: nothing was checked");
	else
		print_sum(sum);
	return output_flush();
}

static int run_and_report(const struct check_list *l, const struct device *d, uint64_t timeout_s,
			  bool json)
{
	json_object *o = json ? output_json_new() : NULL, *list = json ? output_json_list() : NULL;
	json_object *boot = boot_json_read(d->opts);
	struct check_run_env env = {
		.slot = d->booted,
		.status = boot_json_text(boot, "status"),
		.version = boot_json_text(boot, "version"),
		.timeout_s = timeout_s != 0 ? (unsigned)timeout_s : d->conf.health_timeout_s,
	};
	struct outcome sum = run_checks(l, &env, list);
	bool ok = sum.failed == 0 && !l->lacks_required;
	enum kb_err err;

	json_object_put(boot);
	if (json) {
		output_json_bool(o, "ok", ok);
		output_json_add(o, "checks", list);
		err = output_json_print(o, false);
	} else {
		err = report_text(l, &sum);
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
