/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/action.h"

#include "channel/strict.h"
#include "fleet/keep.h"

#include <string.h>

#define SCHEMA 1
#define KEPT   "device_" /* keys of newer programs that an action does not take with it */

static const char *const names[ACTION_PHASES] = {
	[ACTION_NONE] = "none",	    [ACTION_SEEN] = "seen",   [ACTION_FETCHED] = "fetched",
	[ACTION_STAGED] = "staged", [ACTION_TRIAL] = "trial", [ACTION_GOOD] = "good",
	[ACTION_FAILED] = "failed",
};

const char *action_phase_name(enum action_phase phase)
{
	return names[phase];
}

bool action_owes(const struct action *a)
{
	return a->phase != ACTION_NONE &&
	       (a->phase != a->reported || (a->phase < ACTION_GOOD && a->news != ACTION_NO_NEWS));
}

void action_note(struct action *a, enum action_news news)
{
	if ((a->old_news & news) == 0)
		a->news = news;
}

void action_told(struct action *a)
{
	a->reported = a->phase;
	a->old_news |= a->news;
	a->news = ACTION_NO_NEWS;
}

bool action_is_closed(const struct action *a)
{
	return a->phase >= ACTION_GOOD && !action_owes(a);
}

bool action_has_staged(const struct action *a)
{
	return strcmp(a->own.id, a->id) == 0 && strcmp(a->own.release, a->release) == 0;
}

void action_own(struct action *a, const char *staged, uint64_t half)
{
	if (strcmp(a->own.release, staged) == 0 && strcmp(a->release, staged) != 0)
		a->before = a->own;
	memcpy(a->own.release, a->release, sizeof(a->own.release));
	memcpy(a->own.id, a->id, sizeof(a->own.id));
	memcpy(a->own.version, a->version, sizeof(a->own.version));
	a->own.sequence = a->sequence;
	a->own.half = half;
	a->own.withdrawn[0] = '\0';
}

bool action_settle(struct action *a, bool own_here, bool before_here)
{
	if (a->before.release[0] == '\0')
		return false;
	if (!own_here && before_here)
		a->own = a->before;
	memset(&a->before, 0, sizeof(a->before));
	return true;
}

uint64_t action_size(const struct action *a)
{
	return a->kept > 0 ? 0 : a->size;
}

const char *action_digest(const struct action *a)
{
	return a->kept > 0 ? "" : a->digest;
}

bool action_is_for(const struct action *a, const struct offer *o)
{
	return strcmp(a->id, o->id) == 0 && action_size(a) == o->size &&
	       strcmp(action_digest(a), o->digest) == 0;
}

/* A server that lost its memory gives its id to another action. */
static bool is_unasked_over(const struct action *a, const char *id)
{
	return action_is_closed(a) && strcmp(a->unasked, a->id) == 0 && strcmp(a->unasked, id) != 0;
}

void action_begin(struct action *a, const char *id)
{
	struct action next = { .server = a->server };

	memcpy(next.name, a->name, sizeof(next.name));
	memcpy(next.digest, a->digest, sizeof(next.digest));
	memcpy(next.etag, a->etag, sizeof(next.etag));
	next.own = a->own;
	next.before = a->before;
	memcpy(next.denied, a->denied, sizeof(next.denied));
	if (!is_unasked_over(a, id))
		memcpy(next.unasked, a->unasked, sizeof(next.unasked));
	memcpy(next.unread, a->unread, sizeof(next.unread));
	next.unread_times = a->unread_times;
	memcpy(next.too_late, a->too_late, sizeof(next.too_late));
	memcpy(next.installed, a->installed, sizeof(next.installed));
	next.size = a->size;
	next.durable = a->durable;
	next.day = a->day;
	next.day_bytes = a->day_bytes;
	next.day_uptime = a->day_uptime;
	next.day_ran = a->day_ran;
	next.parts = a->parts;
	memcpy(next.untold, a->untold, sizeof(next.untold));
	next.untold_status = a->untold_status;
	next.interval = a->interval;
	next.attributes = a->attributes;
	next.attributes_due = a->attributes_due;
	memcpy(next.device_known, a->device_known, sizeof(next.device_known));
	next.device_boots = a->device_boots;
	memcpy(next.device_boot, a->device_boot, sizeof(next.device_boot));
	next.reached = a->reached;
	next.pin = a->pin;
	memcpy(next.rest, a->rest, sizeof(next.rest));
	rest_keep(next.rest, KEPT);
	strncpy(next.id, id, sizeof(next.id) - 1);
	next.phase = id[0] != '\0' ? ACTION_SEEN : ACTION_NONE;
	*a = next;
}

bool action_bind(struct action *a, uint64_t server)
{
	bool other = a->server != 0 && a->server != server;

	a->server = server;
	if (!other)
		return false;
	action_begin(a, "");
	a->own.id[0] = a->before.id[0] = '\0';
	a->denied[0] = a->unasked[0] = a->unread[0] = a->too_late[0] = '\0';
	a->attributes = a->attributes_due = 0;
	a->installed[0] = '\0';
	return true;
}

/* ---------------------------------------------------------------- the file */

