/* SPDX-License-Identifier: Apache-2.0 */
/* The slots that may boot, one after the other, until one is mounted: selector/attempt.h has the
 * loop, and this what it does on hardware. */
#pragma once

#include "initramfs/boot_data.h"

/*
 * Chooses a slot, charges it and mounts it on ROOT_DIR, and says which and why. KB_ENOCAND: none
 * can be booted. Called again when an update, or the device's disk, has come.
 */
enum kb_err candidate_mount(struct boot *b) KB_MUST_CHECK;
