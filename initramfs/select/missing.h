/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "initramfs/boot_data.h"

#include <stdio.h>

/*
 * Writes to `out` the name of each mapped device of a slot that is not open yet, a line each, for
 * whoever can open it. Returns how many. Does not wait.
 */
unsigned missing_list(struct boot *b, FILE *out);

struct missing {
	/* all: with those that are open. */
	unsigned n, all;
	/* Of those slots of which somebody opens something, one has it all. */
	bool has_slot;
};

/* The same without a line, of the settings that b has. */
struct missing missing_count(const struct boot *b);
