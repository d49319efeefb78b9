/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/health/health.h"

#include "cli/health/health_reject.h"
#include "cli/health/health_run.h"
#include "cli/output/output.h"
#include "lib/log.h"

#include <stdio.h>

static void reject_for(struct device *d, const struct check_table *t)
{
	char reason[HEALTH_REASON_MAX];
	struct tail words;

	if (t->first == NULL) {
		health_reject(d, "check: no required.d", NULL);
		return;
	}
	health_run_reason(t, "check", reason, &words);
	health_reject(d, reason, &words);
}

int health_check(const struct device_options *o)
{
	const struct health_run run = { .stage = "check", .stop = true };
	static struct check_list list;
	static struct device d;
	static struct check_table t;
	char reason[HEALTH_REASON_MAX];

	device_init(&d, o);
	if (check_find(&list, o->conf_root) != KB_OK) {
		snprintf(reason, sizeof(reason), "check: %s", list.why);
		health_reject(&d, reason, NULL);
		return OUTPUT_FAILURE;
	}
	health_run(&d, &list, &run, &t);
	if (list.lacks_required)
		log_err(CHECK_FIND_LACKS);
	if (list.n == 0)
		log_warn(CHECK_FIND_NONE);
	else
		check_table_sum(&t);
	if (t.failed == 0 && !list.lacks_required)
		return output_flush() == KB_OK ? OUTPUT_OK : OUTPUT_FAILURE;
	reject_for(&d, &t);
	return OUTPUT_FAILURE;
}
