/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `keelboot check`: runs the device maker's health checks on the running system, and tells. It
 * changes no state: `keelboot check && keelboot mark good` is what a service does with it.
 */
#include "cli/check/check_run.h"
#include "cli/state/boot_json.h"
#include "cli/verbs.h"

#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

enum { JSON = 1, TIMEOUT };

#define CHECKS_MAX 64 /* of one folder */

static const struct args_option table[] = {
	{ "json", 0, false, JSON },
	{ "timeout", 0, true, TIMEOUT },
	{ .name = NULL },
};

/* Of two checks with one name the first folder's counts. */
static const char *const folders[] = { "/etc/keelboot/check.d", "/usr/lib/keelboot/check.d" };

struct checks {
	const char *root;
	unsigned n;
	struct {
		char name[64];
		unsigned folder;
	} check[2 * CHECKS_MAX];
};

static void add_check(struct checks *c, const char *name, unsigned folder)
{
	unsigned at = 0;

	if (name[0] == '.' || name[strlen(name) - 1] == '~')
		return;
	while (at < c->n && strcmp(c->check[at].name, name) < 0)
		at++;
	if (at < c->n && strcmp(c->check[at].name, name) == 0)
		return;
	memmove(&c->check[at + 1], &c->check[at], (c->n - at) * sizeof(c->check[0]));
	snprintf(c->check[at].name, sizeof(c->check[at].name), "%.63s", name);
	c->check[at].folder = folder;
	c->n++;
}

static enum kb_err find_checks(struct checks *c)
{
	static char names[CHECKS_MAX][64];

	for (unsigned f = 0; f < KB_ARRAY_LEN(folders); f++) {
		char dir[DEVICE_PATH_MAX];
		unsigned n = 0;
		enum kb_err err;

		snprintf(dir, sizeof(dir), "%s%s", c->root, folders[f]);
		err = os_list(dir, names, CHECKS_MAX, &n);
		if (err != KB_OK && err != KB_ENOENT) {
			log_err("%s: cannot be read: %s", dir, err_text(err));
			return err;
		}
		for (unsigned i = 0; err == KB_OK && i < n; i++)
			add_check(c, names[i], f);
		if (n == CHECKS_MAX) {
			log_err("%s: has %d entries or more; put the checks into fewer files", dir,
				CHECKS_MAX);
			return KB_ENOSPC;
		}
	}
	return KB_OK;
}

static void print_one(const char *name, const struct check_run_result *r)
{
	printf("%s%s%s  %s%s%s\n", output_colour(stdout, r->ok ? OUTPUT_GREEN : OUTPUT_RED),
	       r->ok ? "ok    " : "FAILED", output_colour(stdout, OUTPUT_PLAIN), name,
	       r->ok ? "" : ": ", r->ok ? "" : r->what);
	if (!r->ok && r->said[0] != '\0')
		printf("        output: %s\n", r->said);
}

static json_object *print_one_json(const char *name, const struct check_run_result *r)
{
	json_object *o = json_object_new_object();

	output_json_text(o, "name", name);
	output_json_bool(o, "ok", r->ok);
	output_json_text(o, "result", r->what);
	output_json_text(o, "said", r->said);
	output_json_number(o, "ms", r->ms);
	return o;
}

/* All of them, also behind one that fails: a person wants to know all that is wrong. */
static unsigned run_checks(const struct checks *c, const struct check_run_env *env,
			   json_object *list)
{
	unsigned failed = 0;

	for (unsigned i = 0; i < c->n; i++) {
		struct check_run_result r;
		char path[DEVICE_PATH_MAX];

		snprintf(path, sizeof(path), "%s%s/%s", c->root, folders[c->check[i].folder],
			 c->check[i].name);
		check_run(path, env, &r);
		failed += !r.ok;
		if (list != NULL)
			output_json_append(list, print_one_json(c->check[i].name, &r));
		else
			print_one(c->check[i].name, &r);
	}
	return failed;
}

static void print_sum(unsigned failed, unsigned n)
{
	if (failed != 0)
		printf("%u of %u checks failed.\n", failed, n);
	else if (n == 1)
		puts("The check passed.");
	else
		printf("All %u checks passed.\n", n);
}

static int run_and_report(const struct checks *c, const struct device *d, uint64_t timeout_s,
			  bool json)
{
	json_object *o = json ? output_json_new() : NULL, *list = json ? output_json_list() : NULL;
	json_object *boot = boot_json_read(d->opts);
	struct check_run_env env = {
		.slot = d->booted,
		.status = boot_json_text(boot, "status"),
		.version = boot_json_text(boot, "version"),
		.timeout_s = timeout_s != 0 ? (unsigned)timeout_s : d->conf.hook_timeout_s,
	};
	unsigned failed = run_checks(c, &env, list);
	enum kb_err err;

	json_object_put(boot);
	if (json) {
		output_json_bool(o, "ok", failed == 0);
		output_json_add(o, "checks", list);
		err = output_json_print(o, false);
	} else {
		if (c->n == 0)
			log_warn("no checks in %s and %s: nothing was checked", folders[0],
				 folders[1]);
		else
			print_sum(failed, c->n);
		err = output_flush();
	}
	return failed == 0 && err == KB_OK ? OUTPUT_OK : OUTPUT_FAILURE;
}

int check_cmd(struct args *a, struct device_options *o)
{
	static struct checks checks;
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
	checks.root = o->conf_root;
	if (find_checks(&checks) != KB_OK)
		return OUTPUT_FAILURE;
	return run_and_report(&checks, &d, timeout_s, json);
}
