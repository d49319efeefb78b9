/* SPDX-License-Identifier: Apache-2.0 */
/* Who watches over this boot: what boot.json says of guardian and watchdog, and what runs now. */
#include "cli/state/boot_json.h"
#include "cli/state/mark.h"
#include "cli/status/status.h"

#include "lib/os.h"
#include "lib/os_clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The guardian's clock: a machine that sleeps is not late. */
static uint64_t now_s(void)
{
	return os_clock_ms() / 1000;
}

static json_object *find_member(const struct status *st, const char *key)
{
	json_object *value;

	if (st->boot == NULL || !json_object_object_get_ex(st->boot, key, &value) ||
	    !json_object_is_type(value, json_type_object))
		return NULL;
	return value;
}

static bool is_not_good(const struct status *st)
{
	const struct device *d = st->d;

	return st->have_state && d->run_found && d->booted < d->state.nslots &&
	       d->state.slot[d->booted].st != STATE_GOOD;
}

static bool is_under_way(const struct status *st)
{
	const struct device *d = st->d;

	return st->have_state && d->run_found && d->token != 0 && d->state.open == d->booted &&
	       d->state.open_token == d->token;
}

static bool waits_for_verdict(const struct status *st)
{
	return is_under_way(st) && is_not_good(st);
}

/* Its report does not end the attempt. */
static bool waits_for_proof(const struct status *st)
{
	return is_under_way(st) && !is_not_good(st) && st->guardian.stable_s != 0;
}

#define LATE_S 60 /* behind the deadline: the job that records, and what it waits for */

/* SIGSTOP, or a debugger: it is there, and does nothing. */
static bool is_stopped(pid_t pid)
{
	char path[40], text[256];
	const char *state;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (os_read_file(path, text, sizeof(text), NULL) != KB_OK)
		return false;
	state = strrchr(text, ')'); /* behind its name, which may have any character */
	return state != NULL && (strncmp(state, ") T", 3) == 0 || strncmp(state, ") t", 3) == 0);
}

/* What a guardian that is gone would have to do. */
static const char *left_undone(const struct status *st)
{
	const struct status_guardian *g = &st->guardian;

	if (strcmp(g->mode, "keeper") == 0)
		return "nobody feeds the watchdog";
	if (g->deadline_s != 0 && waits_for_verdict(st))
		return "nothing enforces the deadline of this trial";
	if (strcmp(g->mode, "release") == 0 && is_not_good(st))
		return "nobody feeds the watchdog";
	if (waits_for_proof(st))
		return "only an orderly shutdown records that this boot has proved itself";
	return NULL;
}

static void warn_of_missed(struct status *st)
{
	struct status_guardian *g = &st->guardian;

	if (g->overdue_s != 0)
		g->missed = "nothing enforces the deadline of this trial";
	else if (g->pid == 0 || g->stopped)
		g->missed = left_undone(st);
	if (g->missed == NULL)
		return;
	if (g->pid == 0)
		status_warn(st, "the guardian is gone: %s", g->missed);
	else if (g->stopped)
		status_warn(st, "the guardian (process %d) is stopped: %s", (int)g->pid, g->missed);
	else
		status_warn(st, "the guardian (process %d) does not answer: %s", (int)g->pid,
			    g->missed);
}

static void collect_guardian(struct status *st, json_object *from)
{
	struct status_guardian *g = &st->guardian;
	uint64_t due = 0, now = now_s();

	g->started = true;
	g->pid = mark_guardian_find(st->d);
	snprintf(g->mode, sizeof(g->mode), "%s", boot_json_text(from, "mode"));
	if (!boot_json_number(from, "deadline", &g->deadline_s) ||
	    !boot_json_number(from, "due", &due))
		g->deadline_s = 0;
	if (!boot_json_number(from, "stable", &g->stable_s))
		g->stable_s = 0;
	g->waits = g->pid != 0 && g->deadline_s != 0 && waits_for_verdict(st);
	if (g->waits)
		g->left_s = due > now ? due - now : 0;
	g->stopped = g->pid != 0 && is_stopped(g->pid);
	if (g->waits && now > due && now - due > LATE_S)
		g->overdue_s = now - due;
	warn_of_missed(st);
}

static void collect_watchdog(struct status *st, json_object *from)
{
	struct status_watchdog *w = &st->watchdog;
	const char *feeder = boot_json_text(from, "feeder");

	w->known = true;
	snprintf(w->device, sizeof(w->device), "%s", boot_json_text(from, "device"));
	snprintf(w->handover, sizeof(w->handover), "%s", boot_json_text(from, "handover"));
	/* The guardian of handover=release stops it, and ends. */
	if (strcmp(feeder, "guardian") == 0 && (st->guardian.pid == 0 || st->guardian.stopped))
		feeder = "nobody";
	snprintf(w->feeder, sizeof(w->feeder), "%s", feeder);
	if (!boot_json_number(from, "timeout", &w->timeout_s))
		w->timeout_s = 0;
}

