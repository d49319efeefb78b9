/* SPDX-License-Identifier: Apache-2.0 */
/* The slots that may boot, one after the other, until one is mounted: selector/attempt.h has the
 * loop, and this what it does on hardware. */
#pragma once

#include "initramfs/boot_data.h"

/*
 * Chooses a slot, charges it and mounts it on ROOT_DIR, and says which and why. Where none can be
 * booted, the hooks of that stage run and the rescue begins; what it brings is chosen from anew.
 * KB_ENOCAND: the rescue is over.
 */
enum kb_err candidate_or_rescue(struct boot *b) KB_MUST_CHECK;
