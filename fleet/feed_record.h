/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a channel, so that an older file of it is not believed: JSON in a file of its
 * own. What cannot be read counts as none. */
#pragma once

#include "channel/channel.h"
#include "fleet/action.h"
#include "fleet/http.h"

#define FEED_RECORD_TEXT_MAX 8192u
#define FEED_ID_LEN	     16
#define FEED_FAILED_MAX	     CHANNEL_RELEASES_MAX
#define FEED_OTHERS_MAX	     6 /* then the one that was left first is forgotten */

/* The last file of a channel that was believed. */
struct feed_seen {
	char name[CHANNEL_NAME_MAX + 1];
	uint64_t sequence, created;
};

struct feed_record {
	/* of the last file that was believed; "": none was */
	char name[CHANNEL_NAME_MAX + 1];
	uint64_t sequence;
	/* when that file was created; 0: not known, an older program wrote this */
	uint64_t file_created;
	/* of channels that were followed before, the one that was left first in front; "" ends them
	 */
	struct feed_seen others[FEED_OTHERS_MAX];
	/* the latest time, in seconds since 1970, that a file was created at: it is not earlier */
	uint64_t created;
	/* when that file expires */
	uint64_t expires;
	/* of that file, on its server; "": unknown */
	char etag[HTTP_ETAG_MAX + 1];
	/* the sequence by which releases failed: a later one tries them again; 0: none did. The
	 * first FEED_ID_LEN digits of each, and a blank. */
	uint64_t failed;
	char failed_releases[FEED_FAILED_MAX * (FEED_ID_LEN + 1) + 1];
	/* why nothing is taken; "": something is */
	char why[ACTION_WHY_MAX + 1];
	/* keys of a newer program */
	char rest[REST_MAX + 1];
};

/* The last file of a channel of this name; zero: none was here. PURE. */
struct feed_seen feed_record_seen(const struct feed_record *r, const char *name);
/* Notes a file that is believed. That of the channel which was followed before is kept. PURE. */
void feed_record_note(struct feed_record *r, const struct channel *channel);

/* What was created later than this counts as not known; sequences stay. Returns whether that was
 * any. PURE. */
bool feed_record_forget(struct feed_record *r, uint64_t latest);

/* false: it is none; *r is zero then. */
bool feed_record_read(struct feed_record *r, const char *text, size_t len);
/* To be released; NULL: no memory. */
json_object *feed_record_json(const struct feed_record *r);
