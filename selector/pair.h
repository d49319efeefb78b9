/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot pair: kernel and initramfs that the boot loader starts, an image class of each slot. The
 * loader has a preset, which it starts again and again, and a pair that it is asked to start once.
 * PURE. docs/KERNEL.md explains it.
 */
#pragma once

#include "selector/choose.h"

#define PAIR_CLASS "boot" /* in system.conf, and in a bundle */

/* The attempt under way was handed to its slot's own pair, and that one runs: it goes on. */
bool pair_arrived(const struct state *s, int running);

/*
 * The pair that must be the loader's preset before any other one is overwritten: the preset, if
 * it is of a slot that no install may write; else the running one, which is known to start. Both
 * may be STATE_NONE: then what comes back is, too, and nothing must be overwritten.
 */
int pair_safe_preset(const struct state *s, choose_mask mountable, int preset, int running);

/* The slot may be booted only by its own pair, and another one runs. paired: the slots that have
 * one; none where no loader is asked. As a last resort, something boots. */
static inline bool pair_is_elsewhere(choose_mask paired, int running,
				     const struct choose_candidate *c)
{
	return paired >> c->slot & 1 && running != c->slot && c->tier != CHOOSE_LAST_RESORT;
}
