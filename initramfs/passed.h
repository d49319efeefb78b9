/* SPDX-License-Identifier: Apache-2.0 */
/* Why this boot does not take the preferred slot, or one that stood before the one it takes: told
 * on the console, in boot.json and in the history. */
#pragma once

#include "selector/why.h"

#include <stddef.h>

struct boot;

struct passed {
	int slot;
	char reason[STATE_STR_MAX + 1]; /* "": none was passed over */
	char outlook[WHY_OUTLOOK_MAX + 1];
};

/* A candidate failed. Whoever calls it has said so on the console. */
void passed_note(struct boot *b, int slot, const char *reason);

/* A slot was chosen: if it is not the preferred one and nobody noted why, finds out, and says it.
 */
void passed_explain(struct boot *b);

/* One event of the history: the slot that was chosen, and the one that stood before it. What the
 * newest event says already is not said again: boot after boot may be like the one before. */
void passed_record(struct boot *b);

/* "b: crashed or hung; tried again after 2 healthy boots"; "" if none was passed over. */
void passed_text(const struct passed *p, char *out, size_t size);
