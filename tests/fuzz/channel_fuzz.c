/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document of a channel, what keelboot-fleet keeps of it, and the words in both. The first byte
 * chooses the reader; "a" has the text read by all of them.
 */
#include "channel/channel.h"
#include "channel/utc.h"
#include "fleet/feed_record.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_release(const struct channel_release *r)
{
	FUZZ_CHECK(r->percent <= 100 && r->size > 0 && r->size <= CHANNEL_SIZE_MAX);
	FUZZ_CHECK(r->sequence > 0 && r->ncompatible > 0 &&
		   r->ncompatible <= CHANNEL_COMPATIBLE_MAX);
	FUZZ_CHECK(r->nattributes <= CHANNEL_ATTRIBUTES_MAX);
	FUZZ_CHECK(r->daily.from < 1440 && r->daily.to < 1440);
	FUZZ_CHECK(strlen(r->release) == CHANNEL_HEX_LEN && strlen(r->digest) == CHANNEL_HEX_LEN);
	FUZZ_CHECK(fuzz_printable(r->url, sizeof(r->url)) &&
		   fuzz_printable(r->version, sizeof(r->version)) &&
		   fuzz_printable(r->withdrawn, sizeof(r->withdrawn)) &&
		   fuzz_printable(r->unknown, sizeof(r->unknown)));
	for (unsigned i = 0; i < r->ncompatible; i++)
		FUZZ_CHECK(fuzz_printable(r->compatible[i], sizeof(r->compatible[i])));
}

/* What is read is written and read again as the same, but for keys that are not known. */
static void check_again(struct channel *c)
{
	static struct channel again;
	char why[CHANNEL_WHY];
	json_object *o = channel_write(c);

	for (unsigned i = 0; i < c->nreleases; i++)
		memset(c->release[i].unknown, 0, sizeof(c->release[i].unknown));
	FUZZ_CHECK(o != NULL && channel_read(&again, o, why) == KB_OK);
	FUZZ_CHECK(memcmp(&again, c, sizeof(again)) == 0);
	json_object_put(o);
}

static void try_document(const char *text, size_t len)
{
	static struct channel c, none;
	char why[CHANNEL_WHY] = "";
	const char *wrong;
	json_object *o = strict_parse(text, len, &wrong);
	enum kb_err err;

	if (o == NULL)
		return;
	err = channel_read(&c, o, why);
	json_object_put(o);
	FUZZ_CHECK((err == KB_OK) == (why[0] == '\0') && fuzz_printable(why, sizeof(why)));
	if (err != KB_OK) {
		FUZZ_CHECK(err == KB_EFORMAT || err == KB_ENEWER);
		FUZZ_CHECK(memcmp(&c, &none, sizeof(c)) == 0);
		return;
	}
	FUZZ_CHECK(channel_is_name(c.name) && c.sequence > 0 && c.expires > c.created);
	FUZZ_CHECK(c.nreleases <= CHANNEL_RELEASES_MAX);
	for (unsigned i = 0; i < c.nreleases; i++)
		check_release(&c.release[i]);
	check_again(&c);
}

static void check_same(const struct feed_record *r)
{
	static struct feed_record again;
	json_object *o = feed_record_json(r);
	const char *written = json_object_to_json_string(o);

	FUZZ_CHECK(feed_record_read(&again, written, strlen(written)));
	FUZZ_CHECK(memcmp(r, &again, sizeof(again)) == 0);
	json_object_put(o);
}

/* More channels than are kept, and back to one of them. */
static void check_notes(struct feed_record *r)
{
	static struct channel c;

	for (unsigned i = 0; i <= FEED_OTHERS_MAX + 2; i++) {
		snprintf(c.name, sizeof(c.name), "c%u", i <= FEED_OTHERS_MAX ? i : 3);
		c.sequence = i + 1;
		feed_record_note(r, &c);
		FUZZ_CHECK(feed_record_seen(r, c.name).sequence == c.sequence);
		check_same(r);
	}
	FUZZ_CHECK(feed_record_seen(r, "c2").sequence == 3);
	FUZZ_CHECK(feed_record_seen(r, "none").sequence == 0);
}

/* Nothing later than this is left, and sequences stay. */
static void check_forgets(struct feed_record *r)
{
	uint64_t sequence = r->sequence, latest = r->created / 2;

	if (r->created > 0)
		r->others[0].created = latest;
	(void)feed_record_forget(r, latest);
	FUZZ_CHECK(r->created <= latest && r->sequence == sequence);
	FUZZ_CHECK(!feed_record_forget(r, latest));
	check_same(r);
}

static void try_record(const char *text, size_t len)
{
	static struct feed_record r, none;

	if (!feed_record_read(&r, text, len)) {
		FUZZ_CHECK(memcmp(&r, &none, sizeof(r)) == 0);
		return;
	}
	check_same(&r);
	check_notes(&r);
	check_forgets(&r);
}

static void try_words(const char *text)
{
	struct channel_attribute a = { .name = "" };
	struct channel_release r = { .percent = 0 };
	char again[UTC_LEN + 1];
	uint64_t t;

	if (utc_read(&t, text)) {
		utc_write(again, t);
		FUZZ_CHECK(strcmp(again, text) == 0);
	}
	utc_write(again, text[0] == '\0' ? UINT64_MAX : (uint64_t)(unsigned char)text[0] << 30);
	FUZZ_CHECK(utc_read(&t, again));
	if (channel_read_daily(&r, text))
		FUZZ_CHECK(r.daily.from != r.daily.to);
	if (channel_read_attribute(&a, text, strlen(text)))
		FUZZ_CHECK(a.name[0] != '\0' && a.value[0] != '\0' &&
			   fuzz_printable(a.value, sizeof(a.value)));
	if (channel_is_name(text))
		FUZZ_CHECK(channel_is_named(text, text) == (strchr(text, '.') == NULL));
}

void fuzz_one(const uint8_t *data, size_t size)
{
	char *text;
	char which;

	if (size == 0)
		return;
	which = (char)data[0];
	text = fuzz_string(data + 1, size - 1);
	if (which == 'd' || which == 'a')
		try_document((const char *)data + 1, size - 1);
	if (which == 'r' || which == 'a')
		try_record((const char *)data + 1, size - 1);
	if (which == 'w' || which == 'a')
		try_words(text);
	free(text);
}
