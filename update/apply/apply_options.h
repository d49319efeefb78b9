/* SPDX-License-Identifier: Apache-2.0 */
/* What process 1 gives keelboot-apply as arguments. */
#pragma once

#include "update/apply/apply_file.h"

#define APPLY_SOURCES_MAX 32

struct apply_source {
	/* DATA, RAW, SD or USB */
	enum state_source kind;
	char dev[APPLY_FILE_PATH_MAX + 1];
};

struct apply_options {
	char state[APPLY_FILE_PATH_MAX + 1];
	struct apply_slot slot[STATE_SLOTS_MAX];
	choose_mask mountable;
	/* slots that must not be written: their pair runs, or a partition of theirs is shared */
	choose_mask in_use;
	/* AUTOMATIC, LAST_RESORT or RESCUE */
	enum plan_mode mode;
	/* "" */
	const char *root;
	unsigned nsources;
	struct apply_source source[APPLY_SOURCES_MAX];
};

/* Reads argv. False after a message: something is wrong with it. */
bool apply_options_parse(struct apply_options *o, int argc, char **argv);
