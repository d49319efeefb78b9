/* SPDX-License-Identifier: Apache-2.0 */
/* By a channel file on any web server: what an action is to a server, a release is here. */
#include "fleet/clock.h"
#include "fleet/drop.h"
#include "fleet/earlier.h"
#include "fleet/feed.h"
#include "fleet/judge.h"
#include "fleet/monitor_link.h"
#include "fleet/pick.h"
#include "fleet/report.h"
#include "fleet/take.h"
#include "fleet/way.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

#define ID_LEN FEED_ID_LEN /* digits of the release that an action is named by */

/* ---------------------------------------------------------------- what is under way */

static void name_action(char id[URL_ID_MAX + 1], const struct channel_release *r)
{
	snprintf(id, URL_ID_MAX + 1, "%.*s", ID_LEN, r->release);
}

static bool is_action_of(const struct action *a, const struct channel_release *r)
{
	return strlen(a->id) == ID_LEN && strncmp(a->id, r->release, ID_LEN) == 0;
}

static bool is_begun(const struct action *a)
{
	return a->phase == ACTION_SEEN || a->phase == ACTION_FETCHED;
}

/* What a server staged before this channel was followed has that server's name. */
static bool is_of_release(const struct action *a, const struct channel_release *r)
{
	return is_action_of(a, r) || strcmp(a->release, r->release) == 0;
}

static const struct channel_release *find_under_way(const struct action *a,
						    const struct channel *channel)
{
	for (unsigned i = 0; i < channel->nreleases; i++)
		if (is_of_release(a, &channel->release[i]))
			return &channel->release[i];
	return NULL;
}

/* The release of what is under way, and not staged yet; NULL: none. */
static const char *name_begun(const struct action *a, const struct channel *channel)
{
	const struct channel_release *r = find_under_way(a, channel);

	return r != NULL && is_begun(a) ? r->release : NULL;
}

/* Of both below, false: its report cannot be kept now, so it is done once more. */
static bool drop_withdrawn(struct contact *c, const struct channel_release *r, const char *text)
{
	char why[ACTION_WHY_MAX + 1];

	/* Where that fails, and another action takes its place, it is to be unstaged still. */
	if (action_has_staged(&c->a))
		earlier_note(c, r->version, text);
	if (!drop_staged(c, true, why)) {
		contact_fail(c, "action %s: cannot be withdrawn: %s", c->a.id, why);
		return true;
	}
	/* Where nothing was staged, it makes room for the report. */
	files_bundle_drop(&c->files);
	if (!report_withdrawn(c, c->a.id, r->version, text))
		return false;
	if (action_has_staged(&c->a))
		earlier_forget(c);
	drop_action(c, text);
	return true;
}

static bool withdraw(struct contact *c, const struct channel_release *r)
{
	char why[ACTION_WHY_MAX + 1], text[CHANNEL_REASON_MAX + 80];

	snprintf(text, sizeof(text), "%.48s is withdrawn: %s", r->version, r->withdrawn);
	if (drop_is_late(c, why)) {
		contact_print("Action %s: %s; it is too late: %s", c->a.id, text, why);
	} else if (c->dry_run) {
		contact_print("Action %s: %s; it would be dropped", c->a.id, text);
	} else {
		return drop_withdrawn(c, r, text);
	}
	return true;
}

static bool forget_unnamed(struct contact *c)
{
	static const char what[] = "is not in the channel any more";
	char text[ACTION_WHY_MAX + 1];

	if (!drop_unoffered(c))
		return true;
	snprintf(text, sizeof(text), "%s %s", c->a.version[0] != '\0' ? c->a.version : c->a.name,
		 what);
	if (!report_withdrawn(c, c->a.id, c->a.version, text))
		return false;
	if (action_has_staged(&c->a))
		earlier_forget(c);
	drop_action(c, what);
	return true;
}

/* What is staged stays, although the channel does not name it any more: it was signed. false: the
 * report of it cannot be kept now, and nothing else may be begun. */
