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

/* argv[1..] are the options: see apply_options.c. */
int apply_main(int argc, char **argv);
