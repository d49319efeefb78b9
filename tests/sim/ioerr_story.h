/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lives of a device in which one thing goes wrong. Each is played with a fault, then the fault is
 * gone and the device has to settle; what may never be is checked after each boot.
 */
#pragma once

#include "tests/sim/ioerr_world.h"

extern const struct ioerr_story ioerr_story_all[];
extern const unsigned ioerr_story_count;

/* The device as a story begins, before its first boot. */
void ioerr_story_begin(const struct ioerr_story *story, struct ioerr_world *w);
/* ioerr_wear.c: how much whole boots of a device write to the state partition, process 1 and
 * keelboot-apply together, held to the rows of docs/STATE.md that say "device". */
void ioerr_wear_run(unsigned *passed, unsigned *failed);

/* ioerr_sweep.c: all faults of all stories, each in a process of its own, and what came of them. */
int ioerr_sweep_main(int argc, char **argv);

/* Plays one story. What was violated is in w->violation. */
void ioerr_story_play(const struct ioerr_story *story, struct ioerr_world *w);

/* ioerr_check.c: what may never be, whatever fails. */
/* After a boot, while its power is still on. before: how often the slots were changed until then.
 */
void ioerr_check_boot(struct ioerr_world *w, const unsigned before[2]);

/* What the guardian has made of what the system did. */
void ioerr_check_guardian(struct ioerr_world *w);

/* After the power was cut: that what was said to be so is so. */
void ioerr_check_claims(struct ioerr_world *w);

/* True when the device runs what it ought to, and has nothing left to do. */
bool ioerr_check_settled(const struct ioerr_story *story, struct ioerr_world *w,
			 const struct state *before, const struct state *after);
