/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/guard/guard_trial.h"

#include "cli/guard/guard_command.h"
#include "cli/guard/guard_find.h"
#include "cli/guard/guard_words.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>

enum kb_err guard_trial_read(struct guard_trial *t, struct device *d)
{
	*t = (struct guard_trial){ .d = d, .lock = -1 };
	if (!guard_boot_read(d->opts, &t->boot)) {
		log_err("%s/guard.json: `keelboot guard begin` did not run in this boot",
			d->opts->run_dir);
		return KB_ENOENT;
	}
	guard_record_load(&t->rec, d->opts);
	t->entry = guard_record_find(&t->rec, t->boot.id);
	return KB_OK;
}

enum kb_err guard_trial_open(struct guard_trial *t, struct device *d, unsigned ms)
{
	int lock = -1;
	enum kb_err err = guard_record_lock(d->opts, ms, &lock);

	*t = (struct guard_trial){ .lock = -1 };
	if (err == KB_OK)
		err = guard_trial_read(t, d);
	if (err == KB_OK)
		t->lock = lock;
	else
		os_close(&lock);
	return err;
}

void guard_trial_close(struct guard_trial *t)
{
	os_close(&t->lock);
}

const char *guard_trial_stays(const struct guard_trial *t)
{
	if (guard_record_other(&t->rec, t->boot.id) == NULL)
		return "no other deployment was marked good";
	if (t->entry != NULL && t->entry->rollbacks >= t->d->conf.tries)
		return "bad= did not help";
	return NULL;
}

enum kb_err guard_trial_reject(struct guard_trial *t, const char *reason)
{
	t->entry->verdict = GUARD_BAD;
	t->entry->blessed = false;
	t->entry->time = guard_record_now(&t->rec);
	util_print_safe(t->entry->reason, sizeof(t->entry->reason), reason);
	TRY(guard_record_save(&t->rec, t->d->opts));
	guard_words_keep(t->d, t->entry);
	return KB_OK;
}

static void run_bad(const struct guard_trial *t)
{
	const struct guard_entry *good = guard_record_other(&t->rec, t->boot.id);
	const struct guard_command_for about = {
		.deployment = t->boot.id,
		.reason = t->entry->reason,
		.good = good != NULL ? good->id : NULL,
	};
	struct guard_command_end end;
	char line[sizeof(end.what) + sizeof(end.said) + 4];
	int n;

	log_notice("running [guard] bad=, %" PRIu32 " of %" PRIu32 ": %s", t->entry->rollbacks,
		   t->d->conf.tries, t->d->conf.guard_bad);
	guard_command_run(t->d, t->d->conf.guard_bad, &about, &end);
	if (end.ok)
		log_notice("[guard] bad= has ended; restarting");
	else
		log_err("[guard] bad= failed: %s%s%s; restarting nevertheless", end.what,
			end.said[0] != '\0' ? ": " : "", end.said);
	n = snprintf(line, sizeof(line), "%s%s%s", end.what, end.said[0] != '\0' ? ": " : "",
		     end.said);
	guard_words_add(t->d, "bad=", line, (size_t)n);
}

enum kb_err guard_trial_leave(struct guard_trial *t)
{
	const char *stays = guard_trial_stays(t);
	char name[GUARD_SHORT_MAX + 1];

	if (guard_boot_left(t->d->opts))
		return KB_OK;
	guard_find_short(t->boot.id, name);
	if (stays != NULL) {
		log_err("deployment %s is bad (%s), and stays: %s; repair it by hand", name,
			t->entry->reason, stays);
		return KB_EPERM;
	}
	log_notice("deployment %s is rejected: %s", name, t->entry->reason);
	t->entry->rollbacks++;
	/* Before the command: one that restarts the machine and changes nothing is counted, too. */
	TRY(guard_record_save(&t->rec, t->d->opts));
	/* Behind it: what could not be counted did not run, and is tried again. */
	guard_boot_leave(t->d->opts);
	run_bad(t);
	return KB_OK;
}
