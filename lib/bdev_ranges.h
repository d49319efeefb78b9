/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flushes of a range, for a device that is read back while it is written: what is to be read waits
 * for nothing else that is on its way. Process 1 does without.
 *
 * Linux says an error of writing once for each descriptor: a flush of a range says those of the
 * writer's, which the writer's own flush does not say again. So both must end the install.
 */
#pragma once

#include "lib/bdev.h"

/* Bytes. A longer range is flushed with all the rest: it would take addresses. */
#define BDEV_RANGES_MAX (64u << 20)

/*
 * Gives readback, which is open to be read, the operations flush_range and write_out. They keep no
 * state, so any thread may call them. writer: the same device, open to be written, and for longer
 * than readback is: Linux flushes a range for no other.
 */
void bdev_ranges_use(struct bdev_file *readback, const struct bdev_file *writer);
