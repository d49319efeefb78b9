/* SPDX-License-Identifier: Apache-2.0 */
/* Why this boot does not take the preferred slot, and which others failed on its way: reported on
 * the console, in boot.json and in the history. */
#pragma once

#include "selector/why.h"

#include <stddef.h>

/* Longest text of skipped_text(), without its NUL: each slot with its name, and the outlook. */
#define SKIPPED_TEXT_MAX (STATE_SLOTS_MAX * (STATE_STR_MAX + 10) + WHY_OUTLOOK_MAX + 2)

struct boot;

struct skipped {
	/* 0: none was skipped */
	unsigned n;
	struct skipped_slot {
		int slot;
		char reason[STATE_STR_MAX + 1];
		/* the preferred one first, others in the order of failing */
	} slot[STATE_SLOTS_MAX];
	/* of the preferred one */
	char outlook[WHY_OUTLOOK_MAX + 1];
};

/* A candidate failed. Whoever calls it has said so on the console. */
void skipped_note(struct boot *b, int slot, const char *reason);

/* A slot was chosen: if it is not the preferred one, that one stands first from now on, and the
 * console has its reason. */
void skipped_explain(struct boot *b);

/* One event of the history: the slot that was chosen, and those that stood before it. What the
 * newest event says already is not said again: boot after boot may be like the one before. */
void skipped_to_history(struct boot *b);

/* "b: crashed or hung; tried again after 2 healthy boots; slot a: no mount"; "" if none was
 * skipped. A slot that has no room in out is left out. */
void skipped_text(const struct skipped *p, char *out, size_t size);