/* Texts and numbers of the file, by one table for both ways. */
static const struct field {
	const char *key;
	size_t offset;
	/* of a text, with its end; 0: a number */
	size_t size;
} fields[] = {
#define TEXT(key, member)                                                                  \
	{                                                                                  \
		key, offsetof(struct action, member), sizeof(((struct action *)0)->member) \
	}
#define NUMBER(key, member)                             \
	{                                               \
		key, offsetof(struct action, member), 0 \
	}
	NUMBER("server", server),
	TEXT("id", id),
	TEXT("name", name),
	NUMBER("size", size),
	TEXT("digest", digest),
	TEXT("etag", etag),
	NUMBER("durable", durable),
	NUMBER("parts", parts),
	NUMBER("tries", tries),
	NUMBER("tries_max", tries_max),
	NUMBER("room", room),
	NUMBER("anew", anew),
	NUMBER("damaged", damaged),
	NUMBER("unclear", unclear),
	NUMBER("others", others),
	NUMBER("missed", missed),
	NUMBER("again", again),
	NUMBER("repeats", repeats),
	NUMBER("kept", kept),
	NUMBER("only_download", only_download),
	TEXT("denied", denied),
	TEXT("unasked", unasked),
	TEXT("unread", unread),
	NUMBER("unread_times", unread_times),
	TEXT("too_late", too_late),
	NUMBER("forced", forced),
	NUMBER("window_closed", window_closed),
	TEXT("edition", edition),
	TEXT("release", release),
	TEXT("version", version),
	NUMBER("sequence", sequence),
	TEXT("own", own.release),
	TEXT("own_id", own.id),
	NUMBER("own_half", own.half),
	TEXT("own_version", own.version),
	NUMBER("own_sequence", own.sequence),
	TEXT("own_withdrawn", own.withdrawn),
	TEXT("before", before.release),
	TEXT("before_id", before.id),
	NUMBER("before_half", before.half),
	TEXT("before_version", before.version),
	NUMBER("before_sequence", before.sequence),
	TEXT("before_withdrawn", before.withdrawn),
	TEXT("why", why),
	NUMBER("news", news),
	NUMBER("old_news", old_news),
	TEXT("boot", boot),
	NUMBER("boots", boots),
	NUMBER("day", day),
	NUMBER("day_bytes", day_bytes),
	NUMBER("day_uptime", day_uptime),
	NUMBER("day_ran", day_ran),
	TEXT("untold", untold),
	NUMBER("untold_status", untold_status),
	NUMBER("ended", ended),
	NUMBER("interval", interval),
	NUMBER("attributes", attributes),
	NUMBER("attributes_due", attributes_due),
	TEXT("installed", installed),
	TEXT("device_known", device_known),
	NUMBER("device_boots", device_boots),
	TEXT("device_boot", device_boot),
	NUMBER("device_reached", reached),
	NUMBER("device_pin", pin),
};

static bool read_phase(json_object *o, const char *key, enum action_phase *phase)
{
	char text[16];

	if (strict_text(o, key, text, sizeof(text)) != KB_OK)
		return false;
	for (int i = ACTION_NONE; i < ACTION_PHASES; i++) {
		if (strcmp(text, names[i]) != 0)
			continue;
		*phase = (enum action_phase)i;
		return true;
	}
	return false;
}

/* One that is missing is as in a new record: the release before, or the next one, wrote it. */
static bool read_field(struct action *a, json_object *o, const struct field *f)
{
	void *member = (char *)a + f->offset;
	enum kb_err err = f->size > 0 ? strict_text(o, f->key, member, f->size)
				      : strict_number(o, f->key, member, INT64_MAX);

	return err == KB_OK || err == KB_ENOENT;
}

static bool is_named(const struct action *a)
{
	return a->phase == ACTION_NONE ? a->id[0] == '\0' : url_is_id(a->id);
}

static bool read_all(struct action *a, json_object *o)
{
	uint64_t schema;

	/* It has no member yet, and each is written all the same. */
	rest_take(a->rest, o, action_json(a));
	if (strict_number(o, "schema", &schema, SCHEMA) != KB_OK || schema != SCHEMA)
		return false;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!read_field(a, o, &fields[i]))
			return false;
	/* An older program has understood it since. */
	if (a->release[0] != '\0')
		a->kept = 0;
	return read_phase(o, "phase", &a->phase) && read_phase(o, "reported", &a->reported) &&
	       is_named(a);
}

bool action_read(struct action *a, const char *text, size_t len)
{
	const char *why;
	json_object *o = len <= ACTION_TEXT_MAX ? strict_parse(text, len, &why) : NULL;
	bool ok;

	memset(a, 0, sizeof(*a));
	if (o == NULL)
		return false;
	ok = read_all(a, o);
	json_object_put(o);
	if (!ok)
		memset(a, 0, sizeof(*a));
	return ok;
}

json_object *action_json(const struct action *a)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "schema", json_object_new_int(SCHEMA));
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const void *member = (const char *)a + fields[i].offset;

		json_object_object_add(o, fields[i].key,
				       fields[i].size > 0 ? keep_text(member)
							  : keep_number(*(const uint64_t *)member));
	}
	json_object_object_add(o, "phase", json_object_new_string(names[a->phase]));
	json_object_object_add(o, "reported", json_object_new_string(names[a->reported]));
	rest_add(o, a->rest);
	return o;
}

char *action_write(const struct action *a)
{
	return is_named(a) ? keep_write(action_json(a), ACTION_TEXT_MAX) : NULL;
}
