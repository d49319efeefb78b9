/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an oops of the kernel does while a stranger's medium is read. By default the kernel kills
 * the process in which it happened and goes on; what that one had locked stays locked. A system
 * that is booted on such a kernel fails later, for no reason that anybody could see.
 */
#pragma once

#include "initramfs/boot_data.h"

/* From now on an oops is a panic, which restarts the device: it counts as what it is. Not with
 * panic=0 on the command line, where somebody wants to look at it. */
void oops_panics(const struct boot *b);

/* As it was before: whether the system's own drivers may oops is not ours to say. */
void oops_as_before(void);