static bool look_at_action(struct contact *c, const struct channel *channel)
{
	const struct channel_release *r = find_under_way(&c->a, channel);

	if (c->a.phase == ACTION_NONE || c->a.phase >= ACTION_GOOD)
		return true;
	if (r != NULL && r->withdrawn[0] != '\0')
		return withdraw(c, r);
	if (r == NULL && is_begun(&c->a) && !c->dry_run)
		return forget_unnamed(c);
	return true;
}

/* A cut came between the stage and its record: nobody offers again what is here. */
static void resume_cut(struct contact *c, const struct channel *channel)
{
	const struct action *a = &c->a;
	const struct channel_release *r = find_under_way(a, channel);

	if (r != NULL && r->withdrawn[0] == '\0' && !c->dry_run && is_begun(a) &&
	    action_has_staged(a))
		(void)!take_known(c);
}

/* ---------------------------------------------------------------- what is offered */

/* A query may be a signature, by which whoever has it fetches: no line has one. */
static int length_of_path(const char *url)
{
	return (int)strcspn(url, "?#");
}

static void name_bundle(char name[OFFER_NAME_MAX + 1], const char *url)
{
	int end = length_of_path(url), begin = end;

	while (begin > 0 && url[begin - 1] != '/')
		begin--;
	snprintf(name, OFFER_NAME_MAX + 1, "%.*s", end - begin, url + begin);
}

static void make_offer(struct offer *o, const struct channel_release *r)
{
	*o = (struct offer){ .download = OFFER_FORCED,
			     .update = OFFER_ATTEMPT,
			     .bundles = 1,
			     .size = r->size,
			     .lasting = true };
	name_action(o->id, r);
	name_bundle(o->name, r->url);
	snprintf(o->digest, sizeof(o->digest), "%s", r->digest);
	snprintf(o->release, sizeof(o->release), "%s", r->release);
}

/* A release is tried by this file, and on record: what failed by an earlier one counts no more, or
 * its next failure would not be noted. */
static void forget_failed(struct contact *c, const struct channel *channel)
{
	if (c->dry_run || c->unsaved || c->feed.failed >= channel->sequence ||
	    c->feed.failed_releases[0] == '\0')
		return;
	c->feed.failed_releases[0] = '\0';
	feed_save(c);
}

/* By this file: a later one tries it again. */
static void note_failed(struct contact *c, const struct channel *channel, const char *release)
{
	struct feed_record *f = &c->feed;
	size_t len;

	if (f->failed != channel->sequence)
		f->failed_releases[0] = '\0';
	f->failed = channel->sequence;
	len = strlen(f->failed_releases);
	if (len + FEED_ID_LEN + 1 < sizeof(f->failed_releases))
		snprintf(f->failed_releases + len, sizeof(f->failed_releases) - len, "%.*s ",
			 FEED_ID_LEN, release);
	feed_save(c);
}

static void refuse_address(struct contact *c, const struct channel_release *r)
{
	int len = length_of_path(r->url);

	contact_fail(c, "%s: no address of a bundle: %.*s", r->version, len < 100 ? len : 100,
		     r->url);
}

static void take_release(struct contact *c, const struct channel *channel,
			 const struct channel_release *r)
{
	static struct offer o;

	make_offer(&o, r);
	if (!url_resolve(o.url, c->conf->fleet_channel, r->url)) {
		refuse_address(c, r);
		/* Else it would stand before an older one for as long as this file counts. */
		note_failed(c, channel, r->release);
		return;
	}
	/* By a newer file: once more, from the beginning. */
	if (c->a.phase == ACTION_FAILED && is_action_of(&c->a, r) && !c->dry_run)
		action_begin(&c->a, "");
	if (!take_wants(c, o.id, ""))
		return;
	take_offer(c, &o);
	if (c->a.phase == ACTION_FAILED)
		note_failed(c, channel, r->release);
	else
		forget_failed(c, channel);
}

static bool add_from_file(struct contact *c, struct pick *p)
{
	const struct monitor_order order = { .work = MONITOR_ATTRIBUTES };
	char text[MONITOR_ATTRIBUTES_MAX + 1];
	struct monitor_result r;
	json_object *o;
	bool ok;

	monitor_do(&c->monitor, &order, &r, &o, NULL);
	ok = r.code == 0 && strict_text(o, "text", text, sizeof(text)) == KB_OK;
	json_object_put(o);
	if (r.code != 0)
		log_err("[fleet] attributes-file=%s: %s", c->conf->fleet_attributes_file, r.why);
	return ok && pick_add_attributes(p, text);
}

