/* SPDX-License-Identifier: Apache-2.0 */
/* What the report of a slot, and the time that it has lived, mean when it is shut down. */
#include "cli/state/mark.h"

#include "cli/failure/failure_report.h"
#include "cli/output/output.h"
#include "cli/state/boot_json.h"
#include "lib/log.h"
#include "lib/os.h"
#include "selector/verdict.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* initramfs/guardian/guardian.h has the other end. */
static void report_path(const struct device *d, char path[DEVICE_PATH_MAX + 16])
{
	snprintf(path, DEVICE_PATH_MAX + 16, "%s/good", d->opts->run_dir);
}

void mark_report(const struct device *d)
{
	char path[DEVICE_PATH_MAX + 16];

	report_path(d, path);
	if (os_write_file(path, "", 0) != KB_OK)
		log_warn("%s: unable to write: %m; this boot counts as one without a report", path);
}

bool mark_reported(const struct device *d)
{
	char path[DEVICE_PATH_MAX + 16];

	report_path(d, path);
	return os_exists(path);
}

bool mark_is_stable(const struct device *d)
{
	return os_now_ms() >= d->conf.stable_after_s * UINT64_C(1000);
}

/* Changes d->state in memory to what the shutdown means for the slot that runs. */
static void note_shutdown(struct device *d)
{
	struct state *s = &d->state;
	bool good = d->booted < s->nslots && s->slot[d->booted].st == STATE_GOOD;
	enum kb_err err;

	if (d->finding != STORE_FOUND || !d->run_found)
		return;
	if (good && mark_reported(d))
		err = verdict_proven(s, d->booted, d->token);
	else
		err = verdict_clean(s, d->booted, d->token);
	if (err != KB_OK)
		log_debug("mark clean: no attempt of this boot is open");
}

static bool has_changed(struct device *d)
{
	static struct state before;

	before = d->state;
	note_shutdown(d);
	return d->finding == STORE_FOUND && !state_same(&d->state, &before);
}

/* A look first: where there is nothing to note, nothing is opened for writing at every shutdown. */
static enum kb_err write_clean(struct device *d)
{
	enum kb_err err = KB_OK;
	bool wanted;

	TRY(device_open_to_read(d));
	wanted = has_changed(d);
	device_close(d);
	if (!wanted)
		return KB_OK;
	TRY(device_open_to_change(d));
	if (has_changed(d)) /* else a verdict came in between */
		err = device_save(d) == KB_OK ? KB_OK : KB_EIO;
	device_close(d);
	return err;
}

/* The guardian's verdict on this boot, which nobody else explains. */
static bool missed_deadline(const struct device *d)
{
	json_object *boot = boot_json_read(d->opts);
	bool trial = strcmp(boot_json_text(boot, "status"), "trial") == 0;
	const struct state_slot *t = &d->state.slot[d->booted];

	json_object_put(boot);
	return trial && t->st == STATE_BAD && strcmp(t->reason, "deadline") == 0;
}

/* Failed units are still known, as long as systemd has not ended. */
static void report_deadline(struct device *d)
{
	bool missed;

	if (device_open_to_read(d) != KB_OK)
		return;
	missed = d->finding == STORE_FOUND && d->booted < d->state.nslots && missed_deadline(d);
	device_close(d);
	if (missed)
		failure_report(d->opts, NULL);
}

int mark_clean(const struct device_options *o)
{
	static struct device d;
	enum kb_err err;

	device_init(&d, o);
	if (!d.run_found && d.run_err == KB_OK)
		return OUTPUT_OK;
	err = d.run_found ? write_clean(&d) : KB_OK;
	/* In this order: once the flag is there, no deadline is held against the slot. */
	mark_guardian_notify(&d, SIGUSR2);
	if (d.run_found && err == KB_OK)
		report_deadline(&d);
	if (err == KB_OK && d.run_err != KB_OK) {
		log_err("%s cannot be read: %s; the shutdown is not recorded", o->run_dir,
			err_text(d.run_err));
		err = d.run_err;
	}
	return err == KB_OK ? OUTPUT_OK : output_exit_code(err);
}
