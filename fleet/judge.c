/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/judge.h"

#include <stdio.h>
#include <string.h>

static enum action_phase judge_staged(const struct facts *f, char *why)
{
	bool forgets = strcmp(f->staged_next, "forget") == 0;
	bool lasting = !forgets && f->staged_lasting;

	if (strcmp(f->staged_next, "install") == 0) {
		snprintf(why, ACTION_WHY_MAX + 1, "staged; the next boot installs it");
		return ACTION_STAGED;
	}
	/* Other reasons to skip it pass. */
	snprintf(why, ACTION_WHY_MAX + 1, "staged; %s it: %s",
		 forgets   ? "the next boot forgets"
		 : lasting ? "the boots skip"
			   : "the next boot skips",
		 f->staged_why[0] != '\0' ? f->staged_why : "no reason is given");
	return forgets || lasting ? ACTION_FAILED : ACTION_STAGED;
}

static enum action_phase judge_slot(const struct facts_slot *s, char *why)
{
	if (strcmp(s->state, "good") == 0) {
		snprintf(why, ACTION_WHY_MAX + 1, "%s in slot %s is good", s->version, s->name);
		return ACTION_GOOD;
	}
	if (strcmp(s->state, "bad") == 0) {
		snprintf(why, ACTION_WHY_MAX + 1, "%s in slot %s fell back: %s", s->version,
			 s->name, s->reason[0] != '\0' ? s->reason : "no reason is kept");
		return ACTION_FAILED;
	}
	snprintf(why, ACTION_WHY_MAX + 1, "%s in slot %s is on trial", s->version, s->name);
	return ACTION_TRIAL;
}

bool judge_is_written(const struct facts *f, const char *release)
{
	return facts_slot_of(f, release) != NULL;
}

bool judge_is_installed_next(const struct facts *f, const char *release)
{
	return release[0] != '\0' && strcmp(f->staged, release) == 0 &&
	       strcmp(f->staged_next, "install") == 0;
}

bool judge_is_skipped(const struct facts *f, const char *release)
{
	return f->staged_lasting && release[0] != '\0' && strcmp(f->staged, release) == 0;
}

uint64_t judge_half_written(const struct facts *f)
{
	uint64_t slots = 0;

	for (unsigned i = 0; i < f->nslots; i++)
		if (facts_is_half_written(&f->slot[i]))
			slots |= UINT64_C(1) << i;
	return slots;
}

bool judge_is_begun(const struct facts *f, const struct action *a, const char *release,
		    char why[ACTION_WHY_MAX + 1])
{
	uint64_t before = strcmp(release, a->own.release) == 0 ? a->own.half : 0;
	uint64_t slots = judge_half_written(f) & ~before;
	unsigned i = 0;

	if (release[0] == '\0' || strcmp(f->staged, release) != 0 || slots == 0)
		return false;
	while ((slots >> i & 1) == 0)
		i++;
	snprintf(why, ACTION_WHY_MAX + 1, "it is staged, and slot %s is half written%s",
		 f->slot[i].name,
		 judge_is_installed_next(f, release) ? "; the next boot goes on" : "");
	return true;
}

static bool is_newer(const struct facts_slot *s, uint64_t sequence)
{
	return s != NULL && s->sequence > sequence;
}

enum action_phase judge_release(const struct facts *f, const char *release,
				char why[ACTION_WHY_MAX + 1])
{
	const struct facts_slot *s = facts_slot_of(f, release);

	why[0] = '\0';
	if (s != NULL)
		return judge_slot(s, why);
	if (release[0] == '\0' || strcmp(f->staged, release) != 0)
		return ACTION_NONE;
	return judge_staged(f, why);
}

enum action_phase judge_asked(const struct facts *f, const char *release,
			      char why[ACTION_WHY_MAX + 1])
{
	enum action_phase phase = judge_release(f, release, why);
	const struct facts_slot *s = facts_slot_of(f, release), *booted = facts_booted(f);

	if (phase != ACTION_GOOD || s == booted || is_newer(booted, s->sequence))
		return phase;
	if (booted == NULL) {
		snprintf(why, ACTION_WHY_MAX + 1,
			 "%s in slot %s is good; which slot runs is not known", s->version,
			 s->name);
		return ACTION_TRIAL;
	}
	snprintf(why, ACTION_WHY_MAX + 1, "%s is in slot %s, the fallback; %s runs%s%s", s->version,
		 s->name, booted->version, f->boot_reason[0] != '\0' ? ", since " : "",
		 f->boot_reason);
	return ACTION_FAILED;
}

enum action_phase judge_replaced(const struct facts *f, const char *version, uint64_t sequence,
				 char why[ACTION_WHY_MAX + 1])
{
	const struct facts_slot *booted = facts_booted(f);

	if (is_newer(booted, sequence)) {
		snprintf(why, ACTION_WHY_MAX + 1, "%s was good; %s runs now", version,
			 booted->version);
		return ACTION_GOOD;
	}
	snprintf(why, ACTION_WHY_MAX + 1, "%s was good, and no slot has it any more; %s runs",
		 version, booted != NULL ? booted->version : "no slot");
	return ACTION_FAILED;
}

enum action_phase judge_unasked(const struct facts *f, const char *release,
				char why[ACTION_WHY_MAX + 1])
{
	enum action_phase phase = judge_release(f, release, why);
	const struct facts_slot *s = facts_slot_of(f, release), *booted = facts_booted(f);

	if (phase != ACTION_GOOD || s == booted)
		return phase;
	snprintf(why, ACTION_WHY_MAX + 1, "%s is in slot %s, the fallback; %s runs", s->version,
		 s->name, booted != NULL ? booted->version : "no slot");
	return ACTION_FAILED;
}

static bool is_tried(const struct facts_slot *s)
{
	return strcmp(s->state, "trial") == 0;
}

bool judge_has_trial(const struct facts *f, char why[ACTION_WHY_MAX + 1])
{
	for (unsigned i = 0; i < f->nslots; i++) {
		if (!is_tried(&f->slot[i]))
			continue;
		(void)judge_slot(&f->slot[i], why);
		return true;
	}
	return false;
}

bool judge_is_preceded(const struct facts *f, const char *release, const char *own,
		       char why[ACTION_WHY_MAX + 1])
{
	for (unsigned i = 0; i < f->nslots; i++) {
		const struct facts_slot *s = &f->slot[i];

		if (!is_tried(s) || strcmp(s->release, release) == 0)
			continue;
		snprintf(why, ACTION_WHY_MAX + 1, "waits until %s in slot %s has ended its trial",
			 s->version, s->name);
		return true;
	}
	if (f->staged[0] == '\0' || strcmp(f->staged, release) == 0 ||
	    (strcmp(f->staged, own) == 0 && !f->staged_by_others))
		return false;
	snprintf(why, ACTION_WHY_MAX + 1,
		 "waits, since release %.16s is staged here, and not by this server", f->staged);
	return true;
}
