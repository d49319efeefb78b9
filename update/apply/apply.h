/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keelboot-apply: what process 1 starts to look at a source of updates, and to install the newest
 * acceptable bundle that it holds. It may hang or crash; the boot goes on without it.
 */
#pragma once

#include "update/wire/apply_wire.h"

/* argv[1..] are the options: see apply_options.c. The caller has mounts of its own, and is in
 * apply_cage_enter()'s cage. Returns an enum apply_end, the exit code. */
int apply_main(int argc, char **argv);
