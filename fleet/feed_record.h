/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a channel, so that an older file of it is not believed: JSON in a file of its
 * own. What cannot be read counts as none. */
#pragma once

#include "channel/channel.h"
#include "fleet/action.h"
#include "fleet/http.h"

#define FEED_RECORD_TEXT_MAX 4096u

struct feed_record {
	/* of the last file that was believed; "": none was */
	char name[CHANNEL_NAME_MAX + 1];
	uint64_t sequence;
	/* the latest time, in seconds since 1970, that a file was created at: it is not earlier */
	uint64_t created;
	/* when that file expires */
	uint64_t expires;
	/* of that file, on its server; "": unknown */
	char etag[HTTP_ETAG_MAX + 1];
	/* the sequence by which the action failed: a later one tries again; 0: it did not */
	uint64_t failed;
	/* why nothing is taken; "": something is */
	char why[ACTION_WHY_MAX + 1];
};

/* false: it is none; *r is zero then. */
bool feed_record_read(struct feed_record *r, const char *text, size_t len);
/* To be released; NULL: no memory. */
json_object *feed_record_json(const struct feed_record *r);
