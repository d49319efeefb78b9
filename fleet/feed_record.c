/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/feed_record.h"

#include "fleet/keep.h"

#include <string.h>

#define SCHEMA 1

/* One that is missing is as in a new record: the release before, or the next one, wrote it. */
static bool is_read(enum kb_err err)
{
	return err == KB_OK || err == KB_ENOENT;
}

/* ---------------------------------------------------------------- channels that were left */

struct feed_seen feed_record_seen(const struct feed_record *r, const char *name)
{
	struct feed_seen s = { .sequence = r->sequence, .created = r->file_created };

	if (strcmp(r->name, name) == 0)
		return s;
	for (size_t i = 0; i < FEED_OTHERS_MAX; i++)
		if (strcmp(r->others[i].name, name) == 0)
			return r->others[i];
	return (struct feed_seen){ .sequence = 0 };
}

/* Those behind it move up. */
static void drop_other(struct feed_record *r, size_t i)
{
	memmove(&r->others[i], &r->others[i + 1], (FEED_OTHERS_MAX - 1 - i) * sizeof(r->others[0]));
	memset(&r->others[FEED_OTHERS_MAX - 1], 0, sizeof(r->others[0]));
}

static void keep_left(struct feed_record *r)
{
	size_t i = 0;

	while (i < FEED_OTHERS_MAX && r->others[i].name[0] != '\0')
		i++;
	if (i == FEED_OTHERS_MAX) {
		drop_other(r, 0);
		i--;
	}
	memcpy(r->others[i].name, r->name, sizeof(r->name));
	r->others[i].sequence = r->sequence;
	r->others[i].created = r->file_created;
}

void feed_record_note(struct feed_record *r, const struct channel *channel)
{
	if (strcmp(r->name, channel->name) != 0) {
		for (size_t i = 0; i < FEED_OTHERS_MAX; i++)
			if (strcmp(r->others[i].name, channel->name) == 0)
				drop_other(r, i);
		if (r->name[0] != '\0')
			keep_left(r);
		/* What failed counts by sequences, and those of another channel are others. */
		r->failed = r->failed_releases[0] = 0;
	}
	memcpy(r->name, channel->name, sizeof(r->name));
	r->sequence = channel->sequence;
	r->expires = channel->expires;
	r->file_created = channel->created;
	if (channel->created > r->created)
		r->created = channel->created;
}

/* What is left of them in r->created. */
static void keep_latest(struct feed_record *r, uint64_t *created, uint64_t latest)
{
	if (*created > latest)
		*created = 0;
	if (*created > r->created)
		r->created = *created;
}

bool feed_record_forget(struct feed_record *r, uint64_t latest)
{
	/* It is the latest of all. */
	if (r->created <= latest)
		return false;
	r->created = 0;
	keep_latest(r, &r->file_created, latest);
	for (size_t i = 0; i < FEED_OTHERS_MAX; i++)
		keep_latest(r, &r->others[i].created, latest);
	return true;
}

/* ---------------------------------------------------------------- the file */

static bool read_other(struct feed_seen *s, json_object *o)
{
	return json_object_is_type(o, json_type_object) &&
	       strict_text(o, "name", s->name, sizeof(s->name)) == KB_OK &&
	       strict_number(o, "sequence", &s->sequence, INT64_MAX - 1) == KB_OK &&
	       strict_number(o, "created", &s->created, INT64_MAX - 1) == KB_OK &&
	       channel_is_name(s->name);
}

static bool read_others(struct feed_record *r, json_object *o)
{
	json_object *list;
	enum kb_err err = strict_list(o, "others", &list);

	if (err != KB_OK)
		return err == KB_ENOENT;
	if (json_object_array_length(list) > FEED_OTHERS_MAX)
		return false;
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (!read_other(&r->others[i], json_object_array_get_idx(list, i)))
			return false;
	return true;
}

static bool read_members(struct feed_record *r, json_object *o)
{
	uint64_t schema;

	/* It has no member yet, and each is written all the same. */
	rest_take(r->rest, o, feed_record_json(r));
	return strict_number(o, "schema", &schema, SCHEMA) == KB_OK && schema == SCHEMA &&
	       strict_text(o, "name", r->name, sizeof(r->name)) == KB_OK &&
	       strict_number(o, "sequence", &r->sequence, INT64_MAX - 1) == KB_OK &&
	       strict_number(o, "created", &r->created, INT64_MAX - 1) == KB_OK &&
	       strict_number(o, "expires", &r->expires, INT64_MAX - 1) == KB_OK &&
	       is_read(strict_number(o, "file_created", &r->file_created, INT64_MAX - 1)) &&
	       read_others(r, o) && is_read(strict_text(o, "etag", r->etag, sizeof(r->etag))) &&
	       is_read(strict_number(o, "failed", &r->failed, INT64_MAX - 1)) &&
	       is_read(strict_text(o, "failed_releases", r->failed_releases,
				   sizeof(r->failed_releases))) &&
	       is_read(strict_text(o, "why", r->why, sizeof(r->why))) && channel_is_name(r->name);
}

bool feed_record_read(struct feed_record *r, const char *text, size_t len)
{
	const char *why;
	json_object *o = len <= FEED_RECORD_TEXT_MAX ? strict_parse(text, len, &why) : NULL;
	bool ok;

	memset(r, 0, sizeof(*r));
	ok = o != NULL && read_members(r, o);
	json_object_put(o);
	if (!ok)
		memset(r, 0, sizeof(*r));
	return ok;
}

static void put(json_object *o, const char *key, json_object *value)
{
	json_object_object_add(o, key, value);
}

static json_object *write_others(const struct feed_record *r)
{
	json_object *list = json_object_new_array();

	for (size_t i = 0; i < FEED_OTHERS_MAX && r->others[i].name[0] != '\0'; i++) {
		json_object *o = json_object_new_object();

		put(o, "name", keep_text(r->others[i].name));
		put(o, "sequence", keep_number(r->others[i].sequence));
		put(o, "created", keep_number(r->others[i].created));
		json_object_array_add(list, o);
	}
	return list;
}

json_object *feed_record_json(const struct feed_record *r)
{
	json_object *o = json_object_new_object();

	put(o, "schema", json_object_new_int(SCHEMA));
	put(o, "name", keep_text(r->name));
	put(o, "sequence", keep_number(r->sequence));
	put(o, "created", keep_number(r->created));
	put(o, "expires", keep_number(r->expires));
	put(o, "file_created", keep_number(r->file_created));
	put(o, "others", write_others(r));
	put(o, "etag", keep_text(r->etag));
	put(o, "failed", keep_number(r->failed));
	put(o, "failed_releases", keep_text(r->failed_releases));
	put(o, "why", keep_text(r->why));
	rest_add(o, r->rest);
	return o;
}
