/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/ends.h"

#include "fleet/answer_rules.h"
#include "fleet/deployment.h"
#include "fleet/judge.h"
#include "fleet/clock.h"
#include "fleet/keep.h"
#include "fleet/tell.h"

#include "channel/strict.h"
#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE	 "ends.json"
#define KEPT_MAX 8 /* as drop_end() says */

struct end {
	char id[URL_ID_MAX + 1];
	/* what the action was then: another one may have its id by now */
	uint64_t size;
	/* when it was one, in seconds since 1970; 0: not known */
	uint64_t since;
	char digest[OFFER_DIGEST_LEN + 1];
	/* what was said to be good; "": it failed */
	char release[ACTION_RELEASE_LEN + 1], version[ACTION_VERSION_MAX + 1];
	uint64_t sequence, tries;
	/* contacts in a row in which it got no whole answer; in which what the server has of it was
	 * not understood */
	uint64_t silent, unclear;
	struct ddi_feedback said;
	/* keys of a newer program */
	char others[REST_MAX + 1];
};

/* ---------------------------------------------------------------- what is kept */

static void read_details(struct ddi_feedback *f, json_object *o)
{
	json_object *list;

	if (strict_list(o, "details", &list) != KB_OK)
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		const char *text = json_object_get_string(json_object_array_get_idx(list, i));

		ddi_say(f, "%s", text != NULL ? text : "");
	}
}

static json_object *write_end(const struct end *e)
{
	json_object *o = json_object_new_object(), *details = json_object_new_array();

	json_object_object_add(o, "id", keep_text(e->id));
	json_object_object_add(o, "size", keep_number(e->size));
	json_object_object_add(o, "digest", keep_text(e->digest));
	json_object_object_add(o, "release", keep_text(e->release));
	json_object_object_add(o, "version", keep_text(e->version));
	json_object_object_add(o, "sequence", keep_number(e->sequence));
	json_object_object_add(o, "since", keep_number(e->since));
	json_object_object_add(o, "tries", keep_number(e->tries));
	json_object_object_add(o, "silent", keep_number(e->silent));
	json_object_object_add(o, "unclear", keep_number(e->unclear));
	for (unsigned i = 0; i < e->said.messages; i++)
		json_object_array_add(details, keep_text(e->said.message[i]));
	json_object_object_add(o, "details", details);
	rest_add(o, e->others);
	return o;
}

static bool read_end(struct end *e, json_object *o)
{
	memset(e, 0, sizeof(*e));
	if (!json_object_is_type(o, json_type_object) ||
	    strict_text(o, "id", e->id, sizeof(e->id)) != KB_OK || !url_is_id(e->id) ||
	    strict_number(o, "size", &e->size, INT64_MAX) != KB_OK ||
	    strict_text(o, "digest", e->digest, sizeof(e->digest)) != KB_OK ||
	    strict_text(o, "release", e->release, sizeof(e->release)) != KB_OK ||
	    strict_text(o, "version", e->version, sizeof(e->version)) != KB_OK ||
	    strict_number(o, "sequence", &e->sequence, INT64_MAX) != KB_OK ||
	    strict_number(o, "tries", &e->tries, INT64_MAX) != KB_OK)
		return false;
	/* Older programs kept none. */
	if (strict_number(o, "since", &e->since, INT64_MAX) != KB_OK)
		e->since = 0;
	if (strict_number(o, "silent", &e->silent, INT64_MAX) != KB_OK)
		e->silent = 0;
	if (strict_number(o, "unclear", &e->unclear, INT64_MAX) != KB_OK)
		e->unclear = 0;
	e->said.execution = "closed";
	e->said.finished = e->release[0] != '\0' ? "success" : "failure";
	read_details(&e->said, o);
	rest_take(e->others, o, write_end(e));
	return true;
}

/* To be released; NULL where nothing is, or nothing of this server. */
static json_object *read_ends(const struct contact *c)
{
	static char text[STRICT_MAX + 1];
	json_object *o = NULL;
	const char *why;
	uint64_t server;
	size_t len;

	if (files_read(&c->files, QUEUE, text, sizeof(text), &len) == KB_OK)
		o = strict_parse(text, len, &why);
	if (strict_number(o, "server", &server, INT64_MAX) == KB_OK && server == c->a.server)
		return o;
	json_object_put(o);
	return NULL;
}

/* A list, to be released. */
json_object *ends_list(const struct contact *c)
{
	json_object *o = read_ends(c), *list = NULL;

	if (strict_list(o, "ends", &list) == KB_OK)
		json_object_get(list);
	json_object_put(o);
	return list != NULL ? list : json_object_new_array();
}

