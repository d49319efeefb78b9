/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/health/health_run.h"

#include "cli/health/health_phase.h"
#include "cli/state/boot_json.h"

#include <stdio.h>
#include <string.h>

static void tell_phase(const void *ctx, const char *name)
{
	health_phase_check(ctx, name);
}

void health_run(const struct device *d, const struct check_list *l, const struct health_run *run,
		struct check_table *t)
{
	json_object *boot = boot_json_read(d->opts);
	bool own = run->root == NULL;
	const struct check_run_env env = {
		.stage = run->stage,
		.root = run->root,
		.slot = own ? d->booted : run->slot,
		.status = own ? boot_json_text(boot, "status") : "bad",
		.version = own ? boot_json_text(boot, "version") : run->version,
		.timeout_s = run->timeout_s != 0 ? run->timeout_s : d->conf.health_timeout_s,
	};
	const struct check_table_mode mode = {
		.stop = run->stop,
		.begins = tell_phase,
		.ctx = d,
	};

	check_table_run(t, l, &env, &mode);
	json_object_put(boot);
	health_phase_end(d);
}

void health_run_after(const struct device *d, const char *kind)
{
	const struct health_run run = { .stage = strcmp(kind, "red.d") == 0 ? "red" : "green" };
	static struct check_list list;
	struct check_table t;

	if (check_find_after(&list, d->opts->conf_root, kind) != KB_OK)
		return;
	if (list.n > 0)
		health_run(d, &list, &run, &t);
}

void health_run_reason(const struct check_table *t, const char *what,
		       char reason[HEALTH_REASON_MAX], struct tail *words)
{
	char head[CHECK_NAME_MAX + 48];

	*words = (struct tail){ .len = 0 };
	snprintf(reason, HEALTH_REASON_MAX, "%s %.96s: %s%s%s", what, t->first->name, t->why.what,
		 t->why.said[0] != '\0' ? ": " : "", t->why.said);
	snprintf(head, sizeof(head), "%s: %s\n", t->first->name, t->why.what);
	tail_add(words, head, strlen(head));
	tail_add(words, t->why.tail.text, t->why.tail.len);
	words->cut |= t->why.tail.cut;
}
