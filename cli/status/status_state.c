/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with the state: `status` warns of it, and `doctor` reports the same. */
#include "cli/status/status.h"

#include "selector/plan.h"
#include "selector/refused.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void add_problem(struct status *st, bool severe, const char *id, const char *fix,
			const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void add_problem(struct status *st, bool severe, const char *id, const char *fix,
			const char *fmt, ...)
{
	struct status_problem p = { .severe = severe, .id = id, .fix = fix };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p.text, sizeof(p.text), fmt, ap);
	va_end(ap);
	if (st->nproblems < STATUS_PROBLEMS_MAX)
		st->problem[st->nproblems++] = p;
	status_warn(st, "%s; fix: %s", p.text, fix);
}

void status_check_regions(struct status *st)
{
	for (int i = 0; i < 2; i++) {
		if (st->region[i] == STATUS_REGION_UNREADABLE)
			add_problem(st, true, "state-region-unreadable",
				    "back up the disk, and replace it",
				    "region %d of the state cannot be read: the storage is failing",
				    i + 1);
		else if (st->region[i] == STATUS_REGION_NO_RECORD && st->have_state)
			add_problem(
				st, false, "state-region-empty",
				"nothing to do: the next write of the state puts a record there",
				"region %d of the state holds no valid record", i + 1);
	}
}

void status_check_usable(struct status *st)
{
	const struct state *s = &st->d->state;
	unsigned usable = 0;

	for (int i = 0; i < s->nslots; i++)
		usable += state_is_usable(&s->slot[i]);
	if (usable == 0)
		add_problem(st, true, "slots-unusable", "install a bundle, or put one on a stick",
			    "no slot is good or on trial: slots boot only as a last resort");
	else if (usable == 1)
		add_problem(st, false, "slots-no-fallback", "install a bundle into the other slot",
			    "no second slot to fall back to");
}

static void check_sources(struct status *st)
{
	const struct state *s = &st->d->state;
	char text[REFUSED_SOURCE_MAX + 1];

	for (int src = 0; src < STATE_SRC_COUNT; src++)
		if (plan_source_skipped(s, (enum state_source)src))
			add_problem(st, true, "source-skipped",
				    refused_source_remedy(s, (enum state_source)src), "%s",
				    refused_source(s, (enum state_source)src, text));
}

static struct refused why_refused(const struct state *s, const uint8_t *release, enum kb_err err)
{
	struct plan_release r = { .sequence = 0 };

	if (release != NULL)
		memcpy(r.id, release, STATE_LEDGER_ID_LEN);
	return refused_why(s, &r, PLAN_AUTOMATIC, 0, err);
}

void status_check_updates(struct status *st)
{
	const struct state *s = &st->d->state;
	struct refused why = why_refused(s, NULL, KB_ENEWER);

	if (s->newer)
		add_problem(st, false, "state-newer", why.todo, "%s: not all of it is understood",
			    why.why);
	if (s->rebuilt)
		add_problem(
			st, false, "state-rebuilt", "keelboot mark good",
			"the state was lost and rebuilt: no update is installed automatically until a slot is marked good");
	why = why_refused(s, NULL, KB_EBUDGET);
	if (state_installs_exhausted(s))
		add_problem(st, true, "installs-exhausted", why.todo,
			    "no more updates are installed automatically: %s", why.why);
	for (unsigned i = 0; i < s->nunwritable; i++) {
		why = why_refused(s, s->unwritable[i].release, KB_EBUDGET);
		if (state_fails_exhausted(s->unwritable[i].count))
			add_problem(st, true, "slot-unwritable", why.todo,
				    "an update is no longer installed automatically: %s", why.why);
	}
	check_sources(st);
}
