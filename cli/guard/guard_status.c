/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/guard/guard.h"

#include "cli/guard/guard_find.h"
#include "cli/guard/guard_trial.h"
#include "cli/guard/guard_words.h"
#include "cli/output/output.h"
#include "cli/state/mark.h"
#include "lib/log.h"
#include "lib/os_clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Of its deadline; 0: nothing waits for that. */
static uint64_t left_of(const struct guard_trial *t)
{
	uint64_t now = os_clock_ms() / 1000;

	return t->boot.due_s > now ? t->boot.due_s - now : 0;
}

static bool is_open(const struct guard_trial *t)
{
	return t->boot.attempt > 0 && t->entry != NULL && t->entry->verdict == GUARD_TRIAL;
}

static void print_running(const struct guard_trial *t, bool guarded)
{
	char name[GUARD_SHORT_MAX + 1];

	guard_find_short(t->boot.id, name);
	if (is_open(t)) {
		printf("Deployment %s is on trial: attempt %" PRIu32 " of %" PRIu32, name,
		       t->boot.attempt, t->d->conf.tries);
		if (guarded && t->boot.deadline_s != 0)
			printf(", %" PRIu64 " s of %" PRIu32 " s", t->boot.deadline_s - left_of(t),
			       t->boot.deadline_s);
		puts(".");
		if (guard_trial_stays(t) != NULL)
			printf("It is not rejected, whatever happens: %s.\n", guard_trial_stays(t));
	} else if (t->entry == NULL) {
		printf("Deployment %s runs; it is not on trial.\n", name);
	} else if (t->entry->verdict == GUARD_BAD) {
		printf("Deployment %s runs, and was rejected: %s.\n", name, t->entry->reason);
	} else {
		printf("Deployment %s runs, which is %s.\n", name,
		       guard_record_word(t->entry->verdict));
	}
}

static void print_guardian(const struct guard_trial *t, bool guarded)
{
	if (is_open(t) && !guarded)
		puts("The guardian is gone: nothing enforces the deadline of this trial.");
	if (t->boot.watchdog[0] != '\0')
		printf("Watchdog:   %s; %s\n", t->boot.watchdog,
		       guarded ? "the guardian feeds it" : "the guardian has stopped it");
	else if (t->boot.watchdog_note[0] != '\0')
		printf("Watchdog:   %s\n", t->boot.watchdog_note);
}

static void print_others(const struct guard_record *r)
{
	char name[GUARD_SHORT_MAX + 1], when[OUTPUT_TIME_LEN];

	if (r->n > 0)
		printf("\n  %-24s  %-7s  %-8s  %s\n", "deployment", "verdict", "attempts", "");
	for (unsigned i = 0; i < r->n; i++) {
		const struct guard_entry *e = &r->entry[i];

		guard_find_short(e->id, name);
		output_time(when, e->time, false);
		printf("  %-24s  %-7s  %-8" PRIu32 "  %s%s%s\n", name,
		       guard_record_word(e->verdict), e->attempts, when,
		       e->reason[0] != '\0' ? " " : "", e->reason);
	}
}

static bool has_bad(const struct guard_record *r)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->entry[i].verdict == GUARD_BAD)
			return true;
	return false;
}

/* For others; the file has what only we need, too. */
static json_object *entries_json(const struct guard_record *r)
{
	json_object *list = output_json_list();

	for (unsigned i = 0; i < r->n; i++) {
		const struct guard_entry *e = &r->entry[i];
		json_object *o = json_object_new_object();

		output_json_text(o, "id", e->id);
		output_json_text(o, "verdict", guard_record_word(e->verdict));
		output_json_number(o, "attempts", e->attempts);
		output_json_number(o, "rollbacks", e->rollbacks);
		output_json_text(o, "reason", e->reason[0] != '\0' ? e->reason : NULL);
		output_json_number(o, "time", e->time);
		output_json_append(list, o);
	}
	return list;
}

static enum kb_err print_json(const struct guard_trial *t, bool guarded)
{
	json_object *o = output_json_new();

	output_json_text(o, "deployment", t->boot.id);
	output_json_bool(o, "trial", is_open(t));
	output_json_number(o, "attempt", t->boot.attempt);
	output_json_number(o, "tries", t->d->conf.tries);
	output_json_number(o, "deadline", t->boot.deadline_s);
	output_json_number(o, "left", is_open(t) && guarded ? left_of(t) : 0);
	output_json_bool(o, "guardian", guarded);
	output_json_text(o, "watchdog", t->boot.watchdog[0] != '\0' ? t->boot.watchdog : NULL);
	output_json_text(o, "stays", guard_trial_stays(t));
	output_json_add(o, "deployments", entries_json(&t->rec));
	return output_json_print(o, false);
}

int guard_status(const struct device_options *o, bool json)
{
	static struct guard_trial t;
	static struct device d;
	bool guarded;

	device_init(&d, o);
	if (guard_trial_read(&t, &d) != KB_OK)
		return OUTPUT_FAILURE;
	guarded = mark_guardian_find(&d) != 0;
	if (json)
		return output_exit_code(print_json(&t, guarded));
	print_running(&t, guarded);
	print_guardian(&t, guarded);
	print_others(&t.rec);
	if (has_bad(&t.rec))
		puts("\nLast words: keelboot guard why");
	return output_exit_code(output_flush());
}

static enum kb_err print_words(const char *text, bool json)
{
	json_object *o;

	if (!json) {
		fputs(text != NULL ? text : "No deployment was rejected.\n", stdout);
		return output_flush();
	}
	o = output_json_new();
	output_json_text(o, "words", text);
	return output_json_print(o, false);
}

int guard_why(const struct device_options *o, bool json)
{
	static char text[GUARD_WORDS_MAX];
	bool found = guard_words_read(o, text);
	enum kb_err err = print_words(found ? text : NULL, json);

	return err == KB_OK && !found && !json ? OUTPUT_NOTHING : output_exit_code(err);
}
