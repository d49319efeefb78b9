/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold of a device wherever it stands, whatever went wrong before: each rule once, for
 * all simulations. NULL: it holds; else what does not, until the next call. I5 to I7 are those of
 * docs/PROOF.md.
 */
#pragma once

#include "tests/sim/bundles.h"

/* What does not hold, in words. */
const char *check_wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Notes what is wrong, where nothing is noted yet: the first stays. */
#define CHECK_WHY 400
void check_note(char why[CHECK_WHY], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A state as it is stored, in one line. */
void check_print_state(const struct state *s);

/* A record of the state is there (I5). */
const char *check_record(enum store_finding found);

/* What the state calls good, bad or a trial holds the release that the state names (I6, I7). holds:
 * to the byte; NULL: none. */
const char *check_slot(const struct state *s, int slot, const struct bundles_release *holds);

/* What is entered is whole, and is what the state says (I6). */
const char *check_entered(const struct state *s, int slot, const struct bundles_release *holds);

/* A slot is written, zeroed or discarded only while the newest record says `writing`; and, with
 * both, those of both regions do (I6). verb: "written". */
const char *check_touched(const struct state *s, const unsigned writing[2], int slot,
			  const char *verb);

/* The floor is not above what was proven on this device (I7). least: what it began with. */
const char *check_floor(const struct state *s, uint64_t least);

/* ---------------------------------------------------------------- a kernel for each slot */
/* What the boot loader starts by itself: slots, or STATE_NONE. pair: what the partition of a slot's
 * kernel holds, to the byte; NULL: no whole one. */

/* The preset is whole, comes up, and is of a slot that may be chosen. s: NULL: that is not asked.
 * dead: whose kernel never comes up; NULL: of none. */
const char *check_preset(const struct state *s, int preset, const struct bundles_release *pair,
			 const struct bundles_release *dead);

/* What it is asked to start once, if anything, is whole, and of such a slot. */
const char *check_once(const struct state *s, int once, const struct bundles_release *pair);

/* The kernel of what the state calls good, or a trial with tries, is that of its release. */
const char *check_pair(const struct state *s, int slot, const struct bundles_release *pair);

/* What runs is never touched, nor what the boot loader would start if the power went now. */
const char *check_pair_touched(int slot, int running, int preset, int once);

/* A slot is entered by its own kernel; as a last resort, one that nobody trusts is by any. */
const char *check_pair_entered(const struct state *s, int slot, int running);

/* At rest the preset is the slot that runs, and nothing is asked for once. */
const char *check_pair_rest(int slot, int preset, int once);
