/* SPDX-License-Identifier: Apache-2.0 */
#include "channel/channel.h"

#include "channel/utc.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- words */

static bool has_only(const char *text, const char *more)
{
	for (; *text != '\0'; text++) {
		bool letter = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');

		if (!letter && (*text < '0' || *text > '9') && strchr(more, *text) == NULL)
			return false;
	}
	return true;
}

bool channel_is_name(const char *text)
{
	return text[0] != '\0' && text[0] != '.' && strlen(text) <= CHANNEL_NAME_MAX &&
	       has_only(text, "._-");
}

bool channel_is_named(const char *name, const char *path)
{
	size_t len = strlen(path), from = len, end = len;

	while (from > 0 && path[from - 1] != '/')
		from--;
	for (size_t i = from; i < len; i++)
		if (path[i] == '.')
			end = i;
	return strlen(name) == end - from && strncmp(path + from, name, end - from) == 0;
}

static bool is_hex(const char *text)
{
	return strlen(text) == CHANNEL_HEX_LEN &&
	       strspn(text, "0123456789abcdef") == CHANNEL_HEX_LEN;
}

/* A blank would be part of another address. */
static bool is_address(const char *text)
{
	return text[0] != '\0' && strchr(text, ' ') == NULL;
}

static bool set_attribute(struct channel_attribute *a, const char *name, size_t name_len,
			  const char *value, size_t value_len)
{
	if (name_len == 0 || name_len > CHANNEL_VALUE_MAX || value_len == 0 ||
	    value_len > CHANNEL_VALUE_MAX)
		return false;
	snprintf(a->name, sizeof(a->name), "%.*s", (int)name_len, name);
	snprintf(a->value, sizeof(a->value), "%.*s", (int)value_len, value);
	return has_only(a->name, "._-") && has_only(a->value, "._-+~:/@,");
}

bool channel_read_attribute(struct channel_attribute *a, const char *text, size_t len)
{
	const char *equals = memchr(text, '=', len);

	return equals != NULL && set_attribute(a, text, (size_t)(equals - text), equals + 1,
					       len - (size_t)(equals - text) - 1);
}

bool channel_read_daily(struct channel_release *r, const char *text)
{
	return strlen(text) == DAILY_LEN && strspn(text, "0123456789:-") == DAILY_LEN &&
	       daily_read(&r->daily, text) && r->daily.to < 24 * 60;
}

/* ---------------------------------------------------------------- values */

struct reading {
	json_object *o;
	/* 0: the document itself */
	unsigned release;
	char *why;
};

static enum kb_err fail_at(const struct reading *r, const char *key, const char *what)
{
	char text[CHANNEL_WHY];

	if (r->release > 0)
		snprintf(text, sizeof(text), "release %u: %.60s: %s", r->release, key, what);
	else
		snprintf(text, sizeof(text), "%.60s: %s", key, what);
	/* A key may be any text. */
	util_print_safe(r->why, CHANNEL_WHY, text);
	return KB_EFORMAT;
}

static enum kb_err need(const struct reading *r, const char *key, enum kb_err err)
{
	if (err == KB_OK)
		return KB_OK;
	return fail_at(r, key, err == KB_ENOENT ? "missing" : "of another type, or out of bounds");
}

/* A value that need not be there, which is zero then. */
static enum kb_err may(const struct reading *r, const char *key, enum kb_err err)
{
	return err == KB_ENOENT ? KB_OK : need(r, key, err);
}

#define READ_TEXT(r, key, array) strict_text((r)->o, key, array, sizeof(array))

static enum kb_err read_time(const struct reading *r, const char *key, bool needed,
			     uint64_t *seconds)
{
	char text[UTC_LEN + 1];
	enum kb_err err = READ_TEXT(r, key, text);

	*seconds = 0;
	if (err == KB_ENOENT && !needed)
		return KB_OK;
	TRY(need(r, key, err));
	return utc_read(seconds, text) ? KB_OK
				       : fail_at(r, key, "expected a time as 2026-11-26T05:00:00Z");
}

/* ---------------------------------------------------------------- a release */

