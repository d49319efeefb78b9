/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What barebox's bootchooser decides by: of each target, how often it may still be started, and its
 * priority. It starts the highest priority of those that have an attempt left, and takes one off
 * before. PURE.
 *
 *	priority  attempts
 *	30	  1		is started once: no attempt is left then
 *	20	  3		the preset; what is missing are starts that init did not answer
 *	10	  3		all others: started where the preset has no attempt left
 */
#pragma once

#include "selector/loader/loader.h"
#include "selector/state.h"

#define LOADER_BBVARS_ATTEMPTS 3
#define LOADER_BBVARS_NAME     32 /* bytes of a target's name, with its NUL */

struct loader_bbvars_target {
	/* as bootchooser.targets has it; "": the slot has none */
	char name[LOADER_BBVARS_NAME];
	/* where its variables are, in bytes behind the first one */
	uint32_t attempts, priority;
};

struct loader_bbvars {
	/* the partition */
	conf_spec dev;
	uint32_t magic;
	/* bytes from a copy to the next one */
	uint32_t stride;
	struct loader_bbvars_target of[STATE_SLOTS_MAX];
};

/* Takes "DEVICE:MAGIC:STRIDE,a=TARGET:ATTEMPTS:PRIORITY,b=..." from l->where. KB_EINVAL, with a
 * reason. */
enum kb_err loader_bbvars_take(struct loader *l, struct loader_bbvars *v) KB_MUST_CHECK;

/* KB_EFORMAT: len bytes of variables do not hold all of them, or two targets would be started once.
 */
enum kb_err loader_bbvars_read(struct loader *l, const struct loader_bbvars *v, const uint8_t *data,
			       size_t len, struct loader_choice *c) KB_MUST_CHECK;

/* Sets the variables of all targets. KB_EINVAL: a slot has no target; KB_EFORMAT: as above, or
 * there is no preset to fall back to. After an error data is as it was. */
enum kb_err loader_bbvars_set(struct loader *l, const struct loader_bbvars *v, uint8_t *data,
			      size_t len, const struct loader_choice *c) KB_MUST_CHECK;

/* How bootchooser came to start a slot, by what it left in data, whose choice was read as c. */
enum loader_start loader_bbvars_start(const struct loader_bbvars *v, const uint8_t *data,
				      const struct loader_choice *c, int slot);

/* The slot of a target; STATE_NONE: it is no slot's. */
int loader_bbvars_slot(const struct loader_bbvars *v, const char *name, size_t len);
