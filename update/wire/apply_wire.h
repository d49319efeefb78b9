/* SPDX-License-Identifier: Apache-2.0 */
/* What keelboot-apply reports to process 1: its exit code, and lines of progress. */
#pragma once

enum apply_end {
	APPLY_INSTALLED = 0, /* a slot holds the update on trial; the state on disk says so */
	APPLY_FAILED = 1,    /* it failed, or could not begin (configuration, keys, lock, cage) */
	APPLY_NOTHING = 2,   /* there is nothing to do */
	APPLY_USAGE = 3,
};

/*
 * On descriptor 3, one line for each step: "P N PHASE DONE TOTAL". N is 0 and the phase "look" as
 * long as media are looked at, then the number of the bundle that is installed, from 1: another one
 * is tried when the one before was at fault. Within N phases go forward ("compare", "check",
 * "write", "read-back"), within a phase DONE grows and TOTAL stays.
 */
#define APPLY_CANDIDATES_MAX 16
