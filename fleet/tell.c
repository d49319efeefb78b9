/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/tell.h"

#include "fleet/attributes.h"
#include "fleet/clock.h"
#include "fleet/drop.h"
#include "fleet/permit.h"

#include "lib/log.h"
#include "lib/os.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* of an end that is refused: whole, without details, and with one sentence in their place */
#define CLOSE_TRIES_MAX (ACTION_TRIES_MAX + 2)

/* It may be taken at another contact, as it is. */
static bool is_not_taken_now(enum client_end end)
{
	return end == CLIENT_LATER || end == CLIENT_FORBIDDEN || end == CLIENT_FULL;
}

/* The one place where waiting times and troubles of messages are noted. What cannot be noted here
 * would be said anew by each contact, until a quota is used up; not so what closes an action, after
 * which the server takes nothing more. */
static enum client_end send_json(struct contact *c, const char *method, const char *path,
				 char *body, bool closes)
{
	bool sends = closes || contact_save(c);
	enum client_end end = sends ? client_send(&c->client, method, path, body) : CLIENT_LATER;

	free(body);
	if (c->client.retry_after_s > c->retry_after_s)
		c->retry_after_s = c->client.retry_after_s;
	c->failed = c->failed || is_not_taken_now(end);
	return end;
}

/* ---------------------------------------------------------------- the action */

static void say_release(const struct action *a, struct ddi_feedback *f)
{
	ddi_say(f, "%s", a->why);
	if (a->release[0] != '\0')
		ddi_say(f, "release %.16s, version %s, sequence %" PRIu64, a->release, a->version,
			a->sequence);
}

/* A line that costs more than it should is worth a word where all devices are seen. */
static void say_whole(const struct action *a, struct ddi_feedback *f)
{
	if (a->parts == ACTION_NO_PARTS && a->durable == a->size)
		ddi_say(f, "all of %s was fetched, since %s", a->name,
			a->anew > 1 ? "a slot has changed twice" : "its parts cannot be had");
}

void tell_describe(struct contact *c, struct ddi_feedback *f)
{
	const struct action *a = &c->a;
	char permit[PERMIT_WHY_MAX + 1];

	*f = (struct ddi_feedback){ .execution = "proceeding", .finished = "none" };
	switch (a->phase) {
	case ACTION_SEEN:
		if (a->why[0] != '\0')
			ddi_say(f, "%s", a->why);
		else
			ddi_say(f, "fetching %s, %" PRIu64 " bytes", a->name, a->size);
		break;
	case ACTION_FETCHED:
		if (a->only_download > 0)
			f->execution = "downloaded";
		ddi_say(f, "%s", a->why);
		say_whole(a, f);
		break;
	case ACTION_STAGED:
		say_release(a, f);
		say_whole(a, f);
		if (c->conf->fleet_reboot) {
			permit_describe(permit, sizeof(permit), c->conf);
			ddi_say(f, "%s", permit);
		}
		break;
	case ACTION_TRIAL:
		say_release(a, f);
		break;
	case ACTION_GOOD:
		f->execution = "closed";
		f->finished = "success";
		say_release(a, f);
		break;
	case ACTION_FAILED:
		f->execution = "closed";
		f->finished = "failure";
		say_release(a, f);
		if (a->version[0] != '\0')
			facts_say_why(&c->monitor, a->version, a->sequence, f);
		break;
	case ACTION_NONE:
	case ACTION_PHASES:
		break;
	}
}

/* ---------------------------------------------------------------- its end */

/* Something on the way may take the last words of a trial for an attack. */
static const struct ddi_feedback *shorten(const struct ddi_feedback *f, uint64_t tries)
{
	static struct ddi_feedback less;

	if (tries < ACTION_TRIES_MAX)
		return f;
	less = (struct ddi_feedback){ .execution = f->execution, .finished = f->finished };
	if (tries > ACTION_TRIES_MAX)
		ddi_say(&less, "the details are on the device");
	return &less;
}

/* A try has failed. true: there is no other. */
static bool is_hopeless(enum client_end end, uint64_t *tries)
{
	switch (end) {
	case CLIENT_MISSING:
		return ++*tries >= ACTION_TRIES_MAX;
	case CLIENT_REFUSED:
		return ++*tries >= CLOSE_TRIES_MAX;
	case CLIENT_FORBIDDEN:
		/* Also a token that is mended later, after which all of it is to arrive. */
		*tries = (*tries + 1) % CLOSE_TRIES_MAX;
		return false;
	case CLIENT_OK:
	case CLIENT_SAME:
	case CLIENT_LATER:
	case CLIENT_OVER:
	case CLIENT_FULL:
		break;
	}
	return false;
}

bool tell_close(struct contact *c, const char *id, const struct ddi_feedback *f, uint64_t *tries)
{
	const struct ddi_feedback *said = shorten(f, *tries);
	char path[URL_ID_MAX + 64];
	enum client_end end;

	snprintf(path, sizeof(path), "deploymentBase/%s/feedback", id);
	end = send_json(c, "POST", path, ddi_write_feedback(said, id), true);
	if (end == CLIENT_OK)
		contact_print("Reported for action %s: %s/%s: %s", id, f->execution, f->finished,
			      f->message[0]);
	if (end == CLIENT_OK || end == CLIENT_OVER) {
		*tries = 0;
		return true;
	}
	if (!is_hopeless(end, tries))
		return false;
	log_warn("action %s: the server does not take its end; it is not sent any more", id);
	return true;
}

