/* SPDX-License-Identifier: Apache-2.0 */
/* What was started once, and can count nothing, goes back to what the boot loader starts by itself.
 */
#pragma once

#include <stdbool.h>

struct boot;

/* go_back of struct attempt_ops. Only a loader that says that it was asked for this kernel once,
 * and has forgotten that, is known to start another one. */
bool pairs_back(struct boot *b, int slot);
