/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/feed.h"

#include "channel/utc.h"
#include "fleet/clock.h"
#include "fleet/keep.h"
#include "lib/log.h"
#include "lib/os.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD	    "channel.json"
#define FEED_FILE   "channel"
#define AHEAD_MAX_S 86400u /* of a build host's clock */

/* ---------------------------------------------------------------- the record */

void feed_load(struct contact *c)
{
	static char text[FEED_RECORD_TEXT_MAX + 1];
	size_t len;
	enum kb_err err = c->files.dir >= 0
				  ? files_read(&c->files, RECORD, text, sizeof(text), &len)
				  : KB_ENOENT;

	memset(&c->feed, 0, sizeof(c->feed));
	if (err == KB_ENOENT)
		return;
	if (err != KB_OK || !feed_record_read(&c->feed, text, len))
		log_warn(
			"%s/%s: cannot be read; which channel file was the last one is not known any more",
			c->files.folder.path, RECORD);
}

bool feed_save(struct contact *c)
{
	char *text;

	if (c->dry_run || c->unsaved)
		return !c->unsaved;
	text = keep_write(feed_record_json(&c->feed), FEED_RECORD_TEXT_MAX);
	c->unsaved = text == NULL || files_rewrite(&c->files, RECORD, text, strlen(text)) != KB_OK;
	c->failed = c->failed || c->unsaved;
	free(text);
	return !c->unsaved;
}

/* By a clock that is known; 0: by none. */
static uint64_t latest_created(void)
{
	uint64_t clock = clock_time();

	return clock > 0 ? clock + AHEAD_MAX_S : 0;
}

void feed_forget(struct contact *c)
{
	uint64_t latest = latest_created();
	char time[UTC_LEN + 1];

	utc_write(time, c->feed.created);
	if (latest == 0 || !feed_record_forget(&c->feed, latest))
		return;
	log_warn(
		"a channel file of %s was here; it does not count any more, since that is in the future",
		time);
	feed_save(c);
}

uint64_t feed_now(const struct contact *c)
{
	uint64_t clock = os_time_s();

	return clock > c->feed.created ? clock : c->feed.created;
}

/* ---------------------------------------------------------------- the file */

/* Of its own channel, also where another one was followed meanwhile. */
static bool is_older(const struct feed_record *r, const struct channel *channel,
		     char why[FACTS_TEXT_MAX + 1])
{
	const struct feed_seen s = feed_record_seen(r, channel->name);

	if (channel->sequence < s.sequence)
		snprintf(why, FACTS_TEXT_MAX + 1,
			 "its sequence is %" PRIu64 ", and %" PRIu64 " was here before",
			 channel->sequence, s.sequence);
	else if (channel->sequence == s.sequence && channel->created < s.created)
		snprintf(why, FACTS_TEXT_MAX + 1,
			 "another file of its sequence, %" PRIu64
			 ", was here before, and was created later",
			 s.sequence);
	else
		return false;
	return true;
}

/* By a clock that is known. Once it is noted, a device without one holds to that time. */
static bool is_of_the_future(const struct channel *channel, char why[FACTS_TEXT_MAX + 1])
{
	uint64_t latest = latest_created();
	char time[UTC_LEN + 1];

	if (latest == 0 || channel->created <= latest)
		return false;
	utc_write(time, channel->created);
	snprintf(
		why, FACTS_TEXT_MAX + 1,
		"it was created in the future, at %s; is the build host's clock right, and this device's?",
		time);
	return true;
}

static bool judge_file(const struct contact *c, const struct channel *channel,
		       char why[FACTS_TEXT_MAX + 1])
{
	char time[UTC_LEN + 1];
	uint64_t now = feed_now(c);

	utc_write(time, channel->expires);
	/* The name is signed: another channel, signed by the same keys, is not this one. */
	if (!channel_is_named(channel->name, c->conf->fleet_channel))
		snprintf(why, FACTS_TEXT_MAX + 1, "it is a file of the channel %s", channel->name);
	else if (is_older(&c->feed, channel, why) || is_of_the_future(channel, why))
		return false;
	else if (channel->expires < now)
		snprintf(why, FACTS_TEXT_MAX + 1, "it expired at %s; is this device's clock right?",
			 time);
	else
		return true;
	return false;
}

static bool read_file(struct contact *c, struct channel *channel)
{
	char why[FACTS_TEXT_MAX + 1], wrong[CHANNEL_WHY], origin[160];
	json_object *o = facts_channel(&c->monitor, c->client.text, c->client.len, why);
	bool good = false;

	if (o != NULL && channel_read(channel, o, wrong) != KB_OK)
		snprintf(why, sizeof(why), "%s", wrong);
	else if (o != NULL)
		good = judge_file(c, channel, why);
	json_object_put(o);
	url_origin(origin, sizeof(origin), c->conf->fleet_channel);
	if (!good)
		contact_fail(c, "%s: not believed: %s", origin, why);
	return good;
}

/* ---------------------------------------------------------------- fetching */

/* Some servers know no ETag: what is here already is not written again in each contact. */
static bool is_kept(const struct contact *c)
{
	static char kept[STRICT_MAX + 1];
	size_t len;

	return files_read(&c->files, FEED_FILE, kept, sizeof(kept), &len) == KB_OK &&
	       len == c->client.len && memcmp(kept, c->client.text, len) == 0;
}

static bool note_file(struct contact *c, const struct channel *channel, const char *etag)
{
	struct feed_record *r = &c->feed, old = *r;

	feed_record_note(r, channel);
	memmove(r->etag, etag, strlen(etag) + 1);
	return memcmp(&old, r, sizeof(old)) == 0 || feed_save(c);
}

static bool write_channel(struct contact *c)
{
	const struct client *client = &c->client;
	enum kb_err err = files_write(&c->files, FEED_FILE, client->text, client->len);

	if (contact_make_room(c, err))
		err = files_write(&c->files, FEED_FILE, client->text, client->len);
	return err == KB_OK;
}

/* Durable before anything is done by it: the file, then what it was. */
static bool keep_file(struct contact *c, const struct channel *channel)
{
	if (!c->dry_run && !is_kept(c) && !write_channel(c)) {
		c->failed = true;
		return false;
	}
	return note_file(c, channel, c->client.etag);
}

/* What is here was believed before; it may have expired since. A cut may have come before it was
 * noted: then the server speaks of the one before, and this one is newer. */
static bool read_kept(struct contact *c, struct channel *channel)
{
	bool good = files_read(&c->files, FEED_FILE, c->client.text, STRICT_MAX, &c->client.len) ==
			    KB_OK &&
		    read_file(c, channel);

	if (good)
		return true;
	/* Asked for anew by the next contact. */
	c->feed.etag[0] = '\0';
	feed_save(c);
	return false;
}

bool feed_ask(struct contact *c, struct channel *channel, bool *believed)
{
	enum client_end end = client_get_file(&c->client, c->feed.etag);
	bool good = false;

	c->retry_after_s = c->client.retry_after_s;
	contact_asked(c, end);
	if (end == CLIENT_SAME)
		good = (*believed = read_kept(c, channel)) && note_file(c, channel, c->feed.etag);
	else if (end == CLIENT_OK)
		good = (*believed = read_file(c, channel)) && keep_file(c, channel);
	else
		*believed = false;
	if (*believed)
		contact_reached(c);
	c->failed = c->failed || !good;
	return good;
}
