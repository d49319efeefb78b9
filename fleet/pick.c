/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/pick.h"

#include "channel/utc.h"
#include "lib/bytes.h"
#include "lib/daily.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool pick_add_attributes(struct pick *p, const char *text)
{
	static const char blanks[] = " \t\r\n";

	for (text += strspn(text, blanks); *text != '\0'; text += strspn(text, blanks)) {
		size_t len = strcspn(text, blanks);

		if (p->nattributes == PICK_ATTRIBUTES_MAX ||
		    !channel_read_attribute(&p->attribute[p->nattributes], text, len))
			return false;
		p->nattributes++;
		text += len;
	}
	return true;
}

/* ---------------------------------------------------------------- the device */

/* What runs; 0: it is not known. */
static uint64_t running_sequence(const struct facts *f)
{
	const struct facts_slot *s = facts_booted(f);

	return s != NULL ? s->sequence : 0;
}

/* The least that a release must be above: what runs, is good or tried in another slot, or is
 * staged, unless no boot can write it. */
static uint64_t newest_here(const struct pick *p, const struct channel *c)
{
	const struct facts *f = p->facts;
	uint64_t newest = running_sequence(f);

	for (unsigned i = 0; i < f->nslots; i++) {
		const struct facts_slot *s = &f->slot[i];
		bool whole = strcmp(s->state, "good") == 0 || strcmp(s->state, "trial") == 0;

		if (whole && s->sequence > newest)
			newest = s->sequence;
	}
	if (f->staged_lasting)
		return newest;
	if (p->staged > newest)
		newest = p->staged;
	for (unsigned i = 0; i < c->nreleases && f->staged[0] != '\0'; i++)
		if (strcmp(c->release[i].release, f->staged) == 0 &&
		    c->release[i].sequence > newest)
			newest = c->release[i].sequence;
	return newest;
}

static bool is_compatible(const struct facts *f, const struct channel_release *r)
{
	for (unsigned i = 0; i < r->ncompatible; i++)
		if (f->compatible[0] != '\0' && strcmp(r->compatible[i], f->compatible) == 0)
			return true;
	return false;
}

/* By its first digits, as actions are called. */
static bool is_failed(const struct pick *p, const struct channel_release *r)
{
	char id[FEED_ID_LEN + 1];

	snprintf(id, sizeof(id), "%.*s", FEED_ID_LEN, r->release);
	return strstr(p->failed, id) != NULL;
}

/* Of the last action the reason is known. */
static const char *explain_failure(const struct pick *p, const struct channel_release *r)
{
	bool last = p->action == NULL || strncmp(p->action, r->release, FEED_ID_LEN) == 0;

	return last ? p->failed_why : "it failed by this channel file";
}

/* What the device itself would refuse, or did. */
static bool suits_device(const struct pick *p, const struct channel_release *r, char *why)
{
	const struct facts_slot *s = facts_slot_of(p->facts, r->release);

	if (!is_compatible(p->facts, r))
		snprintf(why, ACTION_WHY_MAX + 1, "it is not for %.48s", p->facts->compatible);
	else if (r->sequence < p->facts->floor)
		snprintf(why, ACTION_WHY_MAX + 1, "it is below this device's floor, %" PRIu64,
			 p->facts->floor);
	else if (s != NULL && strcmp(s->state, "bad") == 0)
		snprintf(why, ACTION_WHY_MAX + 1, "it fell back here: %s",
			 s->reason[0] != '\0' ? s->reason : "no reason is kept");
	else if (facts_is_rejected(p->facts, r->release))
		snprintf(why, ACTION_WHY_MAX + 1, "it failed here before");
	else if (is_failed(p, r))
		snprintf(why, ACTION_WHY_MAX + 1, "%.380s; a newer channel file tries it again",
			 explain_failure(p, r));
	else
		return true;
	return false;
}

/* ---------------------------------------------------------------- the rollout */

/* Mixed once more (the end of splitmix64): neighbours in FNV differ in few bits. */
unsigned pick_share(const char *id, const char *release)
{
	uint64_t h = bytes_hash(BYTES_HASH_START, id, strlen(id) + 1);

	h = bytes_hash(h, release, strlen(release));
	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
	h ^= h >> 31;
	return (unsigned)(h % 100);
}

static const struct channel_attribute *find_missing(const struct pick *p,
						    const struct channel_release *r)
{
	for (unsigned i = 0; i < r->nattributes; i++) {
		unsigned k = 0;

		while (k < p->nattributes &&
		       (strcmp(p->attribute[k].name, r->attribute[i].name) != 0 ||
			strcmp(p->attribute[k].value, r->attribute[i].value) != 0))
			k++;
		if (k == p->nattributes)
			return &r->attribute[i];
	}
	return NULL;
}

static bool has_day(const struct channel_release *r)
{
	return r->daily.from != r->daily.to;
}

static bool is_in_day(const struct channel_release *r, uint64_t now)
{
	unsigned minute = (unsigned)(now / 60 % 1440);

	return !has_day(r) || daily_has(&r->daily, minute);
}

