/* SPDX-License-Identifier: Apache-2.0 */
/* Why something failed, and a slot as a word. PURE. */
#pragma once

#include "selector/loader/loader.h"

/* Keeps the reason in l->why, with what is not printable replaced, and returns err. */
enum kb_err loader_why(struct loader *l, enum kb_err err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* 'a' to 'h', or '-' for STATE_NONE. */
char loader_why_letter(int slot);

/* A slot as a loader keeps it: "a" to "h", or "" for STATE_NONE. KB_EFORMAT: another text. */
enum kb_err loader_why_slot(const char *text, int8_t *slot) KB_MUST_CHECK;

/* A count as a loader keeps it, who may not know how to add: a 1 for each. KB_EFORMAT: another
 * text, or more than LOADER_STARTS_MAX. */
enum kb_err loader_why_count(const char *text, uint8_t *count) KB_MUST_CHECK;

/* That text for a count. */
const char *loader_why_ones(unsigned count);