/* ---------------------------------------------------------------- on the way to it */

/* What the server's word means for what it was answered. */
static void settle(struct contact *c, enum client_end end)
{
	struct action *a = &c->a;

	if (end == CLIENT_OVER)
		contact_print("Action %s is over on the server.", a->id);
	if (end == CLIENT_OVER && a->phase <= ACTION_FETCHED) {
		drop_bundle(c);
		action_begin(a, "");
		return;
	}
	/* A quota, or something that is never taken: there is more to say later. */
	if (end == CLIENT_OK || end == CLIENT_OVER || end == CLIENT_FULL || end == CLIENT_REFUSED)
		action_told(a);
}

static void tell_progress(struct contact *c, const struct ddi_feedback *f)
{
	char path[URL_ID_MAX + 64];
	enum client_end end;

	snprintf(path, sizeof(path), "deploymentBase/%s/feedback", c->a.id);
	end = send_json(c, "POST", path, ddi_write_feedback(f, c->a.id), false);
	if (end == CLIENT_OK)
		contact_print("Reported for action %s: %s: %s", c->a.id, f->execution,
			      f->message[0]);
	settle(c, end);
}

void tell_phase(struct contact *c)
{
	static struct ddi_feedback f;
	uint64_t tries = c->a.tries;

	if (!action_owes(&c->a) || c->dry_run || c->told == c->a.phase)
		return;
	c->told = c->a.phase;
	tell_describe(c, &f);
	if (c->a.phase < ACTION_GOOD)
		tell_progress(c, &f);
	else if (tell_close(c, c->a.id, &f, &c->a.tries))
		action_told(&c->a);
	/* A server that takes nothing for days costs no write in each contact. */
	if (!action_owes(&c->a) || c->a.tries != tries)
		contact_save(c);
}

bool tell_cancelled(struct contact *c, const char *id, bool done, const char *why)
{
	static struct ddi_feedback f;
	char path[URL_ID_MAX + 64];

	f = (struct ddi_feedback){ .execution = done ? "closed" : "rejected",
				   .finished = done ? "success" : "none" };
	ddi_say(&f, "%s", why);
	snprintf(path, sizeof(path), "cancelAction/%s/feedback", id);
	return !is_not_taken_now(send_json(c, "POST", path, ddi_write_feedback(&f, id), false));
}

bool tell_confirmation(struct contact *c, const char *id, bool given, const char *says)
{
	char path[URL_ID_MAX + 64];
	enum client_end end;

	snprintf(path, sizeof(path), "confirmationBase/%s/feedback", id);
	end = send_json(c, "POST", path, ddi_write_confirmation(given, says), false);
	if (end == CLIENT_OK)
		contact_print("Action %s is %s here%s%s", id, given ? "confirmed" : "denied",
			      says[0] != '\0' ? ": " : "", says);
	return !is_not_taken_now(end);
}

/* ---------------------------------------------------------------- the device */

static void tell_attributes(struct contact *c, bool asked)
{
	static struct attributes t;
	const char *pairs[ATTRIBUTES_MAX][2];
	/* Without a clock, hours count within a boot. */
	uint64_t clock = clock_time(), now = clock > 0 ? clock : os_now_ms() / 1000;
	bool changed, bounded;
	enum client_end end;

	attributes_collect(&t, &c->facts, c->conf, c->a.device_boots);
	/* hawkBit refuses an empty list. */
	if (t.n == 0)
		return;
	changed = t.hash != c->a.attributes;
	/* A contact that failed may leave this the first one. */
	if (!asked && c->uncounted && !c->failed &&
	    attributes_wait(t.hash, c->a.attributes, c->a.device_boot))
		return;
	/* What it has, or refused, it may ask for in each contact. */
	bounded = !asked || !changed;
	if ((!asked && !changed) || (bounded && !attributes_may_go(c->a.attributes_due, now)))
		return;
	/* A disk that takes no record may be the news itself, and would send it in each contact. */
	if (!asked && !contact_note(c))
		return;
	for (unsigned i = 0; i < t.n; i++) {
		pairs[i][0] = t.name[i];
		pairs[i][1] = t.value[i];
	}
	end = send_json(c, "PUT", "configData",
			ddi_write_attributes((const char *const(*)[2])pairs, t.n), false);
	/* What the server will not have is not sent again and again. */
	if (is_not_taken_now(end))
		return;
	c->a.attributes = t.hash;
	if (bounded)
		c->a.attributes_due = attributes_sent(c->a.attributes_due, now);
	contact_save(c);
}

/* hawkBit calls this experimental, other servers do not know it. */
static void tell_installed(struct contact *c)
{
	const struct facts_slot *s = facts_booted(&c->facts);
	enum client_end end;

	if (c->conf->fleet_distribution[0] == '\0' || s == NULL || strcmp(s->state, "good") != 0 ||
	    s->version[0] == '\0' || strcmp(s->version, c->a.installed) == 0)
		return;
	end = send_json(c, "PUT", "installedBase",
			ddi_write_installed(c->conf->fleet_distribution, s->version), false);
	if (is_not_taken_now(end))
		return;
	snprintf(c->a.installed, sizeof(c->a.installed), "%s", s->version);
	contact_save(c);
}

void tell_device(struct contact *c, bool asked)
{
	if (c->dry_run)
		return;
	tell_attributes(c, asked);
	/* While an action is open, its end says which release runs. */
	if (c->a.phase == ACTION_NONE || action_is_closed(&c->a))
		tell_installed(c);
}
