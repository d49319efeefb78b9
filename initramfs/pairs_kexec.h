/* SPDX-License-Identifier: Apache-2.0 */
/* The base: a kernel that any boot loader starts, that no update writes, and that starts the
 * kernel of a slot by kexec. */
#pragma once

#include "lib/err.h"

struct boot;

/* Of pairs_find(): whose kernel runs, and whether it starts another one. Of a kernel that was
 * started by kexec only its command line says whose it is: a loader's line that somebody copied
 * must not. */
void pairs_kexec_find(struct boot *b);

/*
 * Mounts the slot, loads its kernel, and starts that with the watchdog running. Returns only if
 * that fails: reason says why, and nothing stays mounted. KB_EMOUNT, KB_EEXEC: the slot does not
 * mount. KB_EFORMAT: it has no kernel that can be started. Any other: this kernel starts none.
 */
enum kb_err pairs_kexec(struct boot *b, int slot, char *reason) KB_MUST_CHECK;
