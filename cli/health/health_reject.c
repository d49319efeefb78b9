/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/health/health_reject.h"

#include "cli/failure/failure_report.h"
#include "cli/guard/guard.h"
#include "cli/health/health_rollback.h"
#include "cli/health/health_run.h"
#include "cli/output/output.h"
#include "cli/state/mark.h"
#include "lib/log.h"
#include "lib/os_command.h"

#include <stdio.h>

bool health_is_unproven(const struct device *d)
{
	const struct state *s = &d->state;

	return d->finding == STORE_FOUND && d->run_found && d->booted < s->nslots &&
	       s->slot[d->booted].st != STATE_GOOD && d->token != 0 && s->open == d->booted &&
	       s->open_token == d->token;
}

bool health_on_trial(const struct device *d)
{
	return health_is_unproven(d) && d->state.slot[d->booted].st == STATE_TRIAL;
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
static void reject(struct device *d, const char *reason, const struct tail *words)
{
	bool guarded = mark_guardian_find(d) != 0;
	int code;

	log_err("%s; this release is rejected", reason);
	failure_report(d->opts, words);
	health_rollback_own(d);
	mark_guardian_ask(d);
	code = mark_bad(d->opts, "booted", reason);
	if (guarded && code == OUTPUT_OK)
		puts("The guardian restarts the machine.");
	(void)!output_flush();
	if (!guarded || code != OUTPUT_OK)
		restart();
}

bool health_reject(struct device *d, const char *reason, const struct tail *words)
{
	bool trial, replaced;

	health_run_after(d, "red.d");
	if (!d->run_found)
		return guard_bad(d->opts, reason, words) == OUTPUT_OK;
	if (device_open_to_read(d) != KB_OK)
		return false;
	trial = health_on_trial(d);
	replaced = trial && can_be_replaced(d);
	device_close(d);
	if (!trial)
		log_err("%s; this boot is not a trial: nothing is rejected", reason);
	else if (!replaced)
		log_err("%s; there is no other slot to boot: the trial goes on", reason);
	else
		reject(d, reason, words);
	(void)!output_flush();
	return replaced;
}
