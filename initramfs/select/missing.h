/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "initramfs/boot_data.h"

#include <stdio.h>

/*
 * Writes to `out` the name of each mapped device of a slot that is not open yet, a line each, for
 * whoever can open it. Returns how many. Does not wait.
 */
unsigned missing_list(struct boot *b, FILE *out);

/* The same without a line, of the settings that b has; *all: with those that are open. */
unsigned missing_count(const struct boot *b, unsigned *all);