static enum kb_err read_bundle(struct channel_release *c, const struct reading *r)
{
	TRY(need(r, "url", READ_TEXT(r, "url", c->url)));
	TRY(need(r, "size", strict_number(r->o, "size", &c->size, CHANNEL_SIZE_MAX)));
	TRY(need(r, "sha256", READ_TEXT(r, "sha256", c->digest)));
	TRY(need(r, "release", READ_TEXT(r, "release", c->release)));
	TRY(need(r, "version", READ_TEXT(r, "version", c->version)));
	TRY(need(r, "sequence", strict_number(r->o, "sequence", &c->sequence, INT64_MAX - 1)));
	if (!is_address(c->url))
		return fail_at(r, "url", "expected an address without blanks");
	if (!is_hex(c->digest) || !is_hex(c->release))
		return fail_at(r, "sha256, release", "expected 64 small hexadecimal digits");
	if (c->size == 0 || c->sequence == 0 || c->version[0] == '\0')
		return fail_at(r, "size, sequence, version", "may not be empty");
	return KB_OK;
}

static enum kb_err read_compatible(struct channel_release *c, const struct reading *r)
{
	json_object *list;

	TRY(need(r, "compatible", strict_list(r->o, "compatible", &list)));
	if (json_object_array_length(list) == 0 ||
	    json_object_array_length(list) > CHANNEL_COMPATIBLE_MAX)
		return fail_at(r, "compatible", "expected 1 to 8 names");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		json_object *one = json_object_array_get_idx(list, i);
		const char *name = json_object_is_type(one, json_type_string)
					   ? json_object_get_string(one)
					   : "";

		if (name[0] == '\0' || strlen(name) > CHANNEL_STR_MAX || !has_only(name, "._+-"))
			return fail_at(r, "compatible", "expected names of devices");
		snprintf(c->compatible[c->ncompatible++], CHANNEL_STR_MAX + 1, "%s", name);
	}
	return KB_OK;
}

static enum kb_err read_attributes(struct channel_release *c, const struct reading *r)
{
	json_object *all;

	TRY(may(r, "attributes", strict_object(r->o, "attributes", &all)));
	if (all == NULL)
		return KB_OK;
	json_object_object_foreach(all, name, value)
	{
		const char *text = json_object_is_type(value, json_type_string)
					   ? json_object_get_string(value)
					   : "";

		if (c->nattributes == CHANNEL_ATTRIBUTES_MAX ||
		    !set_attribute(&c->attribute[c->nattributes++], name, strlen(name), text,
				   strlen(text)))
			return fail_at(
				r, "attributes",
				"expected up to 8 names with texts of letters, digits, ._-+~:/@,");
	}
	return KB_OK;
}

static enum kb_err read_windows(struct channel_release *c, const struct reading *r)
{
	char text[12];
	enum kb_err err;

	TRY(read_time(r, "not-before", false, &c->not_before));
	TRY(read_time(r, "not-after", false, &c->not_after));
	if (c->not_after > 0 && c->not_after < c->not_before)
		return fail_at(r, "not-after", "is before not-before");
	err = READ_TEXT(r, "daily", text);
	if (err == KB_ENOENT)
		return KB_OK;
	TRY(need(r, "daily", err));
	return channel_read_daily(c, text)
		       ? KB_OK
		       : fail_at(r, "daily", "expected a window as 22:00-04:00");
}

static enum kb_err read_conditions(struct channel_release *c, const struct reading *r)
{
	uint64_t percent;
	enum kb_err err = strict_number(r->o, "percent", &percent, 100);

	TRY(may(r, "percent", err));
	c->percent = err == KB_ENOENT ? 100 : (unsigned)percent;
	TRY(read_attributes(c, r));
	TRY(read_windows(c, r));
	TRY(may(r, "from", strict_number(r->o, "from", &c->from, INT64_MAX - 1)));
	err = READ_TEXT(r, "withdrawn", c->withdrawn);
	if (err == KB_OK ? c->withdrawn[0] != '\0' : err == KB_ENOENT)
		return KB_OK;
	return fail_at(r, "withdrawn", "expected a reason of printable ASCII, 1 to 160 characters");
}

