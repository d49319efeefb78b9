/* SPDX-License-Identifier: Apache-2.0 */
/* Before a slot is charged: can its own pair be started at all? */
#pragma once

#include "lib/err.h"

#include <stdbool.h>

struct boot;

/* The loader waits for an answer to this start, and could not be given one. */
bool pairs_look_is_unheard(const struct boot *b);

/* Why the loader starts nothing that it is asked for, though Linux can write its store. It says
 * that it cannot: then it would not forget what it starts once. Or it has another store. NULL: it
 * does as it is asked. */
const char *pairs_look_why_deaf(const struct boot *b);

/* That, or that its store failed when it was asked last: for the command, a word of
 * selector/pair.h. "": neither. */
const char *pairs_look_word(const struct boot *b);

/* Whether the pair of a slot is there, and may and can be asked for: see look_for_pair of struct
 * attempt_ops. Any error: not, and reason says why. */
enum kb_err pairs_look(struct boot *b, int slot, char *reason) KB_MUST_CHECK;