static bool save_ends(const struct contact *c, json_object *list)
{
	json_object *o = json_object_new_object(), *old = read_ends(c);
	char others[REST_MAX + 1], *text;
	bool ok;

	json_object_object_add(o, "server", keep_number(c->a.server));
	json_object_object_add(o, "ends", json_object_get(list));
	/* What only a newer program knows stays. */
	if (old != NULL) {
		rest_take(others, old, json_object_get(o));
		rest_add(o, others);
	}
	json_object_put(old);
	text = keep_write(o, STRICT_MAX);
	ok = text != NULL && files_rewrite(&c->files, QUEUE, text, strlen(text)) == KB_OK;
	free(text);
	return ok;
}

static size_t find(json_object *list, const char *id)
{
	size_t n = json_object_array_length(list);
	static struct end e;

	for (size_t i = 0; i < n; i++)
		if (read_end(&e, json_object_array_get_idx(list, i)) && strcmp(e.id, id) == 0)
			return i;
	return n;
}

bool ends_has(const struct contact *c, const char *id)
{
	json_object *list = ends_list(c);
	bool has = find(list, id) < json_object_array_length(list);

	json_object_put(list);
	return has;
}

/* The oldest one. */
static void drop_end(json_object *list)
{
	static struct end e;

	if (read_end(&e, json_object_array_get_idx(list, 0)))
		log_warn("action %s: its end is dropped, since eight later ones wait", e.id);
	json_object_array_del_idx(list, 0, 1);
}

bool ends_add(struct contact *c)
{
	static struct end e;
	const struct action *a = &c->a;
	json_object *list = ends_list(c);
	size_t at = find(list, a->id);
	bool ok;

	e = (struct end){ .size = action_size(a), .sequence = a->sequence, .tries = a->tries };
	e.since = a->ended > 0 ? a->ended : clock_time();
	memcpy(e.id, a->id, sizeof(e.id));
	snprintf(e.digest, sizeof(e.digest), "%s", action_digest(a));
	memcpy(e.version, a->version, sizeof(e.version));
	if (a->phase == ACTION_GOOD)
		memcpy(e.release, a->release, sizeof(e.release));
	tell_describe(c, &e.said);
	/* A cut before the next action is on record leaves it in both. */
	if (at < json_object_array_length(list))
		json_object_array_del_idx(list, at, 1);
	json_object_array_add(list, write_end(&e));
	while (json_object_array_length(list) > KEPT_MAX)
		drop_end(list);
	ok = save_ends(c, list);
	json_object_put(list);
	c->failed = c->failed || !ok;
	if (ok)
		contact_print("The end of action %s waits for the server.", a->id);
	return ok;
}

/* ---------------------------------------------------------------- judging */

/* Of a success. */
static enum action_phase judge_now(const struct contact *c, const struct end *e,
				   char why[ACTION_WHY_MAX + 1])
{
	enum action_phase phase = judge_asked(&c->facts, e->release, why);

	if (phase != ACTION_NONE)
		return phase;
	return judge_replaced(&c->facts, e->version, e->sequence, why);
}

bool ends_why(const struct contact *c, const char *id, char why[ACTION_WHY_MAX + 1])
{
	static struct end e;
	json_object *list = ends_list(c);
	bool has = read_end(&e, json_object_array_get_idx(list, find(list, id)));

	json_object_put(list);
	if (has && e.release[0] != '\0')
		(void)judge_now(c, &e, why);
	else if (has)
		snprintf(why, ACTION_WHY_MAX + 1, "%.480s",
			 e.said.messages > 0 ? e.said.message[0] : "it failed");
	return has;
}

/* ---------------------------------------------------------------- sending */

/* What was good may have fallen back since then. That is on the disk before the server hears of it:
 * the next boot may take its slot, and behind a cut nobody would know. false: it is not. */
static bool judge_each(struct contact *c, json_object *list)
{
	static struct end e;
	char why[ACTION_WHY_MAX + 1];
	bool news = false;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		if (!read_end(&e, json_object_array_get_idx(list, i)) || e.release[0] == '\0' ||
		    judge_now(c, &e, why) != ACTION_FAILED)
			continue;
		e.release[0] = '\0';
		e.said = (struct ddi_feedback){ .execution = "closed", .finished = "failure" };
		ddi_say(&e.said, "%s", why);
		json_object_array_put_idx(list, i, write_end(&e));
		news = true;
	}
	return !news || save_ends(c, list);
}

