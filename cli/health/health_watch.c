/* SPDX-License-Identifier: Apache-2.0 */
/* At its deadline a trial is rejected by the guardian, which cannot ask systemd. So what systemd
 * knows is written before that. */
#include "cli/health/health.h"

#include "cli/failure/failure_report.h"
#include "cli/health/health_reject.h"
#include "cli/output/output.h"
#include "cli/state/boot_json.h"
#include "initramfs/guardian/guardian.h"
#include "lib/os.h"
#include "lib/os_clock.h"

#include <stdio.h>

#define BEFORE_S 20 /* what the questions may take, and the lock */
#define STEP_MS	 2000

/* In the guardian's clock, when the last words must be asked for; 0: there is no deadline. */
static uint64_t find_moment(const struct device_options *o)
{
	json_object *boot = boot_json_read(o), *guardian = NULL;
	uint64_t deadline = 0, due = 0, before;

	if (boot == NULL || !json_object_object_get_ex(boot, "guardian", &guardian) ||
	    !json_object_is_type(guardian, json_type_object) ||
	    !boot_json_number(guardian, "deadline", &deadline) ||
	    !boot_json_number(guardian, "due", &due))
		due = deadline = 0;
	json_object_put(boot);
	before = deadline / 3 < BEFORE_S ? deadline / 3 : BEFORE_S;
	return due > before ? (due - before) * 1000 : 0;
}

static bool has_reported(const struct device *d)
{
	char path[DEVICE_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/" GUARDIAN_REPORT_FILE, d->opts->run_dir);
	return os_exists(path);
}

static bool waits_for_verdict(struct device *d)
{
	bool trial;

	if (device_open_to_read(d) != KB_OK)
		return false;
	trial = health_on_trial(d);
	device_close(d);
	return trial;
}

int health_watch(const struct device_options *o)
{
	uint64_t moment = find_moment(o);
	static struct device d;

	device_init(&d, o);
	if (moment == 0 || !d.run_found)
		return OUTPUT_NOTHING;
	while (!has_reported(&d) && os_clock_ms() < moment)
		os_sleep_ms(STEP_MS);
	if (!has_reported(&d) && waits_for_verdict(&d))
		failure_report(o, NULL);
	return OUTPUT_OK;
}
