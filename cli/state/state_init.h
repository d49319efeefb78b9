/* SPDX-License-Identifier: Apache-2.0 */
/* The factory's first state of a device. */
#pragma once

#include "cli/output/args.h"
#include "cli/device/device.h"

struct state_init {
	/* 0: as many as system.conf has */
	unsigned slots;
	/* of a trial; 0: STATE_TRIES */
	uint8_t tries;
	/* bit i: slot i */
	uint8_t good, trial;
	/* slot named first, which is preferred; or STATE_NONE */
	int first;
	/* release says what is in the slots named */
	bool known;
	struct plan_release release;
	uint64_t floor;
	bool force;
};

/* Reads the arguments and writes the state. Returns the exit code. */
int state_init_cmd(struct args *a, struct device_options *o);

/* The state that in describes. PURE. KB_EINVAL, which it has not reported: a slot that there is
 * not, or one that is named as both; no slots; a release below the floor. */
enum kb_err state_init_make(struct state *s, const struct state_init *in) KB_MUST_CHECK;
