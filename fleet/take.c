/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/take.h"

#include "fleet/bring.h"
#include "fleet/dry.h"
#include "fleet/judge.h"
#include "fleet/phase.h"
#include "fleet/possible.h"
#include "fleet/reboot.h"
#include "fleet/standing.h"
#include "fleet/way.h"

#include "lib/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- staging */

/* What is here is not what was signed: the way may have damaged it, once. */
static void take_damaged(struct contact *c, const char *why)
{
	char text[ACTION_WHY_MAX + 1];

	files_bundle_drop(&c->files);
	c->a.durable = 0;
	c->a.etag[0] = '\0';
	snprintf(text, sizeof(text), "%s is no bundle for this device: %.300s", c->a.name, why);
	if (c->a.damaged > 0) {
		phase_set(c, ACTION_FAILED, text);
		return;
	}
	c->a.damaged = 1;
	contact_fail(c, "action %s: %s; it is fetched anew", c->a.id, text);
	contact_save(c);
}

/* What is staged, and on trial, decides. */
static bool look_again(struct contact *c)
{
	char why[FACTS_TEXT_MAX + 1];

	if (facts_read(&c->facts, &c->monitor, why)) {
		(void)standing_settle(c);
		return true;
	}
	phase_try(c, "not staged", why, ACTION_TRIES_MAX);
	return false;
}

bool take_known(struct contact *c)
{
	char verdict[ACTION_WHY_MAX + 1];
	enum action_phase phase = judge_unasked(&c->facts, c->a.release, verdict);

	/* What others staged goes before, so it cannot be staged anew. */
	if (phase == ACTION_NONE ||
	    (judge_is_skipped(&c->facts, c->a.release) && !c->facts.staged_by_others))
		return false;
	files_bundle_drop(&c->files);
	if (phase == ACTION_STAGED)
		reboot_note(c, verdict);
	phase_set(c, phase, verdict);
	return true;
}

/* A slot has changed since its parts were fetched. */
static bool take_changed(struct contact *c, const char *why)
{
	if (!bring_anew(c))
		return false;
	contact_fail(c, "action %s: %s", c->a.id, why);
	files_bundle_drop(&c->files);
	contact_save(c);
	return true;
}

/* again: a slot has changed since its parts were fetched. */
static void take_result(struct contact *c, int code, const char *why, bool again)
{
	char text[ACTION_WHY_MAX + 1];

	/* What is for a newer Keelboot may have no version here. */
	snprintf(text, sizeof(text), "%s was refused: %s",
		 c->a.version[0] != '\0' ? c->a.version : c->a.name, why);
	switch (code) {
	case FACTS_OK:
	case FACTS_NOTHING:
		if (look_again(c) && !take_known(c))
			phase_set(c, ACTION_FAILED, text);
		break;
	case FACTS_VERIFY:
		take_damaged(c, why);
		break;
	case FACTS_INCOMPATIBLE:
		if (again && take_changed(c, why))
			break;
		phase_set(c, ACTION_FAILED, text);
		break;
	default:
		phase_try(c, "not staged", why, ACTION_TRIES_MAX);
		break;
	}
}

/* What a person staged, or a stick brought, is not replaced without a word. */
static bool must_wait(struct contact *c)
{
	char why[ACTION_WHY_MAX + 1], text[ACTION_WHY_MAX + 1];

	if (!judge_is_preceded(&c->facts, c->a.release, c->a.own.release, why))
		return false;
	snprintf(text, sizeof(text), "%s is fetched, and %.300s", c->a.version, why);
	/* Each contact looks; the record is for what is new. */
	if (c->a.phase == ACTION_FETCHED && strcmp(c->a.why, text) == 0) {
		contact_print("Action %s: %s", c->a.id, text);
		return true;
	}
	c->a.only_download = 0;
	action_note(&c->a, ACTION_NEWS_WAITS);
	phase_set(c, ACTION_FETCHED, text);
	return true;
}

static void stage_bundle(struct contact *c, const struct offer *o)
{
	struct facts_bundle b;
	char why[FACTS_TEXT_MAX + 1] = "";
	int code = facts_inspect(&b, &c->monitor, why);
	bool again;

	if (code == FACTS_VERIFY || code == FACTS_INCOMPATIBLE) {
		take_damaged(c, why);
		return;
	}
	if (code != FACTS_OK) {
		phase_try(c, "cannot be read", why, ACTION_TRIES_MAX);
		return;
	}
	/* Genuine, and another one: a server that was taken over has mixed them. */
	if (o->release[0] != '\0' && strcmp(b.release, o->release) != 0) {
		snprintf(why, sizeof(why), "it holds release %.16s, and %.16s was announced",
			 b.release, o->release);
		take_damaged(c, why);
		return;
	}
	memcpy(c->a.release, b.release, sizeof(c->a.release));
	memcpy(c->a.version, b.version, sizeof(c->a.version));
	c->a.sequence = b.sequence;
	if (!contact_keep(c) || !look_again(c) || take_known(c) || must_wait(c))
		return;
	action_own(&c->a, c->facts.staged, judge_half_written(&c->facts));
	if (!contact_save(c))
		return;
	code = facts_stage(&c->monitor, why, &again);
	take_result(c, code, why, again);
}

