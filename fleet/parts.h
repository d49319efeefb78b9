/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings of a bundle only what no slot has, by requests for ranges: the header and all that is
 * signed first. Which ranges are wanted, the process with rights says, once it has verified that.
 * They are kept as a partial bundle, which grows at its end; so it goes on where an earlier run, or
 * a boot, ended.
 */
#pragma once

#include "fleet/facts.h"
#include "fleet/files.h"
#include "fleet/http.h"
#include "fleet/flush.h"
#include "update/wire/partial_form.h"

#define PARTS_FIRST 65536u /* bytes, in which most indexes fit; a day takes no fewer */

enum parts_end {
	PARTS_HERE,    /* all that is wanted is here */
	PARTS_ALL,     /* all of it is wanted: what is here is the beginning of the whole bundle */
	PARTS_LATER,   /* another contact may bring more */
	PARTS_GOES_ON, /* it came for long enough, and the next contact, at once, brings more */
	PARTS_PAUSED,  /* another day may: this device's limit is reached */
	PARTS_BEYOND,  /* this device never fetches so much; of the ranges, nothing was asked for */
	PARTS_REFUSED, /* a person must do something, and may */
	PARTS_NEVER,   /* the answer is one that no retry mends */
	PARTS_NONE,    /* this bundle, or this server, can be had as a whole only */
	PARTS_JUDGED,  /* Keelboot refuses it, by its index alone: the exit code says how */
};

struct parts {
	/* set by the caller: those of the contact, and where the bundle is */
	const struct files *files;
	struct http_config *http;
	struct monitor *monitor;
	struct limits limits;
	/* the action, whose size, etag and durable say what is here; saved as they change */
	struct action *a;
	const char *url;
	/* the release that it must hold; "": whichever it holds */
	const char *release;
	/* it comes as parts, also if all of it is wanted */
	bool only_parts;
	/* results; why: for a person, unless it is here */
	char why[ACTION_WHY_MAX + 1];
	uint64_t retry_after_s;
	/* a facts_exit */
	int code;
	/* inside */
	struct partial_form form;
	bool all;
	/* bytes of the file that are here */
	uint64_t have;
	struct meter meter;
	struct flush flush;
	/* when this contact has fetched for long enough; it has been ended for that */
	uint64_t end_ms;
	bool ended;
	int fd;
};

/* Some of it is here, and more can be added. */
bool parts_are_begun(const struct action *a);

/* Goes on, or begins. */
enum parts_end parts_fetch(struct parts *p);

/* The day has no more bytes: PARTS_PAUSED, and p->why says so. */
enum parts_end parts_pause(struct parts *p);

/* What an answer means that is no range. */
enum parts_end parts_judge(struct parts *p, const struct http_answer *answer, bool whole);

/* Brings the index, has it verified, and makes the file, with the ranges that are wanted.
 * PARTS_HERE, PARTS_ALL: the file is begun, of which p->have bytes are here. */
enum parts_end parts_begin(struct parts *p);
