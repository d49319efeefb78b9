/* SPDX-License-Identifier: Apache-2.0 */
/* Brings the bundle of an action here; goes on where an earlier run, or a boot, ended. */
#pragma once

#include "fleet/files.h"
#include "fleet/head.h"
#include "fleet/http.h"
#include "fleet/limits.h"

/* A contact fetches no longer, where nothing of it is lost: then the server is asked again, which
 * may have cancelled. */
#define FETCH_TURN_MS (15 * 60 * 1000u)

enum fetch_end {
	FETCH_WHOLE,   /* it is here, of the size that was announced */
	FETCH_LATER,   /* another contact may bring more */
	FETCH_GOES_ON, /* it came for FETCH_TURN_MS, and the next contact, at once, brings more */
	FETCH_PAUSED,  /* another day may: this device's limit is reached */
	FETCH_BEYOND,  /* this device never fetches so much; nothing of it was asked for */
	FETCH_REFUSED, /* a person must do something, and may */
	FETCH_NEVER,   /* the answer is one that no retry mends */
};

/* head: as its caller sets it, with the action, whose name, size, digest and etag say what is here;
 * it is saved as they change. FETCH_REFUSED, and head->code is not FACTS_OK: by what is here of it,
 * Keelboot refuses the bundle. What is added to what is here clears its tries; what begins anew
 * does not, unless it is whole. why: for a person, unless it is whole. *retry_after_s: what the
 * server asks for. */
enum fetch_end fetch_bundle(struct head *head, const struct http_config *c,
			    const struct limits *limits, const struct offer *d,
			    char why[ACTION_WHY_MAX + 1], uint64_t *retry_after_s);

/* Where it is fetched from; NULL: by http only, though the server is reached by https. */
const char *fetch_url(const struct http_config *c, const struct offer *d);

/* Makes a know the bundle of d; what is here of another one is removed. */
void fetch_expect(const struct files *f, struct action *a, const struct offer *d, bool new_action);