/* false: nobody knows now. */
static bool is_judged(const struct contact *c, const struct end *e)
{
	char why[ACTION_WHY_MAX + 1];

	return e->release[0] == '\0' || judge_now(c, e, why) == ACTION_GOOD;
}

/* To hawkBit, the release of the success that comes last is the one that runs. */
static void correct_installed(struct contact *c, const struct end *e)
{
	const struct facts_slot *s = facts_booted(&c->facts);

	if (e->release[0] == '\0' || s == NULL || strcmp(s->release, e->release) == 0)
		return;
	c->a.installed[0] = '\0';
	contact_save(c);
}

static bool close_end(struct contact *c, struct end *e)
{
	if (!is_judged(c, e) || !tell_close(c, e->id, &e->said, &e->tries))
		return false;
	correct_installed(c, e);
	return true;
}

/* Nobody knows whether it is that action. */
static bool is_never_clear(struct end *e)
{
	if (++e->unclear < ACTION_TRIES_MAX)
		return false;
	log_warn(
		"action %s: eight contacts did not understand what the server has of it; its end is not sent any more",
		e->id);
	return true;
}

/* true: it is done with. */
static bool send_end(struct contact *c, struct end *e)
{
	static struct offer o;

	switch (deployment_get(c, e->id, &o)) {
	case CLIENT_OK:
		if (o.unclear && e->size > 0)
			return is_never_clear(e);
		e->unclear = 0;
		/* The server has lost its memory, and this is the id of another action by now. */
		if (o.size != e->size || strcmp(o.digest, e->digest) != 0)
			return true;
		return close_end(c, e);
	case CLIENT_OVER:
		return true;
	case CLIENT_MISSING:
		return ++e->tries >= ACTION_TRIES_MAX;
	case CLIENT_SAME:
	case CLIENT_LATER:
	case CLIENT_FORBIDDEN:
	case CLIENT_FULL:
	case CLIENT_REFUSED:
		break;
	}
	return false;
}

/* It may be the end of this action alone. */
static bool got_nothing(const struct client *c)
{
	return answer_rules_of(c->status)->about == ABOUT_EITHER;
}

/* What is left of it takes its place, NULL for nothing. true: the next one may be sent; behind an
 * answer that the others would get, too, they wait as they are. */
static bool try_end(struct contact *c, json_object *list, size_t at)
{
	static struct end e;
	json_object *left = NULL;
	bool open = true;

	if (read_end(&e, json_object_array_get_idx(list, at)) && !send_end(c, &e)) {
		open = !client_is_shut(&c->client);
		if (!got_nothing(&c->client))
			e.silent = 0;
		else if (e.silent < ACTION_TRIES_MAX)
			e.silent++;
		left = write_end(&e);
	}
	json_object_array_put_idx(list, at, left);
	return open;
}

static bool is_put_off(json_object *list, size_t at)
{
	static struct end e;

	return read_end(&e, json_object_array_get_idx(list, at)) && e.silent >= ACTION_TRIES_MAX;
}

/* Those that never get a whole answer come behind all others. Of these, another one is the first
 * each time: it may be the only one that would get one now. */
static void send_each(struct contact *c, json_object *list)
{
	size_t n = json_object_array_length(list), first = n > 0 ? os_now_ms() % n : 0;
	bool open = true;

	for (size_t i = 0; i < n && open; i++)
		if (!is_put_off(list, i))
			open = try_end(c, list, i);
	for (size_t i = 0; i < n && open; i++)
		if (is_put_off(list, (first + i) % n))
			open = try_end(c, list, (first + i) % n);
	for (size_t i = n; i > 0; i--)
		if (json_object_array_get_idx(list, i - 1) == NULL)
			json_object_array_del_idx(list, i - 1, 1);
}

void ends_send(struct contact *c)
{
	json_object *before, *list, *kept;

	if (c->dry_run)
		return;
	list = ends_list(c);
	kept = ends_list(c);
	/* The others go all the same: is_judged() holds back what has fallen back. */
	if (!judge_each(c, list)) {
		c->failed = true;
		json_object_put(list);
		list = json_object_get(kept);
	}
	before = ends_list(c);
	send_each(c, list);
	/* Cut before this, they are sent again. */
	if (!json_object_equal(before, list))
		c->failed = !save_ends(c, list) || c->failed;
	json_object_put(before);
	json_object_put(kept);
	json_object_put(list);
}
