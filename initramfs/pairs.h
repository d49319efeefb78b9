/* SPDX-License-Identifier: Apache-2.0 */
/* The boot pairs of this device, and the loader that starts them: what runs, and what it is asked.
 * The rules are those of selector/pair.h. */
#pragma once

#include "initramfs/pairs_foreign.h"
#include "selector/attempt.h"
#include "selector/pair.h"

#include <stdbool.h>

struct boot;

#define PAIRS_FINDING 256
#define PAIRS_WHERE   448 /* eight slots, "a=/dev/mmcblk0p12:keelboot-a.efi," */

struct pairs {
	/* who starts them; ATTEMPT_LOADER where nobody can */
	enum attempt_role role;
	/* the slot whose pair runs; STATE_NONE: nobody says it, there are none, or this is the base
	 */
	int running;
	/* slots that have a pair of their own; 0: any kernel boots any slot */
	choose_mask paired;
	/* system.conf names a loader, or did before it was lost */
	bool asked;
	/* it is missing or damaged: no loader can be asked */
	bool unasked;
	/* by kexec, of the first kernel: it was asked once whether it starts another one */
	bool base_asked;
	/* why it does not, whatever was loaded since; NULL: it does */
	const char *no_base;
	/* the loader heard what it waits for; or an answer failed, and may have come through */
	bool answered, unheard;
	/* its store could not be read when it was asked last; or not be written */
	bool unread, unwritten;
	/* the loader counted a start, of which the store that init has does not know */
	bool other_store;
	/* it named no preset then: its store was lost, or never written */
	bool lost;
	/* a device with its store did not come in that time, and is waited for no more */
	unsigned absent_s;
	/* what it starts by default, as pairs_look() read it before a slot was charged */
	int8_t preset;
	/* the letter of the slot whose kernel it starts by default since then; NUL: none */
	char settled;
	/* where its store is, as keelboot-loader takes it; by kexec PAIR_NONE,
	 * PAIR_UNCHECKED, PAIR_UNNAMED, the last two, or "" */
	char where[PAIRS_WHERE];
	/* what is wrong with them; "": nothing */
	char finding[PAIRS_FINDING];
	/* whose kernel the slot runs with, and why, if not with its own; "": with that */
	char foreign[PAIRS_FOREIGN];
};

/* After the devices were found, and before the state is settled. The loader hears that this kernel
 * came up, where it waits for that. Never fails: if nobody says whose kernel runs, the finding says
 * why, and every slot is one whose own kernel cannot be had. */
void pairs_find(struct boot *b);

/* The slot is booted by its own pair, which does not run. */
bool pairs_is_elsewhere(const struct boot *b, int slot);

/* A slot is mounted by this kernel before its own pair is started. */
bool pairs_mounts(const struct boot *b);

/* What was decided before this kernel was started goes on: no update is looked for. */
bool pairs_goes_on(const struct boot *b);

/* Starts the pair: see hand_over of struct attempt_ops. Returns only if that fails: reason says
 * why. */
enum kb_err pairs_hand_over(struct boot *b, int slot, char *reason) KB_MUST_CHECK;

/*
 * Before anything is installed: the loader's preset becomes a pair that no install of this boot
 * writes. False: it could not be had, and nothing must be installed.
 */
bool pairs_secure(struct boot *b, enum plan_mode mode) KB_MUST_CHECK;

/* A slot that is good was handed over, and its root mounts: its pair becomes the preset, so that no
 * later boot asks for it. What fails costs that boot a restart more. */
void pairs_settle_preset(struct boot *b);
