/* SPDX-License-Identifier: Apache-2.0 */
/* What failed on this device, with the last words that there are of it. */
#pragma once

#include "cli/device/device.h"

#include <json-c/json.h>
#include <stdbool.h>

#define FAILURE_MAX 64 /* newest ones */

struct failure {
	/* The verdict. Of boots that have none, a HISTORY_BOOT with their release and the time of
	 * the newest words. */
	struct history_event e;
	/* of the verdict its record, else the newest attempt: what orders failures */
	uint64_t at;
	/* oldest first; they lie in the list */
	unsigned nwords;
	const struct words *word[STORE_WORDS_CELLS];
};

struct failure_list {
	/* newest first */
	unsigned n;
	struct failure failure[FAILURE_MAX];
	unsigned nwords;
	struct words words[STORE_WORDS_CELLS];
};

/*
 * Reads history and last words of an opened device. A failure is a slot that was rejected, or boots
 * that crashed without that. What is heard of a boot that still runs, or that turned out well, is
 * none. Never fails: what cannot be read is left out.
 */
void failure_collect(struct failure_list *l, struct device *d);

/* The number by which `keelboot why` knows an event, if there are words of it; else 0. */
unsigned failure_number(const struct failure_list *l, const struct history_event *e);

/* The number of the newest failure without a verdict, of a release that is in its slot; else 0. */
unsigned failure_unjudged(const struct failure_list *l, const struct state *s);

/* "3.0 in slot b was rejected: …", or "2.0 in slot a crashed, and was not rejected". */
void failure_sentence(char *out, size_t size, const struct failure *f);

/* A piece of last words: kind, time, token, text. */
json_object *failure_piece_json(const struct words *w);

/* The words of a failure; NULL: there are none. */
json_object *failure_words_json(const struct failure *f);
