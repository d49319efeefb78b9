/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GRUB: an environment block in the file grubenv of a FAT partition of its own. One sector of that
 * file is all that is written. See loader.h for the errors.
 */
#pragma once

#include "lib/bdev.h"
#include "selector/loader/loader.h"

/* Of the partition at l->where. */
enum kb_err loader_grub_read(struct loader *l, struct loader_choice *c) KB_MUST_CHECK;
enum kb_err loader_grub_write(struct loader *l, const struct loader_choice *c) KB_MUST_CHECK;

/* The same of a device that is open; l->where is its name in a reason. */
enum kb_err loader_grub_read_from(struct loader *l, struct bdev *dev,
				  struct loader_choice *c) KB_MUST_CHECK;
enum kb_err loader_grub_write_to(struct loader *l, struct bdev *dev,
				 const struct loader_choice *c) KB_MUST_CHECK;
