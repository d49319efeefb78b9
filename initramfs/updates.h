/* SPDX-License-Identifier: Apache-2.0 */
/* Updates at boot: which sources are looked at, and how an apply that crashes is counted. */
#pragma once

#include "initramfs/boot_data.h"

/*
 * Goes through the sources and lets keelboot-apply look at each that holds something. Whatever it
 * does, the boot goes on: with the state loaded anew, or with the one from before. True: a slot was
 * written, so what was found on the disk is no longer what is there. In the modes of a rescue the
 * device is allowed to repair itself with a release that it had before.
 */
bool updates_apply(struct boot *b, enum plan_mode mode);
