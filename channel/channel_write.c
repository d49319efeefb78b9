/* SPDX-License-Identifier: Apache-2.0 */
#include "channel/channel.h"

#include "channel/utc.h"

#include <stdio.h>
#include <string.h>

static void put_word(json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static void put_number(json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_uint64(n));
}

static void put_time(json_object *o, const char *key, uint64_t seconds)
{
	char text[UTC_LEN + 1];

	utc_write(text, seconds);
	put_word(o, key, text);
}

static void put_attributes(json_object *o, const struct channel_release *r)
{
	json_object *all = json_object_new_object();

	for (unsigned i = 0; i < r->nattributes; i++)
		put_word(all, r->attribute[i].name, r->attribute[i].value);
	json_object_object_add(o, "attributes", all);
}

/* A condition that holds for all devices is not written. */
static void put_conditions(json_object *o, const struct channel_release *r)
{
	char daily[DAILY_LEN + 1];

	if (r->percent != 100)
		put_number(o, "percent", r->percent);
	if (r->nattributes > 0)
		put_attributes(o, r);
	if (r->not_before > 0)
		put_time(o, "not-before", r->not_before);
	if (r->not_after > 0)
		put_time(o, "not-after", r->not_after);
	daily_write(daily, &r->daily);
	if (r->daily.from != r->daily.to)
		put_word(o, "daily", daily);
	if (r->from > 0)
		put_number(o, "from", r->from);
	if (r->withdrawn[0] != '\0')
		put_word(o, "withdrawn", r->withdrawn);
}

static json_object *make_release(const struct channel_release *r)
{
	json_object *o = json_object_new_object(), *compatible = json_object_new_array();

	put_word(o, "url", r->url);
	put_number(o, "size", r->size);
	put_word(o, "sha256", r->digest);
	put_word(o, "release", r->release);
	put_word(o, "version", r->version);
	put_number(o, "sequence", r->sequence);
	for (unsigned i = 0; i < r->ncompatible; i++)
		json_object_array_add(compatible, json_object_new_string(r->compatible[i]));
	json_object_object_add(o, "compatible", compatible);
	put_conditions(o, r);
	return o;
}

json_object *channel_write(const struct channel *c)
{
	json_object *o = json_object_new_object(), *list = json_object_new_array();

	put_number(o, "format", CHANNEL_FORMAT);
	put_word(o, "name", c->name);
	put_number(o, "sequence", c->sequence);
	put_time(o, "created", c->created);
	put_time(o, "expires", c->expires);
	for (unsigned i = 0; i < c->nreleases; i++)
		json_object_array_add(list, make_release(&c->release[i]));
	json_object_object_add(o, "releases", list);
	return o;
}