/* ---------------------------------------------------------------- fetching */

/* Between what is here and what the server wants: nothing, a wait, or the stage. */
static void take_whole(struct contact *c, const struct offer *o)
{
	char text[ACTION_WHY_MAX + 1];

	if (o->update != OFFER_SKIP && !o->window_closed) {
		stage_bundle(c, o);
		return;
	}
	c->a.only_download = o->window_closed ? 0 : 1;
	snprintf(text, sizeof(text), "%s is fetched, %" PRIu64 " bytes%s", c->a.name, c->a.size,
		 o->window_closed ? "; the maintenance window is closed" : "");
	if (c->a.phase != ACTION_FETCHED)
		phase_set(c, ACTION_FETCHED, text);
}

/* No failure, and no try: the next day goes on. */
static void pause_fetch(struct contact *c, const char *why)
{
	char text[ACTION_WHY_MAX + 1];

	snprintf(text, sizeof(text), "%s waits: %.340s", c->a.name, why);
	contact_print("Action %s: %s", c->a.id, text);
	/* Each contact says it; the record is for what is new. */
	if (strcmp(c->a.why, text) == 0)
		return;
	memcpy(c->a.why, text, sizeof(text));
	action_note(&c->a, ACTION_NEWS_LIMIT);
	contact_save(c);
}

/* Progress of a download that begins anew again and again is none. false: no try is left. */
static bool may_begin_anew(struct contact *c)
{
	char text[ACTION_WHY_MAX + 1];

	if (c->a.others < ACTION_OTHERS_MAX)
		return true;
	snprintf(text, sizeof(text),
		 "not fetched: in %d contacts, the server had another file than the one that was "
		 "begun; a cache before it may mix files, or ignore If-Range",
		 ACTION_OTHERS_MAX);
	c->failed = true;
	phase_set(c, ACTION_FAILED, text);
	return false;
}

static void fetch_later(struct contact *c, const struct bring *b, unsigned max)
{
	if (b->retry_after_s > c->retry_after_s)
		c->retry_after_s = b->retry_after_s;
	if (may_begin_anew(c))
		phase_try(c, "not fetched", b->why, max);
}

static void fetch_and_stage(struct contact *c, const struct offer *o)
{
	char text[ACTION_WHY_MAX + 1];
	struct bring b;
	enum fetch_end end = bring_bundle(c, o, &b);

	if (b.code != FACTS_OK) {
		/* It may be here already, or have fallen back: then that is why. */
		if (b.code != FACTS_INCOMPATIBLE || !take_known(c))
			take_result(c, b.code, b.why, false);
		return;
	}
	if (end != FETCH_PAUSED && c->a.phase == ACTION_SEEN)
		c->a.why[0] = '\0';
	if (end == FETCH_NEVER && o->lasting)
		end = FETCH_REFUSED;
	switch (end) {
	case FETCH_WHOLE:
		take_whole(c, o);
		break;
	case FETCH_LATER:
	case FETCH_REFUSED:
		fetch_later(c, &b,
			    end == FETCH_LATER || o->lasting ? ACTION_WAITS_MAX : ACTION_TRIES_MAX);
		break;
	case FETCH_GOES_ON:
		c->goes_on = contact_save(c);
		contact_print("Action %s: %s comes slowly; the server is asked between.", c->a.id,
			      c->a.name);
		break;
	case FETCH_PAUSED:
		pause_fetch(c, b.why);
		break;
	case FETCH_BEYOND:
		snprintf(text, sizeof(text), "%s is not fetched: %.330s", c->a.name, b.why);
		phase_set(c, ACTION_FAILED, text);
		break;
	case FETCH_NEVER:
		snprintf(text, sizeof(text), "%s cannot be fetched: %.250s", c->a.name, b.why);
		phase_set(c, ACTION_FAILED, text);
		break;
	}
}

/* ---------------------------------------------------------------- what is offered */

/* One at a time: what is being tried goes before. An end that the server does not take must not
 * keep it from what it wants next. */
