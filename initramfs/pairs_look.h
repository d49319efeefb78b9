/* SPDX-License-Identifier: Apache-2.0 */
/* Before a slot is charged: can its own pair be started at all? */
#pragma once

#include "lib/err.h"

#include <stdbool.h>

struct boot;

/* The loader says that it cannot write its store, which Linux may all the same: it would not forget
 * what it is asked to start once, so it starts its preset instead. */
bool pairs_look_is_unsaved(const struct boot *b);

/* Whether the pair of a slot is there, and may and can be asked for: see look_for_pair of struct
 * attempt_ops. Any error: not, and reason says why. */
enum kb_err pairs_look(struct boot *b, int slot, char *reason) KB_MUST_CHECK;
