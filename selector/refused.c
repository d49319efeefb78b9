/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/refused.h"

#include "lib/util.h"

#include <stdio.h>

struct ask {
	const struct state *s;
	const struct plan_release *r;
	enum plan_mode mode;
	uint64_t floor;
};

static bool is_barred_by_others(const struct ask *a)
{
	return !state_is_rejected(a->s, a->r->id);
}

static bool is_below_the_floor(const struct ask *a)
{
	return a->r->sequence < a->floor;
}

static bool is_in_last_resort_mode(const struct ask *a)
{
	return a->mode == PLAN_LAST_RESORT;
}

static bool is_unwritable(const struct ask *a)
{
	return state_is_unwritable(a->s, a->r->id);
}

#define MARK_GOOD "mark a slot good first: keelboot mark good"
#define AGAIN	  "to try again: keelboot install --again FILE"

/* The first row counts whose err it is, and whose case. */
static const struct {
	enum kb_err err;
	/* NULL: each */
	bool (*is_case)(const struct ask *a);
	/* NULL: what err_text() says */
	const char *why;
	const char *todo;
} table[] = {
	{ KB_EWAITS, NULL, NULL, "to install it now: keelboot install FILE" },
	{ KB_EREJECTED, is_barred_by_others,
	  "too many releases failed on this device; only newer ones are installed automatically",
	  "to install this one: keelboot install FILE" },
	{ KB_EREJECTED, NULL, NULL, AGAIN },
	{ KB_EDOWNGRADE, is_below_the_floor, "below this device's rollback floor",
	  "use a newer release" },
	{ KB_EDOWNGRADE, is_in_last_resort_mode,
	  "older than every good slot, or than the last one that was overwritten, and not signed for a downgrade",
	  "use one of these releases, a newer one, or one signed with --allow-downgrade" },
	{ KB_EDOWNGRADE, NULL, NULL, "to go back: keelboot install FILE" },
	{ KB_EAHEAD, NULL, NULL,
	  "to allow it: max-sequence-jump= in system.conf, also in the initramfs" },
	{ KB_EBUDGET, is_unwritable, "writing it to its slot failed three times", AGAIN },
	{ KB_EBUDGET, NULL, "too many updates were installed since a slot was last marked good",
	  MARK_GOOD },
	{ KB_EREBUILT, NULL, "the state was lost and rebuilt, and a slot is on trial", MARK_GOOD },
	{ KB_ENOTARGET, NULL, NULL, MARK_GOOD },
	{ KB_ENEWER, NULL, "the state was written by a newer Keelboot", "update Keelboot first" },
};

struct refused refused_why(const struct state *s, const struct plan_release *r, enum plan_mode mode,
			   uint64_t floor, enum kb_err err)
{
	const struct ask ask = { .s = s, .r = r, .mode = mode, .floor = floor };
	struct refused what = { .why = err_text(err) };

	for (size_t i = 0; i < KB_ARRAY_LEN(table); i++) {
		if (table[i].err != err || (table[i].is_case != NULL && !table[i].is_case(&ask)))
			continue;
		what.todo = table[i].todo;
		if (table[i].why != NULL)
			what.why = table[i].why;
		break;
	}
	return what;
}

void refused_text(char out[REFUSED_TEXT_MAX + 1], struct refused what, const char *more)
{
	snprintf(out, REFUSED_TEXT_MAX + 1, "%s%s%s%s", what.why, more,
		 what.todo != NULL ? "; " : "", what.todo != NULL ? what.todo : "");
}

/* Nothing can be counted in a state of which only the core is understood. */
static struct refused why_newer(const struct state *s)
{
	return refused_why(s, NULL, PLAN_AUTOMATIC, 0, KB_ENEWER);
}

const char *refused_source(const struct state *s, enum state_source src,
			   char out[REFUSED_SOURCE_MAX + 1])
{
	const char *who = s->apply[src].excused == STATE_APPLY_DIED ? "apply" : "the device";
	int len = snprintf(out, REFUSED_SOURCE_MAX + 1,
			   "source %s is skipped: ", state_source_name(src));
	size_t room = REFUSED_SOURCE_MAX + 1 - (size_t)len;

	if (s->newer)
		snprintf(out + len, room, "%s", why_newer(s).why);
	else
		snprintf(out + len, room, "its updates crashed %s %d times", who,
			 STATE_APPLY_LIMIT);
	return out;
}

const char *refused_source_remedy(const struct state *s, enum state_source src)
{
	if (s->newer)
		return why_newer(s).todo;
	return plan_apply_forgivable(s, src) ? "keelboot mark good"
					     : "remove the medium and restart, or commit an update";
}
