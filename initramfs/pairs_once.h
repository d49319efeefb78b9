/* SPDX-License-Identifier: Apache-2.0 */
/* The boot loader starts the pair of a slot once: it is asked for that, and the machine restarts.
 */
#pragma once

#include "lib/err.h"

struct boot;

/* The slot is charged. Returns only if that fails, and reason says why. KB_EPERM: the loader's
 * store does not take it, and is proven to be as it was: see hand_over of struct attempt_ops. */
enum kb_err pairs_once(struct boot *b, int slot, char *reason) KB_MUST_CHECK;