/* The first key that none of these is; NULL: there is none. */
static const char *find_unknown(json_object *o, const char *const *known)
{
	json_object_object_foreach(o, key, value)
	{
		const char *const *k = known;

		(void)value;
		while (*k != NULL && strcmp(*k, key) != 0)
			k++;
		if (*k == NULL && strncmp(key, "x-", 2) != 0)
			return key;
	}
	return NULL;
}

/* What says nothing must not pass for no condition. */
static enum kb_err refuse_null(const struct reading *r, const char *const *known)
{
	json_object *value;

	for (; *known != NULL; known++)
		if (json_object_object_get_ex(r->o, *known, &value) && value == NULL)
			return fail_at(r, *known, "null is no value");
	return KB_OK;
}

static enum kb_err read_one(struct channel_release *c, const struct reading *r)
{
	static const char *const known[] = { "url",	   "size",	 "sha256",     "release",
					     "version",	   "sequence",	 "compatible", "percent",
					     "attributes", "not-before", "not-after",  "daily",
					     "from",	   "withdrawn",	 NULL };
	const char *unknown;

	if (!json_object_is_type(r->o, json_type_object))
		return fail_at(r, "releases", "expected objects");
	unknown = find_unknown(r->o, known);
	/* A later version may have conditions that this one cannot judge. */
	if (unknown != NULL)
		snprintf(c->unknown, sizeof(c->unknown), "%s",
			 has_only(unknown, "._-") && unknown[0] != '\0' ? unknown : "?");
	TRY(refuse_null(r, known));
	TRY(read_bundle(c, r));
	TRY(read_compatible(c, r));
	return read_conditions(c, r);
}

/* ---------------------------------------------------------------- the whole */

static enum kb_err read_releases(struct channel *c, struct reading r)
{
	json_object *list;

	TRY(need(&r, "releases", strict_list(r.o, "releases", &list)));
	if (json_object_array_length(list) > CHANNEL_RELEASES_MAX)
		return fail_at(&r, "releases", "more than 64");
	while (c->nreleases < json_object_array_length(list)) {
		r.o = json_object_array_get_idx(list, c->nreleases);
		r.release = c->nreleases + 1;
		TRY(read_one(&c->release[c->nreleases], &r));
		c->nreleases++;
	}
	for (unsigned i = 0; i < c->nreleases; i++)
		for (unsigned k = 0; k < i; k++)
			if (strcmp(c->release[i].release, c->release[k].release) == 0)
				return fail_at(&r, "release", "the same one twice");
	return KB_OK;
}

static enum kb_err read_head(struct channel *c, const struct reading *r)
{
	static const char *const known[] = { "format",	"name",	    "sequence", "created",
					     "expires", "releases", NULL };
	uint64_t format;

	TRY(need(r, "format", strict_number(r->o, "format", &format, INT64_MAX - 1)));
	if (format > CHANNEL_FORMAT) {
		snprintf(r->why, CHANNEL_WHY, "made for a newer Keelboot; update Keelboot first");
		return KB_ENEWER;
	}
	if (format == 0)
		return fail_at(r, "format", "expected 1");
	if (find_unknown(r->o, known) != NULL)
		return fail_at(r, find_unknown(r->o, known), "unknown key");
	TRY(refuse_null(r, known));
	TRY(need(r, "name", READ_TEXT(r, "name", c->name)));
	TRY(need(r, "sequence", strict_number(r->o, "sequence", &c->sequence, INT64_MAX - 1)));
	if (!channel_is_name(c->name))
		return fail_at(r, "name", "expected letters, digits and . _ - only");
	if (c->sequence == 0)
		return fail_at(r, "sequence", "expected 1 or more");
	TRY(read_time(r, "created", true, &c->created));
	TRY(read_time(r, "expires", true, &c->expires));
	return c->expires > c->created ? KB_OK : fail_at(r, "expires", "is not behind created");
}

enum kb_err channel_read(struct channel *c, json_object *o, char why[CHANNEL_WHY])
{
	struct reading r = { .o = o, .why = why };
	enum kb_err err;

	memset(c, 0, sizeof(*c));
	why[0] = '\0';
	err = read_head(c, &r);
	if (err == KB_OK)
		err = read_releases(c, r);
	if (err != KB_OK)
		memset(c, 0, sizeof(*c));
	return err;
}
