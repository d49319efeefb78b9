/* SPDX-License-Identifier: Apache-2.0 */
/* All faults of all stories, each in a process of its own, and what came of them. */
#pragma once

#include "tests/sim/ioerr_story.h"

struct ioerr_sweep {
	unsigned seed;	/* which of them */
	unsigned every; /* only one of so many faults; always the same ones */
	unsigned jobs;
	const struct ioerr_story *only; /* NULL: all */
	bool one;			/* this fault alone */
	struct ioerr_fault fault;
	const char *report; /* JSON; NULL: none */
};

/* 0: nothing is violated. Prints what is, with the command that plays it again. */
int ioerr_sweep_run(const struct ioerr_sweep *s);
