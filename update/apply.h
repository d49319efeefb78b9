/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keelboot-apply: what process 1 starts to look at a source of updates, and to install the newest
 * acceptable bundle that it holds. It may hang or crash; the boot goes on without it.
 */
#pragma once

/* Exit codes. */
#define APPLY_INSTALLED 0 /* a slot holds the update on trial; the state on disk says so */
#define APPLY_FAILED	1 /* it was tried and failed; log and history say why */
#define APPLY_NOTHING	2 /* there is nothing to do */
#define APPLY_USAGE	3

/*
 * What it says on descriptor 3, one line for each step: "P N PHASE DONE TOTAL". N is 0 and the
 * phase "look" as long as media are looked at, then the number of the bundle that is installed,
 * from 1: another one is tried when the one before was at fault. Within N phases go forward
 * ("check", "write", "read-back"), within a phase DONE grows and TOTAL stays.
 */
#define APPLY_CANDIDATES_MAX 16

/* argv[1..] are the options: see apply_options.c. The caller has mounts of its own, and is in
 * apply_cage_enter()'s cage. */
int apply_main(int argc, char **argv);
