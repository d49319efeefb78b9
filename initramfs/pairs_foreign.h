/* SPDX-License-Identifier: Apache-2.0 */
/* A root that is entered with a kernel that is not its own: which, and why. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct boot;

#define PAIRS_FOREIGN 160

/* Once a slot is mounted: says so on the console, and in pairs.foreign. */
void pairs_foreign_note(struct boot *b);

/* Its own kernel had to give it up, and could not go back to the base. */
bool pairs_foreign_is_stuck(const struct boot *b);

/* For the history: the tier, and whose kernel it is if that is not its own. */
void pairs_foreign_detail(const struct boot *b, char *out, size_t size);
