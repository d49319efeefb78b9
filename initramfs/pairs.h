/* SPDX-License-Identifier: Apache-2.0 */
/* The boot pairs of this device, and the loader that starts them: what runs, and what it is asked.
 * The rules are those of selector/pair.h. */
#pragma once

#include "selector/pair.h"

#include <stdbool.h>

struct boot;

#define PAIRS_FINDING 256
#define PAIRS_WHERE   320 /* eight slots, "a=/dev/mmcblk0p12," */

struct pairs {
	/* the slot whose pair runs; STATE_NONE: nobody says it, or there are none */
	int running;
	/* slots that have a pair of their own; 0: any kernel boots any slot */
	choose_mask paired;
	/* system.conf names a loader */
	bool asked;
	/* where its store is, as keelboot-loader takes it */
	char where[PAIRS_WHERE];
	/* why the pairs are not heeded; "": nothing is wrong */
	char finding[PAIRS_FINDING];
};

/* After the devices were found, and before the state is settled. Never fails: without pairs, this
 * kernel boots every slot, and the finding says why. */
void pairs_find(struct boot *b);

/* The slot is booted by its own pair, which does not run. */
bool pairs_is_elsewhere(const struct boot *b, int slot);

/* Whether that pair is there to be asked for. KB_ENODEV: it is not, which costs the slot nothing;
 * reason says so. */
enum kb_err pairs_look(struct boot *b, int slot, char *reason) KB_MUST_CHECK;

/* Asks the loader for the pair, once, and restarts. Returns only if that fails: reason says why. */
enum kb_err pairs_hand_over(struct boot *b, int slot, char *reason) KB_MUST_CHECK;

/*
 * Before anything is installed: the loader's preset becomes a pair that no install of this boot
 * writes. False: it could not be had, and nothing must be installed.
 */
bool pairs_secure(struct boot *b) KB_MUST_CHECK;
