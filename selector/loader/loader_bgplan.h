/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What EFI Boot Guard starts by its two environments, and by which writes it starts something else.
 * PURE.
 *
 * It starts the higher revision. One that is INSTALLED becomes TESTING before that; one that is
 * TESTING already becomes FAILED with revision 0, and then the other one is started.
 *
 * Each write is of one environment, and a power cut in it leaves that one without a right checksum.
 * So what carries the preset is never written, but where the other one carries the same.
 */
#pragma once

#include "selector/loader/loader_bgenv.h"
#include "selector/loader/loader.h"

#define LOADER_BGPLAN_COPIES 2
#define LOADER_BGPLAN_STEPS  4 /* writes that any change needs at most */

struct loader_bgplan {
	struct loader_bgenv env[LOADER_BGPLAN_COPIES];
	/* whose pair each one starts; STATE_NONE: of no slot */
	int8_t slot[LOADER_BGPLAN_COPIES];
	/* its partition cannot be read, so neither can it be written */
	bool is_dead[LOADER_BGPLAN_COPIES];
};

enum loader_bgplan_is {
	LOADER_BGPLAN_KNOWN,	 /* it falls back to the preset */
	LOADER_BGPLAN_DAMAGED,	 /* none is sound */
	LOADER_BGPLAN_NONE,	 /* none has a revision */
	LOADER_BGPLAN_EQUAL,	 /* both have the same one: either may start */
	LOADER_BGPLAN_ALONE,	 /* one is on trial, and the other one is not sound */
	LOADER_BGPLAN_UNSETTLED, /* one is on trial, and what it falls back to, too */
};

/* What it will start. With LOADER_BGPLAN_KNOWN, *carrier is the environment of the preset, and
 * *pending that which is started once, or -1. */
enum loader_bgplan_is loader_bgplan_look(const struct loader_bgplan *p, int *carrier, int *pending);

/* One write: what copy becomes. */
struct loader_bgplan_step {
	/* -1: nothing is left to be written */
	int copy;
	/* whose pair it starts; STATE_NONE: as before */
	int8_t slot;
	uint8_t ustate;
	uint32_t revision;
};

/* The next write on the way to a choice with a preset. KB_EFORMAT: there is no way: both are
 * damaged, or the numbers have come to their end. */
enum kb_err loader_bgplan_next(const struct loader_bgplan *p, const struct loader_choice *want,
			       struct loader_bgplan_step *step) KB_MUST_CHECK;
