/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status/status_trial.h"

#include "cli/health/health_phase.h"
#include "lib/capture.h"
#include "cli/status/status.h"
#include "lib/os.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SYSTEMCTL    "/bin/systemctl"
#define SYSTEMCTL_MS 2000
#define UNIT_MAX     80

/* "JOB UNIT TYPE STATE" */
static bool is_starting(const char *line, size_t len, char unit[UNIT_MAX])
{
	char copy[UNIT_MAX + 48], name[UNIT_MAX], type[16], state[16];

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, line, len);
	copy[len] = '\0';
	if (sscanf(copy, " %*u %79s %15s %15s", name, type, state) != 3 ||
	    strcmp(type, "start") != 0 || strcmp(state, "running") != 0 ||
	    strncmp(name, "keelboot-", 9) == 0)
		return false;
	for (const char *c = name; *c != '\0'; c++)
		if (*c < 0x21 || *c > 0x7e)
			return false;
	snprintf(unit, UNIT_MAX, "%s", name);
	return true;
}

void status_trial_jobs(const char *text, char *out, size_t size)
{
	char unit[UNIT_MAX];
	unsigned n = 0;
	size_t used = 0;

	out[0] = '\0';
	for (size_t len; *text != '\0'; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		if (!is_starting(text, len, unit))
			continue;
		if (n < STATUS_TRIAL_JOBS && used < size)
			used += (size_t)snprintf(out + used, size - used, "%s%s", n > 0 ? ", " : "",
						 unit);
		n++;
	}
	if (n > STATUS_TRIAL_JOBS && used < size)
		snprintf(out + used, size - used, " and %u more", n - STATUS_TRIAL_JOBS);
}

static void ask_systemd(char *out, size_t size)
{
	static const char *const argv[] = { SYSTEMCTL, "list-jobs", "--no-legend", "--no-pager",
					    NULL };
	static char text[16384];

	out[0] = '\0';
	if (!os_exists("/run/systemd/system"))
		return;
	if (capture_run(argv, SYSTEMCTL_MS, text, sizeof(text)) == KB_OK)
		status_trial_jobs(text, out, size);
	else
		snprintf(out, size, "systemd, which does not answer");
}

static void ask_what_is_waited_for(struct status *st)
{
	struct status_trial *t = &st->trial;
	struct health_phase phase;

	if (!health_phase_read(st->d, &phase))
		ask_systemd(t->waits, sizeof(t->waits));
	else if (phase.check[0] != '\0')
		snprintf(t->waits, sizeof(t->waits), "check %s", phase.check);
	else
		snprintf(t->waits, sizeof(t->waits), "commit-after=, %" PRIu64 " s more",
			 phase.left_s);
	if (t->waits[0] == '\0')
		snprintf(t->waits, sizeof(t->waits), "`keelboot mark good`");
}

void status_trial_collect(struct status *st)
{
	const struct device *d = st->d;
	struct status_trial *t = &st->trial;
	unsigned left;

	if (!d->run_found || d->booted >= d->state.nslots ||
	    d->state.slot[d->booted].st != STATE_TRIAL)
		return;
	left = d->state.slot[d->booted].tries;
	t->runs = true;
	t->tries = d->conf.tries > left ? d->conf.tries : left;
	t->number = t->tries > left ? t->tries - left : 1;
	ask_what_is_waited_for(st);
}

/* How long the trial has been held to its deadline. */
static uint64_t passed_s(const struct status_guardian *g)
{
	return g->deadline_s - g->left_s;
}

void status_trial_text(const struct status *st)
{
	const struct status_guardian *g = &st->guardian;

	printf("try %u of %u%s, ", st->trial.number, st->trial.tries,
	       st->d->state.slot[st->d->booted].tries == 0 ? " (the last)" : "");
	if (g->waits)
		printf("%" PRIu64 " s of %" PRIu64 " s, ", passed_s(g), g->deadline_s);
	printf("waits for: %s.\n", st->trial.waits);
}

static json_object *trial_json(const struct status *st)
{
	const struct status_guardian *g = &st->guardian;
	json_object *o;

	if (!st->trial.runs)
		return NULL;
	o = json_object_new_object();
	output_json_number(o, "try", st->trial.number);
	output_json_number(o, "tries", st->trial.tries);
	if (g->waits) {
		output_json_number(o, "passed", passed_s(g));
		output_json_number(o, "deadline", g->deadline_s);
	}
	output_json_text(o, "waits", st->trial.waits);
	return o;
}

void status_trial_json(const struct status *st, json_object *o)
{
	output_json_add(o, "trial", trial_json(st));
}
