/* SPDX-License-Identifier: Apache-2.0 */
/* What an install writes: the partitions of the target, and files in partitions. */
#pragma once

#include "update/apply/apply_boot.h"
#include "update/apply/apply_file.h"

struct apply_target {
	unsigned n;
	struct bdev_file dev[CONF_CLASSES_MAX], raw[CONF_CLASSES_MAX];
	/* the classes that are files */
	struct apply_boot boot;
};

/*
 * Opens those of job->target for the images of m, and gives them to in. Writes nothing: a file that
 * does not fit is refused before. After an error job->why says it: KB_ENODEV, KB_EBUSY (in use, or
 * something else's: apply_apart.h), KB_ECOMPAT, those of apply_boot_open() and apply_entry_check().
 * apply_target_close() is due, after an error too.
 */
enum kb_err apply_target_open(struct apply_target *t, struct apply_file_job *job,
			      const struct manifest *m, struct install *in) KB_MUST_CHECK;
void apply_target_close(struct apply_target *t);
