/* SPDX-License-Identifier: Apache-2.0 */
/* The images of the other slots, which a bundle may be made from. */
#pragma once

#include "update/apply/apply_file.h"

struct apply_seeds {
	unsigned n;
	struct bdev_file dev[INSTALL_SEEDS_MAX];
};

/*
 * Opens, to be read, those that encodings of the bundle need, and names them in in->seed. What a
 * slot holds is believed from its manifest cell, if keys of the device signed that; a slot that
 * cannot be looked at has none. Writes nothing. apply_seeds_close() is due once the install is
 * over.
 */
void apply_seeds_open(struct apply_seeds *s, const struct apply_file_job *job,
		      const struct manifest *m, struct install *in);
void apply_seeds_close(struct apply_seeds *s);
