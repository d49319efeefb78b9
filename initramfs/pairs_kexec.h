/* SPDX-License-Identifier: Apache-2.0 */
/* The base: a kernel that any boot loader starts, that no update writes, and that starts the
 * kernel of a slot by kexec. */
#pragma once

#include "lib/err.h"

#include <stdbool.h>

struct boot;

/* This kernel was started by another one, and not by a boot loader: nothing was reset. */
bool pairs_kexec_came(void);

/* Why this kernel starts no other, as far as that is known before a slot is charged: later, it
 * costs two writes in each boot. NULL: it may. */
const char *pairs_kexec_why_not(void);

/*
 * Mounts the slot, loads its kernel, and starts that with the watchdog running. Returns only if
 * that fails: reason says why, and nothing stays mounted. KB_EMOUNT, KB_EEXEC: the slot does not
 * mount. KB_EFORMAT: it has no kernel that can be started. Any other: this kernel starts none.
 */
enum kb_err pairs_kexec(struct boot *b, int slot, char *reason) KB_MUST_CHECK;
