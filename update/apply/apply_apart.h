/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an install must not write, since it is something else's, too: a partition may go by several
 * names. A partition of the target is nothing else's. A file in one harms only the file of its own
 * entry, and must be in no partition that is a slot's as a whole.
 */
#pragma once

#include "lib/bdev.h"
#include "update/apply/apply_file.h"

#define APPLY_OTHERS_MAX 8 /* the state, data, raw bundles, the boot loader, the overlay */

/* What is of no slot. */
struct apply_others {
	unsigned n;
	struct apply_other {
		/* "the state" */
		const char *what;
		/* its device node or file */
		char path[APPLY_FILE_PATH_MAX + 1];
	} other[APPLY_OTHERS_MAX];
};

/* Adds one. A path that is empty, or longer than any that is opened, is none. */
void apply_apart_add(struct apply_others *others, const char *what, const char *path);

/*
 * Whether part i of the target is nothing else's: of its slot, of another one, of others (NULL:
 * none are known). id is what was opened for it; of a file, the partition that the file is in.
 * KB_EBUSY: why names both.
 */
enum kb_err apply_apart_check(const struct apply_slot slot[STATE_SLOTS_MAX],
			      const struct apply_others *others, int target, unsigned i,
			      const struct bdev_id *id, char why[MANIFEST_WHY]) KB_MUST_CHECK;

/* The same, of what its path names now. */
enum kb_err apply_apart_look(const struct apply_slot slot[STATE_SLOTS_MAX],
			     const struct apply_others *others, int target, unsigned i,
			     char why[MANIFEST_WHY]) KB_MUST_CHECK;

/* The slot of which that is a part, or has a part's file; STATE_NONE. */
int apply_apart_slot(const struct apply_slot slot[STATE_SLOTS_MAX], const struct bdev_id *id);
