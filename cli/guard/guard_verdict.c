/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts on the deployment that runs, and the jobs of its guardian. */
#include "cli/guard/guard.h"

#include "cli/guard/guard_command.h"
#include "cli/guard/guard_find.h"
#include "cli/guard/guard_trial.h"
#include "cli/guard/guard_words.h"
#include "cli/output/output.h"
#include "cli/state/mark.h"
#include "initramfs/guardian/guardian.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_command.h"

#include <signal.h>
#include <stdio.h>

#define RETURNED_MAX 5 /* attempts that orderly shutdowns give back */
/* What a job of the guardian's has beside the command itself. */
#define LOCK_MS	     10000
/* What whoever has the lock needs beside good=: its last words, and the disk. */
#define HOLDER_MS    40000

static struct device device;
static struct guard_trial trial;

bool guard_runs(const struct device_options *o)
{
	struct guard_boot b;

	return guard_boot_read(o, &b);
}

const char *guard_nothing(const struct device *d)
{
	if (d->run_found)
		return "Keelboot booted this system from a slot";
	if (d->conf.guard_bad[0] == '\0' && !guard_runs(d->opts))
		return "system.conf has no bad= in [guard]";
	return NULL;
}

bool guard_on_trial(const struct device *d)
{
	device = *d;
	return guard_trial_read(&trial, &device) == KB_OK && trial.boot.attempt > 0 &&
	       (trial.entry == NULL || trial.entry->verdict == GUARD_TRIAL);
}

static enum kb_err open_trial(const struct device_options *o, unsigned ms)
{
	device_init(&device, o);
	return guard_trial_open(&trial, &device, ms);
}

/* ---------------------------------------------------------------- good */

/* false: it failed, and the next start of this deployment tries it again. */
static bool run_good(const char *name)
{
	const struct guard_command_for about = {
		.deployment = trial.boot.id,
		.reason = "",
		.good = trial.boot.id,
	};
	struct guard_command_end end = { .ok = true };

	if (device.conf.guard_good[0] != '\0')
		guard_command_run(&device, device.conf.guard_good, &about, &end);
	if (!end.ok)
		log_err("deployment %s is good, but [guard] good= failed: %s%s%s; it is tried again at the next start",
			name, end.what, end.said[0] != '\0' ? ": " : "", end.said);
	return end.ok;
}

/* The verdict is durable before good= runs; a power cut in between makes that run once more. */
static enum kb_err record_good(const char *name)
{
	struct guard_entry *e = trial.entry;

	if (e == NULL)
		e = trial.entry = guard_record_add(&trial.rec, trial.boot.id);
	if (e->verdict != GUARD_GOOD) {
		e->verdict = GUARD_GOOD;
		e->blessed = false;
		e->rollbacks = 0;
		e->reason[0] = '\0';
		e->time = guard_record_now(&trial.rec);
		TRY(guard_record_save(&trial.rec, device.opts));
	}
	printf("Deployment %s is good.\n", name);
	if (e->blessed)
		return KB_OK;
	if (!run_good(name))
		return KB_OK;
	e->blessed = true;
	return guard_record_save(&trial.rec, device.opts);
}

int guard_good(const struct device_options *o)
{
	char name[GUARD_SHORT_MAX + 1];
	enum kb_err err = open_trial(o, o->lock_wait_ms);

	if (err != KB_OK)
		return output_exit_code(err);
	guard_find_short(trial.boot.id, name);
	err = record_good(name);
	guard_trial_close(&trial);
	mark_guardian_nudge(&device);
	return output_exit_code(err);
}

/* ---------------------------------------------------------------- bad */

static int restart(void)
{
	static const char *const argv[] = { "reboot", NULL };

	(void)!output_flush();
	if (os_command_become("reboot", argv) != KB_OK)
		log_err("\"reboot\" cannot be started: %m; reboot by hand");
	return OUTPUT_FAILURE;
}

static int leave_without_guardian(void)
{
	enum kb_err err = guard_trial_leave(&trial);

	guard_trial_close(&trial);
	return err == KB_OK ? restart() : output_exit_code(err);
}

/* Why the deployment that runs is not rejected; NULL: it is. */
static const char *keeps(void)
{
	if (trial.entry == NULL || trial.entry->verdict == GUARD_GOOD)
		return "it is not on trial";
	return guard_trial_stays(&trial);
}

