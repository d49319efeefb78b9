/* SPDX-License-Identifier: Apache-2.0 */
/* Early in the boot: is this a trial, and which attempt? */
#include "cli/guard/guard.h"

#include "cli/guard/guard_command.h"
#include "cli/guard/guard_find.h"
#include "cli/guard/guard_trial.h"
#include "cli/guard/guard_watch.h"
#include "cli/output/output.h"
#include "cli/state/mark.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_command.h"

#include <inttypes.h>
#include <stdio.h>

#define AGAIN_MS 500
#define MORE_S	 120 /* for what the guardian does beside bad= */

static struct device device;
static struct guard_trial trial;

/* What is to be done with a boot. */
enum duty {
	DUTY_NONE,  /* good before, or no trial: nothing is written */
	DUTY_TRIAL, /* counted */
	DUTY_LEAVE, /* bad: at once */
	DUTY_STAY,  /* bad, and nothing helps */
};

/* trial= says so; without it, or where that gives no answer, whatever was not good yet is a trial.
 */
static bool is_trial(void)
{
	const struct guard_command_for about = { .deployment = trial.boot.id, .reason = "" };
	bool unproven = trial.entry == NULL || trial.entry->verdict != GUARD_GOOD;
	struct guard_command_end end;

	if (device.conf.guard_trial[0] == '\0')
		return unproven;
	guard_command_run(&device, device.conf.guard_trial, &about, &end);
	if (end.answered)
		return end.ok;
	log_err("[guard] trial= gives no answer: %s%s%s; %s", end.what,
		end.said[0] != '\0' ? ": " : "", end.said,
		unproven ? "this deployment was never good, and counts as a trial"
			 : "this deployment was good, and counts as no trial");
	return unproven;
}

/* One that was good, and that trial= calls a trial, begins anew. */
static enum kb_err count_attempt(void)
{
	if (trial.entry == NULL)
		trial.entry = guard_record_add(&trial.rec, trial.boot.id);
	if (trial.entry->verdict == GUARD_GOOD)
		*trial.entry = (struct guard_entry){ .verdict = GUARD_TRIAL };
	snprintf(trial.entry->id, sizeof(trial.entry->id), "%s", trial.boot.id);
	trial.entry->attempts++;
	trial.boot.attempt = trial.entry->attempts;
	/* Durable before anything of this deployment may hang. */
	return guard_record_save(&trial.rec, device.opts);
}

static enum kb_err decide(enum duty *duty)
{
	bool bad = trial.entry != NULL && trial.entry->verdict == GUARD_BAD;
	bool used_up = trial.entry != NULL && trial.entry->verdict == GUARD_TRIAL &&
		       trial.entry->attempts >= device.conf.tries;
	char reason[64];

	*duty = DUTY_NONE;
	if (!is_trial())
		return KB_OK;
	*duty = DUTY_TRIAL;
	if (!bad && !used_up)
		return count_attempt();
	*duty = guard_trial_stays(&trial) == NULL ? DUTY_LEAVE : DUTY_STAY;
	if (bad || *duty == DUTY_STAY)
		return KB_OK;
	snprintf(reason, sizeof(reason), "crashed or hung in each of %" PRIu32 " boots",
		 trial.entry->attempts);
	return guard_trial_reject(&trial, reason);
}

static void say(const char *name, enum duty duty)
{
	const char *stays = guard_trial_stays(&trial);

	if (duty == DUTY_NONE)
		log_info("deployment %s is not on trial", name);
	else if (duty == DUTY_TRIAL)
		log_notice("deployment %s is on trial: attempt %" PRIu32 " of %" PRIu32 "%s%s",
			   name, trial.boot.attempt, device.conf.tries, stays != NULL ? "; " : "",
			   stays != NULL ? stays : "");
	else if (duty == DUTY_LEAVE)
		log_notice("deployment %s is left: %s", name, trial.entry->reason);
	else
		log_err("deployment %s stays, %s: %s", name,
			trial.entry->verdict == GUARD_BAD ? "though it is bad"
							  : "though it did not come up",
			stays != NULL ? stays : "");
}

/* The guardian runs bad=, and ends a restart that hangs. The boot waits here: what comes behind
 * this is what crashed or hung. */
static int leave(bool guarded)
{
	uint64_t until = os_now_ms() + (device.conf.guard_timeout_s + MORE_S) * UINT64_C(1000);
	static const char *const argv[] = { "reboot", NULL };
	enum kb_err err;

	if (guarded) {
		guard_trial_close(&trial);
		mark_guardian_ask(&device);
		mark_guardian_nudge(&device);
		while (os_now_ms() < until && mark_guardian_find(&device) != 0)
			os_sleep_ms(AGAIN_MS);
		log_err("the guardian did not restart the machine; going on");
		return OUTPUT_FAILURE;
	}
	err = guard_trial_leave(&trial);
	guard_trial_close(&trial);
	if (err == KB_OK && os_command_become("reboot", argv) != KB_OK)
		log_err("\"reboot\" cannot be started: %m; reboot by hand");
	return OUTPUT_FAILURE;
}

static int carry_out(enum duty duty)
{
	bool trial_now = duty == DUTY_TRIAL || duty == DUTY_LEAVE, guarded = false;
	enum kb_err err;

	if (duty == DUTY_TRIAL && guard_trial_stays(&trial) == NULL)
		trial.boot.deadline_s = device.conf.commit_deadline_s;
	if (trial_now || device.conf.handover == CONF_HANDOVER_KEEPER)
		guarded = guard_watch_start(&device, &trial.boot, trial_now);
	err = guard_boot_write(device.opts, &trial.boot);
	if (duty == DUTY_LEAVE && err == KB_OK)
		return leave(guarded);
	guard_trial_close(&trial);
	return err == KB_OK && (guarded || !trial_now) ? OUTPUT_OK : OUTPUT_FAILURE;
}

static int begin(void)
{
	char name[GUARD_SHORT_MAX + 1];
	enum duty duty;
	enum kb_err err = guard_find(&device, trial.boot.id);

	if (err != KB_OK)
		return output_exit_code(err);
	guard_record_load(&trial.rec, device.opts);
	trial.entry = guard_record_find(&trial.rec, trial.boot.id);
	guard_find_short(trial.boot.id, name);
	err = decide(&duty);
	if (err != KB_OK) {
		log_err("deployment %s cannot be judged, since that cannot be recorded", name);
		return output_exit_code(err);
	}
	say(name, duty);
	return carry_out(duty);
}

int guard_begin(const struct device_options *o)
{
	enum kb_err err;
	int code;

	log_set_level(LOG_LEVEL_NOTICE);
	device_init(&device, o);
	if (guard_runs(o)) {
		log_notice("`keelboot guard begin` ran before in this boot");
		return OUTPUT_NOTHING;
	}
	trial = (struct guard_trial){ .d = &device, .lock = -1 };
	err = guard_record_lock(o, o->lock_wait_ms, &trial.lock);
	if (err != KB_OK)
		return output_exit_code(err);
	code = begin();
	guard_trial_close(&trial);
	return code;
}