static bool may_begin(struct contact *c, const char *id)
{
	const struct action *a = &c->a;

	if (a->phase == ACTION_NONE || action_is_closed(a) || a->phase <= ACTION_FETCHED)
		return true;
	if (a->phase == ACTION_STAGED && !judge_is_written(&c->facts, a->release))
		return true;
	if (a->phase >= ACTION_GOOD && c->way->put_aside != NULL && c->way->put_aside(c))
		return true;
	contact_print("Action %s waits for the end of action %s.", id, a->id);
	return false;
}

/* goosebit's ids are those of releases, and come again. What failed before it reached a slot may
 * succeed now. A server that takes no end must not have a bundle fetched in each contact. */
static bool is_begun_again(const struct contact *c, const char *id)
{
	const struct action *a = &c->a;

	return a->phase == ACTION_FAILED && action_is_closed(a) && strcmp(a->id, id) == 0 &&
	       !judge_is_written(&c->facts, a->release) && a->again < ACTION_TRIES_MAX;
}

bool take_wants(struct contact *c, const char *id, const char *edition)
{
	if (c->dry_run || is_begun_again(c, id))
		return true;
	if (strcmp(c->a.id, id) != 0)
		return may_begin(c, id);
	return c->a.phase < ACTION_STAGED ||
	       (c->a.phase == ACTION_STAGED && strcmp(c->a.edition, edition) != 0);
}

static void note_edition(struct contact *c, const struct offer *o)
{
	c->a.forced = o->update == OFFER_FORCED ? 1 : 0;
	c->a.window_closed = o->window_closed ? 1 : 0;
	memcpy(c->a.edition, o->edition, sizeof(c->a.edition));
}

/* It is staged: no more than its force, and its window, is of interest. */
static void take_edition(struct contact *c, const struct offer *o)
{
	if (o->update == OFFER_FORCED && c->a.forced == 0)
		contact_print("Action %s is forced now.", o->id);
	note_edition(c, o);
	contact_save(c);
}

/* The same id is another action where it offers another bundle, and this one has left this program
 * already. */
static bool is_fresh(const struct contact *c, const struct offer *o)
{
	return strcmp(c->a.id, o->id) != 0 ||
	       (c->a.phase >= ACTION_STAGED && !action_is_for(&c->a, o));
}

/* true: it is a new one. */
static bool begin_record(struct contact *c, const struct offer *o)
{
	bool again = is_begun_again(c, o->id), fresh = again || is_fresh(c, o);
	uint64_t count = again ? c->a.again + 1 : 0;

	if (fresh) {
		action_begin(&c->a, o->id);
		c->a.server = c->client.server;
		c->a.again = count;
		c->told = ACTION_NONE;
	}
	note_edition(c, o);
	return fresh;
}

static void begin_action(struct contact *c, const struct offer *o)
{
	/* By its size alone, what is here is no other action's bundle. */
	bool fresh = begin_record(c, o) || c->a.kept > 0;

	c->a.unclear = c->a.kept = 0;
	fetch_expect(&c->files, &c->a, o, fresh);
}

/* The server may be about to mend it, as where its file is not whole yet. */
static void take_unclear(struct contact *c, const struct offer *o)
{
	static const char what[] = "not understood";
	static const char why[] = POSSIBLE_UNCLEAR;
	bool same = strcmp(c->a.id, o->id) == 0 && !is_begun_again(c, o->id);

	if (same && c->a.phase >= ACTION_STAGED) {
		contact_fail(c, "action %s: %s: %s; nothing changes here", o->id, what, why);
		return;
	}
	if (!same) {
		/* What is here may be what it wants. */
		c->a.kept = begin_record(c, o) ? 1 : 0;
		snprintf(c->a.why, sizeof(c->a.why), "%s: %s", what, why);
	}
	/* Contacts counted before it was confirmed. */
	if (strcmp(c->a.unasked, o->id) == 0)
		c->a.unclear = ACTION_TRIES_MAX - 1;
	/* The end is sent for what the server offers now, which has no size and no digest: both are
	 * of one record. */
	if (c->a.kept == 0 && c->a.unclear + 1 >= ACTION_TRIES_MAX) {
		c->a.size = 0;
		c->a.digest[0] = '\0';
	}
	phase_unclear(c, what, why);
}

void take_offer(struct contact *c, const struct offer *o)
{
	if (c->dry_run) {
		dry_print(c, o);
		return;
	}
	if (o->unclear) {
		take_unclear(c, o);
		return;
	}
	if (c->a.phase == ACTION_STAGED && action_is_for(&c->a, o)) {
		take_edition(c, o);
		return;
	}
	begin_action(c, o);
	phase_skip(c, o);
	if (!contact_keep(c) || !possible_take(c, o) || o->download == OFFER_SKIP)
		return;
	c->way->tell(c);
	/* The answer may have been that it is over. */
	if (c->a.phase == ACTION_SEEN || c->a.phase == ACTION_FETCHED)
		fetch_and_stage(c, o);
}
