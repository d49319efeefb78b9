/* SPDX-License-Identifier: Apache-2.0 */
/* The data partition made anew (`keelboot reset-data`): asked for, begun, done. PURE; the caller
 * saves. docs/DATA.md. */
#pragma once

#include "selector/state.h"

#define FACTORY_TRIES 5 /* boots that may begin it; then it is given up */

/* The next boot makes the data anew. */
void factory_ask(struct state *s);

/*
 * The same by a marker that stays where it is: once for each text, whoever brings it. False: it was
 * heeded before. The last STATE_MARKERS_LEN texts are known, and so is, whatever others come, one
 * that is seen again at least each STATE_MARKERS_LEN / 2 of them.
 */
bool factory_ask_once(struct state *s, const char *token);

/* Takes such a marker for heeded, where nothing is known of any boot before. True: it was new. */
bool factory_note(struct state *s, const char *token);

/* Nobody wants it any more. */
void factory_forget(struct state *s);

static inline bool factory_is_asked(const struct state *s)
{
	return s->factory > 0;
}

/*
 * Counts one more beginning, which must be durable before anything is deleted: where the state
 * cannot be written, each boot would delete. False: it was begun too often, and is forgotten.
 */
bool factory_begin(struct state *s) KB_MUST_CHECK;

/* All is deleted; what the slot brings has still to be copied. */
void factory_deleted(struct state *s);

/* Data is kept, or nothing is any more: whether it is of a time between the two halves. */
void factory_kept(struct state *s);

/* It went back. If it is of that time, the slot that boots has the second half still to do. */
void factory_put_back(struct state *s);

/* The same for that copy: counts one more beginning. False: it was begun too often, and is
 * forgotten. */
bool factory_begin_fill(struct state *s) KB_MUST_CHECK;
