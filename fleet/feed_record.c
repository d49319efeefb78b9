/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/feed_record.h"

#include <string.h>

#define SCHEMA 1

/* One that is missing is as in a new record: the release before, or the next one, wrote it. */
static bool is_read(enum kb_err err)
{
	return err == KB_OK || err == KB_ENOENT;
}

static bool read_members(struct feed_record *r, json_object *o)
{
	uint64_t schema;

	return strict_number(o, "schema", &schema, SCHEMA) == KB_OK && schema == SCHEMA &&
	       strict_text(o, "name", r->name, sizeof(r->name)) == KB_OK &&
	       strict_number(o, "sequence", &r->sequence, INT64_MAX - 1) == KB_OK &&
	       strict_number(o, "created", &r->created, INT64_MAX - 1) == KB_OK &&
	       strict_number(o, "expires", &r->expires, INT64_MAX - 1) == KB_OK &&
	       is_read(strict_text(o, "etag", r->etag, sizeof(r->etag))) &&
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

json_object *feed_record_json(const struct feed_record *r)
{
	json_object *o = json_object_new_object();

	put(o, "schema", json_object_new_int(SCHEMA));
	put(o, "name", json_object_new_string(r->name));
	put(o, "sequence", json_object_new_uint64(r->sequence));
	put(o, "created", json_object_new_uint64(r->created));
	put(o, "expires", json_object_new_uint64(r->expires));
	put(o, "etag", json_object_new_string(r->etag));
	put(o, "failed", json_object_new_uint64(r->failed));
	put(o, "failed_releases", json_object_new_string(r->failed_releases));
	put(o, "why", json_object_new_string(r->why));
	return o;
}
