/* SPDX-License-Identifier: Apache-2.0 */
/* What process 1 asks the boot loader's store, by a child: keelboot-loader. Bounded in time; what
 * fails is in the log. */
#pragma once

#include "kernel-cmdline/cmdline.h"
#include "lib/err.h"

#include <stdbool.h>
#include <stdint.h>

struct boot;
struct child_said;

/* Slots, or STATE_NONE. */
struct pairs_answer {
	int8_t preset, once;
};

enum kb_err pairs_ask(struct boot *b, struct pairs_answer *is) KB_MUST_CHECK;

/* The pair of the slot is started once, at the next start. KB_EPERM: it is not. The helper ended by
 * itself, and the store, read anew, has the preset that pairs_look() found, and nothing to start
 * once. After any other error it may be. said: why. */
enum kb_err pairs_ask_once(struct boot *b, int slot, struct child_said *said) KB_MUST_CHECK;

/* It is started from now on, and no other one once. Its starts count anew, so that is an answer. */
enum kb_err pairs_ask_preset(struct boot *b, int slot) KB_MUST_CHECK;

/* The preset's kernel came up: its starts count anew. counted: the store had counted one. */
enum kb_err pairs_ask_came_up(struct boot *b, struct pairs_answer *is, bool *counted) KB_MUST_CHECK;

/* The slot whose pair runs, or STATE_NONE. And how the loader came to start it, if its store says
 * that. */
int pairs_ask_booted(struct boot *b, enum cmdline_start *start);
