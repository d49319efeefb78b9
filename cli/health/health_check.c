/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/health/health.h"

#include "cli/check/check_table.h"
#include "cli/failure/failure_report.h"
#include "cli/health/health_phase.h"
#include "cli/output/output.h"
#include "cli/state/boot_json.h"
#include "cli/state/mark.h"
#include "lib/log.h"
#include "lib/os_command.h"

#include <stdio.h>
#include <string.h>

#define REASON_MAX 320 /* a check with its last line */

bool health_on_trial(const struct device *d)
{
	const struct state *s = &d->state;

	return d->finding == STORE_FOUND && d->run_found && d->booted < s->nslots &&
	       s->slot[d->booted].st == STATE_TRIAL && d->token != 0 && s->open == d->booted &&
	       s->open_token == d->token;
}

/* The guardian's rule, too: without another slot a verdict would only take the last one away. */
static bool can_be_replaced(const struct device *d)
{
	choose_mask whole = device_whole(&d->state);

	for (int i = 0; i < d->state.nslots; i++)
		if (i != d->booted && (whole >> i & 1) != 0 && state_is_fit(&d->state.slot[i]))
			return true;
	return false;
}

static void tell_phase(const void *ctx, const char *name)
{
	health_phase_check(ctx, name);
}

static void run_list(const struct device *d, const struct check_list *l, const char *stage,
		     struct check_table *t)
{
	json_object *boot = boot_json_read(d->opts);
	const struct check_run_env env = {
		.stage = stage,
		.slot = d->booted,
		.status = boot_json_text(boot, "status"),
		.version = boot_json_text(boot, "version"),
		.timeout_s = d->conf.health_timeout_s,
	};
	const struct check_table_mode mode = {
		.stop = strcmp(stage, "check") == 0,
		.begins = tell_phase,
		.ctx = d,
	};

	check_table_run(t, l, &env, &mode);
	json_object_put(boot);
	health_phase_end(d);
}

void health_run_after(const struct device *d, const char *kind)
{
	static struct check_list list;
	struct check_table t;

	if (check_find_after(&list, d->opts->conf_root, kind) != KB_OK)
		return;
	if (list.n > 0)
		run_list(d, &list, strcmp(kind, "red.d") == 0 ? "red" : "green", &t);
}

static void reason_of(const struct check_table *t, char reason[REASON_MAX])
{
	if (t->first == NULL)
		snprintf(reason, REASON_MAX, "check: no required.d");
	else
		snprintf(reason, REASON_MAX, "check %s: %s%s%s", t->first->name, t->why.what,
			 t->why.said[0] != '\0' ? ": " : "", t->why.said);
}

/* "required.d/10-app: exit 1", and what it printed. */
static void words_of(const struct check_table *t, struct tail *words)
{
	char head[128];

	*words = (struct tail){ .len = 0 };
	if (t->first == NULL)
		return;
	snprintf(head, sizeof(head), "%s: %s\n", t->first->name, t->why.what);
	tail_add(words, head, strlen(head));
	tail_add(words, t->why.tail.text, t->why.tail.len);
	words->cut |= t->why.tail.cut;
}

/* Returns only if reboot(8) cannot be started. */
static void restart(void)
{
	static const char *const argv[] = { "reboot", NULL };

	if (os_command_become("reboot", argv) != KB_OK)
		log_err("\"reboot\" cannot be started: %m; reboot by hand");
}

/* The last words first: behind the verdict the machine goes down. The guardian is asked before the
 * verdict: it hears of that while it is written. It restarts the machine even if the shutdown
 * hangs, and by itself at the deadline if nothing can be written. */
static void reject(const struct device *d, const struct check_table *t)
{
	char reason[REASON_MAX];
	bool guarded = mark_guardian_find(d) != 0;
	struct tail words;
	int code;

	reason_of(t, reason);
	words_of(t, &words);
	failure_report(d->opts, &words);
	mark_guardian_ask(d);
	code = mark_bad(d->opts, "booted", reason);
	if (guarded && code == OUTPUT_OK)
		puts("The guardian restarts the machine.");
	(void)!output_flush();
	if (!guarded || code != OUTPUT_OK)
		restart();
}

static void act_on_failure(struct device *d, const struct check_table *t)
{
	bool trial, replaced;

	health_run_after(d, "red.d");
	if (device_open_to_read(d) != KB_OK)
		return;
	trial = health_on_trial(d);
	replaced = trial && can_be_replaced(d);
	device_close(d);
	if (!trial)
		puts("This boot is not a trial: nothing is rejected.");
	else if (!replaced)
		puts("There is no other slot to boot: the trial goes on.");
	else
		reject(d, t);
}

int health_check(const struct device_options *o)
{
	static struct check_list list;
	static struct device d;
	static struct check_table t;

	device_init(&d, o);
	if (check_find(&list, o->conf_root) != KB_OK)
		return OUTPUT_FAILURE;
	run_list(&d, &list, "check", &t);
	if (list.lacks_required)
		log_err(CHECK_FIND_LACKS);
	if (list.n == 0)
		log_warn(CHECK_FIND_NONE);
	else
		check_table_sum(&t);
	if (t.failed == 0 && !list.lacks_required)
		return output_flush() == KB_OK ? OUTPUT_OK : OUTPUT_FAILURE;
	act_on_failure(&d, &t);
	(void)!output_flush();
	return OUTPUT_FAILURE;
}
