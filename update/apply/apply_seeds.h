/* SPDX-License-Identifier: Apache-2.0 */
/* The images of the other slots, which a bundle may be made from. */
#pragma once

#include "update/apply/apply_file.h"

#define APPLY_SEEDS_MAX 16u

struct apply_seeds {
	unsigned n;
	struct install_seed seed[APPLY_SEEDS_MAX];
	struct bdev_file dev[APPLY_SEEDS_MAX];
};

/* Where they are looked for. */
struct apply_seeds_place {
	struct store *store;
	const struct keyring *keys;
	/* STATE_SLOTS_MAX of them */
	const struct apply_slot *slot;
	/* where there are none, since it is written; or STATE_NONE */
	int target;
};

/*
 * Opens, to be read, those that encodings of m need. What a slot holds is believed from its
 * manifest cell, if keys of the device signed that; a slot that cannot be looked at has none.
 * Writes nothing. apply_seeds_close() is due once the install is over.
 */
void apply_seeds_open(struct apply_seeds *s, const struct apply_seeds_place *at,
		      const struct manifest *m);
void apply_seeds_close(struct apply_seeds *s);
