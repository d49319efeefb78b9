/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/health/health.h"

#include "cli/health/health_reject.h"
#include "cli/health/health_rollback.h"
#include "cli/health/health_run.h"
#include "cli/output/output.h"
#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>

#define RESTART_MS 120000u /* for the restart behind a rejection: nothing may start meanwhile */

static void done_path(const struct device *d, char path[DEVICE_PATH_MAX + 16])
{
	snprintf(path, DEVICE_PATH_MAX + 16, "%s/migrated", d->opts->run_dir);
}

static bool is_done(const struct device *d)
{
	char path[DEVICE_PATH_MAX + 16];

	done_path(d, path);
	return os_exists(path);
}

static void note_done(const struct device *d)
{
	char path[DEVICE_PATH_MAX + 16];

	done_path(d, path);
	if (os_write_file(path, "", 0) != KB_OK)
		log_warn("%s: unable to write: %m; the programs may run again in this boot", path);
}

static int fail(struct device *d, const char *reason, const struct tail *words)
{
	if (health_reject(d, reason, words))
		os_sleep_ms(RESTART_MS);
	return OUTPUT_FAILURE;
}

static int migrate(struct device *d)
{
	const struct health_run run = { .stage = "migrate",
					.timeout_s = d->conf.migrate_timeout_s,
					.stop = true };
	char reason[HEALTH_REASON_MAX];
	static struct check_list list;
	static struct check_table t;
	struct tail words;

	if (check_find_in(&list, d->opts->conf_root, HEALTH_MIGRATE_DIR) != KB_OK) {
		snprintf(reason, sizeof(reason), "migrate: %s", list.why);
		return fail(d, reason, NULL);
	}
	if (list.n == 0)
		return OUTPUT_OK;
	/* Before the first program: what cannot be undone is not begun. */
	if (health_rollback_arm(d) != KB_OK)
		return fail(d, "migrate: cannot be recorded", NULL);
	health_run(d, &list, &run, &t);
	if (t.failed == 0)
		return OUTPUT_OK;
	health_run_reason(&t, "migrate", reason, &words);
	return fail(d, reason, &words);
}

int health_migrate(const struct device_options *o, bool *unproven)
{
	static struct device d;
	int code;

	*unproven = false;
	device_init(&d, o);
	/* Without a state, nothing is known to be unproven. */
	if (is_done(&d) || device_open_to_read(&d) != KB_OK)
		return OUTPUT_OK;
	*unproven = health_is_unproven(&d);
	device_close(&d);
	/* Before this release sees the data. What cannot be undone is not its fault. */
	code = health_rollback_others(&d);
	if (*unproven)
		code = migrate(&d);
	/* What failed on a slot that nothing can replace is not done, so it does not become good.
	 */
	if (code == OUTPUT_OK || !*unproven)
		note_done(&d);
	return output_flush() == KB_OK ? code : OUTPUT_FAILURE;
}
