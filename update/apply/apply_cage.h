/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cage of keelboot-apply. It cannot be the decoder's: apply mounts, writes disks, and starts a
 * decoder that needs rights to give up its own. So it keeps those rights, and loses all others.
 */
#pragma once

#include "lib/err.h"

/*
 * The first thing that the program does, before it opens anything: mounts of its own, then the
 * cage, then the list of system calls that kill. Logs what is refused, and nothing may be read
 * then; only a kernel without seccomp filters is put up with, as the prober does.
 */
enum kb_err apply_cage_enter(void) KB_MUST_CHECK;