static bool read_attributes(struct contact *c, struct pick *p)
{
	bool ok = pick_add_attributes(p, c->conf->fleet_attributes);

	if (ok && c->conf->fleet_attributes_file[0] != '\0')
		ok = add_from_file(c, p);
	if (!ok)
		log_err("[fleet] attributes=, attributes-file=: expected up to %d of name=value",
			PICK_ATTRIBUTES_MAX);
	return ok;
}

/* What a person asks for by hand is said each time. Logs, and who gets reports, learn of a change:
 * most devices wait for their turn in most contacts. */
static void note_why(struct contact *c, const char *why, bool waits)
{
	bool news = strcmp(c->feed.why, why) != 0;

	if (why[0] != '\0' && (news || c->by_hand))
		contact_print("Nothing is taken: %s", why);
	if (!news)
		return;
	/* Cut before the record has it, it is reported again. */
	if (waits && !c->dry_run && !report_waiting(c, why))
		return;
	snprintf(c->feed.why, sizeof(c->feed.why), "%s", why);
	feed_save(c);
}

/* The releases that failed by this file: by a later one, what was amiss may be mended. */
static const char *find_failed(struct contact *c, const struct channel *channel)
{
	const struct channel_release *r = find_under_way(&c->a, channel);

	/* Cut before that, in the contact that began it. */
	if (r != NULL && c->a.phase != ACTION_FAILED)
		forget_failed(c, channel);
	if (r != NULL && is_action_of(&c->a, r) && c->a.phase == ACTION_FAILED &&
	    strstr(c->feed.failed_releases, c->a.id) == NULL)
		note_failed(c, channel, r->release);
	return channel->sequence <= c->feed.failed ? c->feed.failed_releases : "";
}

static void choose(struct contact *c, const struct channel *channel)
{
	static struct pick p;
	const struct channel_release *r;
	char why[ACTION_WHY_MAX + 1];
	bool known = clock_time() > 0, waits;

	p = (struct pick){ .facts = &c->facts,
			   .id = c->client.id,
			   .now = known ? feed_now(c) : c->feed.created,
			   .clock_unset = !known,
			   .staged = strcmp(c->facts.staged, c->a.release) == 0
					     ? c->a.sequence
					     : earlier_sequence(c),
			   .failed = find_failed(c, channel),
			   .failed_why = c->a.why,
			   .action = c->a.id,
			   .begun = name_begun(&c->a, channel),
			   .waits = &waits };
	if (!read_attributes(c, &p)) {
		c->failed = true;
		return;
	}
	r = pick_release(&p, channel, why);
	note_why(c, r == NULL ? why : "", r == NULL && waits);
	if (r != NULL) {
		take_release(c, channel, r);
		return;
	}
	resume_cut(c, channel);
	earlier_resume(c, channel);
}

/* ---------------------------------------------------------------- the contact */

static void tell_home(struct contact *c)
{
	if (!action_owes(&c->a) || c->dry_run)
		return;
	/* A report that is sent twice is better than none. */
	if (!report_phase(c))
		return;
	action_told(&c->a);
	contact_save(c);
}

static void converse_by_file(struct contact *c, bool known)
{
	static struct channel channel;
	bool kept, believed, settled = true;

	/* Nothing can be kept or taken. */
	if (!known)
		return;
	feed_load(c);
	feed_forget(c);
	report_device(c);
	tell_home(c);
	kept = feed_ask(c, &channel, &believed);
	/* On a full disk, a withdrawal is heeded, and makes room. */
	if (believed)
		settled = look_at_action(c, &channel) && earlier_withdraw(c, &channel);
	if (kept && settled) {
		choose(c, &channel);
		tell_home(c);
	}
	report_send(c, believed);
}

const struct way way_channel = { .converse = converse_by_file, .tell = tell_home };