void status_guard_collect(struct status *st)
{
	json_object *guardian = find_member(st, "guardian"),
		    *watchdog = find_member(st, "watchdog");

	if (guardian != NULL)
		collect_guardian(st, guardian);
	if (watchdog != NULL)
		collect_watchdog(st, watchdog);
}

/* ---------------------------------------------------------------- its two forms */

static void print_idle(const struct status_guardian *g, int slot)
{
	printf("%s", g->stopped ? "is stopped" : "does not answer");
	if (g->overdue_s != 0)
		printf("; the deadline of slot %c passed %" PRIu64 " s ago",
		       state_slot_letter(slot), g->overdue_s);
	puts("");
}

static void print_guardian(const struct status *st)
{
	const struct status_guardian *g = &st->guardian;
	bool feeds = strcmp(g->mode, "keeper") == 0 || strcmp(g->mode, "release") == 0;
	json_object *value;

	/* An init that is older than this says nothing of it. */
	if (!g->started &&
	    (st->boot == NULL || !json_object_object_get_ex(st->boot, "guardian", &value)))
		return;
	printf("Guardian:   ");
	if (!g->started)
		puts("none");
	else if (g->pid == 0)
		puts("ended");
	else if (g->stopped || g->overdue_s != 0)
		print_idle(g, st->d->booted);
	else if (g->waits)
		printf("%sslot %c has %" PRIu64 " s left of %" PRIu64 " s to be marked good\n",
		       feeds ? "feeds the watchdog; " : "", state_slot_letter(st->d->booted),
		       g->left_s, g->deadline_s);
	else if (waits_for_proof(st))
		printf("%snotes when slot %c has proved itself, after %" PRIu64 " s\n",
		       feeds ? "feeds the watchdog; " : "", state_slot_letter(st->d->booted),
		       g->stable_s);
	else
		puts(feeds ? "feeds the watchdog" : "runs");
}

static void print_watchdog(const struct status *st)
{
	const struct status_watchdog *w = &st->watchdog;
	bool system = strcmp(w->feeder, "system") == 0,
	     guardian = strcmp(w->feeder, "guardian") == 0;

	if (!w->known)
		return;
	if (w->device[0] == '\0') {
		puts("Watchdog:   none");
		return;
	}
	printf("Watchdog:   %s, %" PRIu64 " s", w->device, w->timeout_s);
	if (w->feeder[0] != '\0')
		printf("; %s feeds it (handover=%s)",
		       system	  ? "the system"
		       : guardian ? "the guardian"
				  : "nobody",
		       w->handover);
	puts("");
}

void status_guard_text(const struct status *st)
{
	print_guardian(st);
	print_watchdog(st);
}

static json_object *guardian_json(const struct status_guardian *g)
{
	json_object *o;

	if (!g->started)
		return NULL;
	o = json_object_new_object();
	output_json_bool(o, "running", g->pid != 0 && !g->stopped && g->overdue_s == 0);
	if (g->pid != 0)
		output_json_number(o, "pid", (uint64_t)g->pid);
	else
		output_json_add(o, "pid", NULL);
	output_json_text(o, "mode", g->mode);
	if (g->deadline_s != 0)
		output_json_number(o, "deadline", g->deadline_s);
	else
		output_json_add(o, "deadline", NULL);
	if (g->waits)
		output_json_number(o, "left", g->left_s);
	else
		output_json_add(o, "left", NULL);
	if (g->overdue_s != 0)
		output_json_number(o, "overdue", g->overdue_s);
	else
		output_json_add(o, "overdue", NULL);
	return o;
}

static json_object *watchdog_json(const struct status_watchdog *w)
{
	json_object *o;

	if (!w->known)
		return NULL;
	o = json_object_new_object();
	output_json_text(o, "device", w->device[0] != '\0' ? w->device : NULL);
	output_json_number(o, "timeout", w->timeout_s);
	output_json_text(o, "handover", w->handover[0] != '\0' ? w->handover : NULL);
	output_json_text(o, "feeder", w->feeder[0] != '\0' ? w->feeder : NULL);
	return o;
}

void status_guard_json(const struct status *st, json_object *o)
{
	output_json_add(o, "guardian", guardian_json(&st->guardian));
	output_json_add(o, "watchdog", watchdog_json(&st->watchdog));
}