/* Without a clock, by the file's own time, which is the earliest that it may be. */
static bool is_past(const struct pick *p, const struct channel_release *r)
{
	return r->not_after > 0 && p->now > r->not_after;
}

static bool is_open(const struct pick *p, const struct channel_release *r, char *why)
{
	char time[UTC_LEN + 1];

	utc_write(time, p->now < r->not_before ? r->not_before : r->not_after);
	if (p->now < r->not_before)
		snprintf(why, ACTION_WHY_MAX + 1, "its window opens at %s%s", time,
			 p->clock_unset ? ", and the clock of this device is not set" : "");
	else if (is_past(p, r))
		snprintf(why, ACTION_WHY_MAX + 1, "its window closed at %s", time);
	/* It may be any time by now. */
	else if (p->clock_unset && (r->not_after > 0 || has_day(r)))
		snprintf(why, ACTION_WHY_MAX + 1,
			 "it has a window, and the clock of this device is not set");
	else if (!is_in_day(r, p->now))
		snprintf(why, ACTION_WHY_MAX + 1, "its window opens at %02u:%02u UTC",
			 r->daily.from / 60, r->daily.from % 60);
	else
		return true;
	return false;
}

static bool is_meant(const struct pick *p, const struct channel_release *r, char *why)
{
	const struct channel_attribute *missing = find_missing(p, r);

	if (r->withdrawn[0] != '\0')
		snprintf(why, ACTION_WHY_MAX + 1, "it is withdrawn: %s", r->withdrawn);
	else if (r->unknown[0] != '\0')
		snprintf(why, ACTION_WHY_MAX + 1,
			 "it has a condition that this version does not know: %s", r->unknown);
	else if (running_sequence(p->facts) < r->from)
		snprintf(why, ACTION_WHY_MAX + 1, "it needs sequence %" PRIu64 " or later first",
			 r->from);
	else if (missing != NULL)
		snprintf(why, ACTION_WHY_MAX + 1, "it is for %s=%s", missing->name, missing->value);
	else if (pick_share(p->id, r->release) >= r->percent)
		snprintf(why, ACTION_WHY_MAX + 1, "this device is not in the first %u %%",
			 r->percent);
	else
		return is_open(p, r, why);
	return false;
}

/* Nothing but its part of the day keeps it away; or, while the clock is not set, its window, of
 * which nobody knows then whether it is open. */
static bool waits_for_time(const struct pick *p, const struct channel_release *r)
{
	static struct channel_release whole;
	char text[ACTION_WHY_MAX + 1];

	whole = *r;
	whole.daily = (struct daily){ 0 };
	if (p->clock_unset && !is_past(p, r))
		whole.not_before = whole.not_after = 0;
	return suits_device(p, r, text) && is_meant(p, &whole, text) && !is_open(p, r, text);
}

/* What is begun, and goes on when its time comes. */
static const struct channel_release *find_held(const struct pick *p, const struct channel *c,
					       uint64_t newest)
{
	for (unsigned i = 0; i < c->nreleases && p->begun != NULL; i++)
		if (strcmp(c->release[i].release, p->begun) == 0)
			return c->release[i].sequence > newest && waits_for_time(p, &c->release[i])
				       ? &c->release[i]
				       : NULL;
	return NULL;
}

static void explain_held(const struct pick *p, const struct channel_release *held,
			 char why[ACTION_WHY_MAX + 1])
{
	char text[ACTION_WHY_MAX + 1];

	(void)is_open(p, held, text);
	snprintf(why, ACTION_WHY_MAX + 1, "%s: %.300s%s; nothing older is taken meanwhile",
		 held->version, text, p->clock_unset ? "" : ", and it is fetched further then");
}

const struct channel_release *pick_release(const struct pick *p, const struct channel *c,
					   char why[ACTION_WHY_MAX + 1])
{
	const struct channel_release *best = NULL, *refused = NULL;
	uint64_t newest = newest_here(p, c);
	const struct channel_release *held = find_held(p, c, newest);
	char text[ACTION_WHY_MAX + 1];
	bool none = false, *waits = p->waits != NULL ? p->waits : &none;

	*waits = false;
	snprintf(why, ACTION_WHY_MAX + 1, "nothing in the channel is newer than what is here");
	for (unsigned i = 0; i < c->nreleases; i++) {
		const struct channel_release *r = &c->release[i];
		bool suits;

		if (r->sequence <= newest || (held != NULL && r->sequence < held->sequence) ||
		    (best != NULL && r->sequence <= best->sequence))
			continue;
		suits = suits_device(p, r, text);
		if (suits && is_meant(p, r, text)) {
			best = r;
		} else if (refused == NULL || r->sequence > refused->sequence) {
			refused = r;
			*waits = suits && r->withdrawn[0] == '\0';
			snprintf(why, ACTION_WHY_MAX + 1, "%s: %.400s", r->version, text);
		}
	}
	if (best != NULL || held == NULL)
		return best;
	*waits = true;
	explain_held(p, held, why);
	return NULL;
}
