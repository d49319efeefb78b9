/* SPDX-License-Identifier: Apache-2.0 */
/* One event of the history, and its text form in a cell. PURE. */
#pragma once

#include "selector/state.h"

#define HISTORY_CELL	 4096u /* bytes of a cell */
#define HISTORY_TEXT_MAX 200   /* a sentence, without its NUL */

enum history_kind {
	HISTORY_BOOT,	 /* a boot that changed something: a trial, a fallback, a last resort */
	HISTORY_INSTALL, /* a slot was written, or that failed: reason */
	HISTORY_REFUSED, /* a staged update was rejected: reason */
	HISTORY_GOOD,	 /* a slot was marked good */
	HISTORY_BAD,	 /* a slot became bad: reason */
	HISTORY_REBUILT, /* the state was lost and made anew */
	HISTORY_MIGRATE, /* a release began to migrate data, or that was undone: reason */
	HISTORY_STATE,	 /* anything else about the state: reason */
	HISTORY_KIND_COUNT,
};

struct history_event {
	/* counts up; set by store_history_add() */
	uint64_t n;
	/* sequence of the state's newest record then; set by store_history_add() */
	uint64_t record;
	/* seconds since 1970 as the clock said, which may be wrong; 0: not known */
	uint64_t time;
	enum history_kind kind;
	/* or STATE_NONE */
	int8_t slot;
	uint64_t sequence;
	char version[STATE_STR_MAX + 1];
	/* "" when there is nothing to say */
	char reason[HISTORY_TEXT_MAX + 1];
	/* source, tier, cause of reset */
	char detail[HISTORY_TEXT_MAX + 1];
};

/* Takes text as reason or detail: cut short, and what is not printable ASCII made '?'. */
void history_set_text(char dst[HISTORY_TEXT_MAX + 1], const char *text);

/* Fills cell (HISTORY_CELL bytes) from e, with header and CRC. */
void history_encode(const struct history_event *e, uint8_t *cell);

/* KB_EBLANK, KB_EFORMAT; bad single values become the harmless ones. */
enum kb_err history_decode(struct history_event *e, const uint8_t *cell) KB_MUST_CHECK;

/* "boot", "install", "refused", "good", "bad", "rebuilt", "migrate", "state". */
const char *history_kind_name(enum history_kind kind);
