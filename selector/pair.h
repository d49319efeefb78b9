/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot pair: kernel and initramfs that the boot loader starts, an image class of each slot. The
 * loader has a preset, which it starts again and again, and a pair that it is asked to start once.
 * PURE. docs/KERNEL.md explains it.
 */
#pragma once

#include "selector/choose.h"
#include "selector/plan.h"

#define PAIR_CLASS "boot" /* in system.conf, and in a bundle */

/* By kexec, in /run/keelboot/devices, with a space between two. Init installs nothing then. With
 * the first two, the command stages and installs nothing either; with the last one, it warns. */
#define PAIR_NONE      "none"	   /* no slot's pair can be started */
#define PAIR_UNCHECKED "unchecked" /* that of a slot is not, since nothing checks it */
#define PAIR_UNNAMED   "unnamed"   /* nobody says whose kernel runs; it lasts until a reset */

/* With a loader, there behind the slot whose pair runs. Init asks it for no other one then, and
 * installs nothing; the command installs nothing either, and warns of what it stages: a restart may
 * mend it. */
#define PAIR_UNSAVED	 "unsaved"     /* the loader says that it cannot write its store */
#define PAIR_OTHER_STORE "other-store" /* it counted this start in another one than init has */
#define PAIR_UNHEARD	 "unheard"     /* init could not read its store, write it or answer it */

/* The attempt under way was handed to its slot's own pair, and that one runs: it goes on. */
bool pair_arrived(const struct state *s, int running);

/*
 * The pair that must be the loader's preset before an install in that mode overwrites another one:
 * the preset, if no such install writes it; else that of a trusted fallback, or the running one. In
 * a rescue only that one is safe, since the fallback may be the target. running STATE_NONE: nobody
 * knows. Then STATE_NONE comes back, and nothing must be overwritten.
 */
int pair_safe_preset(const struct state *s, choose_mask mountable, enum plan_mode mode, int preset,
		     int running);

/* Whether that one is among these. */
bool pair_has_word(const char *words, const char *word);

/* Of these words: why no boot of this device tries a release, for a message; NULL: one may. */
const char *pair_why_untried(const char *words);

/* The slot may be booted only by its own pair, and another one runs. paired: the slots that have
 * one; none where no loader is asked. As a last resort, something boots. */
static inline bool pair_is_elsewhere(choose_mask paired, int running,
				     const struct choose_candidate *c)
{
	return paired >> c->slot & 1 && running != c->slot && c->tier != CHOOSE_LAST_RESORT;
}