int guard_bad(const struct device_options *o, const char *reason, const struct tail *words)
{
	enum kb_err err = open_trial(o, o->lock_wait_ms);
	const char *kept;

	if (err != KB_OK)
		return output_exit_code(err);
	kept = keeps();
	if (kept != NULL) {
		printf("This deployment is not rejected: %s.\n", kept);
		guard_trial_close(&trial);
		return OUTPUT_NOTHING;
	}
	err = guard_trial_reject(&trial, reason);
	if (err != KB_OK) {
		guard_trial_close(&trial);
		return output_exit_code(err);
	}
	if (words != NULL)
		guard_words_add(&device, "check", words->text, words->len);
	printf("This deployment is rejected: %s\n", trial.entry->reason);
	if (mark_guardian_find(&device) == 0)
		return leave_without_guardian();
	guard_trial_close(&trial);
	mark_guardian_ask(&device);
	mark_guardian_nudge(&device);
	puts("The guardian runs [guard] bad=, and restarts the machine.");
	return OUTPUT_OK;
}

/* ---------------------------------------------------------------- a shutdown */

static enum kb_err give_attempt_back(const struct device_options *o)
{
	struct guard_entry *e = trial.entry;

	if (trial.boot.attempt == 0 || e == NULL || e->verdict != GUARD_TRIAL ||
	    e->attempts != trial.boot.attempt || e->returned >= RETURNED_MAX)
		return KB_OK;
	e->attempts--;
	e->returned++;
	return guard_record_save(&trial.rec, o);
}

int guard_clean(const struct device_options *o)
{
	enum kb_err err;

	if (!guard_runs(o))
		return OUTPUT_OK;
	err = open_trial(o, o->lock_wait_ms);
	if (err == KB_OK) {
		err = give_attempt_back(o);
		guard_trial_close(&trial);
	}
	/* Also when that failed: it holds the shutdown to its deadline. */
	mark_guardian_notify(&device, SIGUSR2);
	return output_exit_code(err);
}

/* ---------------------------------------------------------------- the guardian's jobs */

static int job_exit(enum guardian_result result)
{
	return GUARDIAN_PROGRAM_EXIT + (int)result;
}

static enum guardian_result leave_by(enum guardian_result left)
{
	enum kb_err err = guard_trial_leave(&trial);

	return err == KB_OK ? left : err == KB_EPERM ? GUARDIAN_OPEN : GUARDIAN_FAILED;
}

static enum guardian_result look(void)
{
	if (trial.entry == NULL)
		return GUARDIAN_FAILED;
	if (trial.entry->verdict == GUARD_GOOD)
		return GUARDIAN_GOOD;
	return trial.entry->verdict == GUARD_BAD ? leave_by(GUARDIAN_CLOSED) : GUARDIAN_OPEN;
}

int guard_look(const struct device_options *o)
{
	enum guardian_result result = GUARDIAN_FAILED;

	if (open_trial(o, LOCK_MS) == KB_OK)
		result = look();
	guard_trial_close(&trial);
	return job_exit(result);
}

/* What cannot be recorded is not left: nothing would end the restarts. */
static enum guardian_result end_trial(void)
{
	char reason[64];

	if (trial.entry == NULL)
		return GUARDIAN_CLOSED;
	if (trial.entry->verdict == GUARD_GOOD)
		return GUARDIAN_GOOD;
	snprintf(reason, sizeof(reason), "not marked good within %u s", trial.boot.deadline_s);
	if (trial.entry->verdict == GUARD_TRIAL && guard_trial_reject(&trial, reason) != KB_OK)
		return GUARDIAN_CLOSED;
	return guard_trial_leave(&trial) == KB_OK ? GUARDIAN_RECORDED : GUARDIAN_CLOSED;
}

int guard_deadline(const struct device_options *o)
{
	enum guardian_result result = GUARDIAN_FAILED;

	/* Nothing follows it but the restart: a verdict that is being recorded is waited for. */
	device_init(&device, o);
	if (guard_trial_open(&trial, &device, device.conf.guard_timeout_s * 1000 + HOLDER_MS) ==
	    KB_OK)
		result = end_trial();
	guard_trial_close(&trial);
	return job_exit(result);
}
