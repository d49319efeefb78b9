/* SPDX-License-Identifier: Apache-2.0 */
/* A piece of a trial's last words, and its form in a cell: what is left of a boot to say why it
 * failed. PURE. */
#pragma once

#include "lib/tail.h"
#include "selector/state.h"

#define WORDS_CELL 4096u

enum words_kind {
	WORDS_KERNEL,  /* lines of the kernel's log, as the guardian heard them */
	WORDS_PANIC,   /* the kernel's last lines at a panic, from pstore */
	WORDS_CONSOLE, /* the console's last lines before a reset, from pstore */
	WORDS_CHECK,   /* a health check that failed, with its last lines */
	WORDS_SYSTEM,  /* failed units, and warnings of the journal */
	WORDS_BOOT,    /* why the boot did not enter the slot, with the last lines of its hook */
	WORDS_KIND_COUNT,
};

struct words {
	/* counts up; set by store_words_add() */
	uint64_t n;
	/* seconds since 1970 as the clock said, which may be wrong; 0: not known */
	uint64_t time;
	/* of the attempt (state.h); of a boot that was none, the newest record then */
	uint64_t token;
	enum words_kind kind;
	int8_t slot;
	uint64_t sequence;
	char version[STATE_STR_MAX + 1];
	struct tail tail;
};

/* Takes slot, version and sequence from a slot of s. */
void words_of_slot(struct words *w, const struct state *s, int slot);

/* Fills cell (WORDS_CELL bytes), which says that it belongs to this place of the ring. */
void words_encode(const struct words *w, unsigned place, uint8_t *cell);

/* KB_EBLANK, KB_EFORMAT: also when the cell belongs to another place, or names no slot. Other bad
 * values become the harmless ones. */
enum kb_err words_decode(struct words *w, unsigned place, const uint8_t *cell) KB_MUST_CHECK;

/* "kernel", "panic", "console", "check", "system", "boot". */
const char *words_kind_name(enum words_kind kind);

/* Of the same release in the same slot. */
bool words_same_trial(const struct words *a, const struct words *b);
