/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a boot does when no slot can be trusted, or none mounts: it looks for a medium that repairs
 * the device, and goes on looking while it waits. It never ends in a shell, nor in a loop without
 * waits: the end of the wait is a restart.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stdint.h>

struct boot;

/* Of one boot; zeroed at its start. */
struct rescue {
	bool begun;
	/* the device's disk was not there when looked last */
	bool gone;
	/* a file system of a slot that this kernel did not have; "": none */
	char lacks[32];
	/* os_now_ms() at which the device restarts */
	uint64_t end_ms;
	/* length of the round under way */
	unsigned round_s;
};

/*
 * Nothing mounts. Looks through all sources at once, then, in rounds that double, for media that
 * come, and at the end of each round again at those that are there. True: something was installed
 * since, or the device's disk, which had gone, is back, or the driver of a slot's file system came
 * late: the choice of a slot must be made anew. Called again when that does not mount either, it
 * goes on where it was. False: [rescue] wait= is over, and the boot must end in a restart.
 */
bool rescue_run(struct boot *b);

/*
 * The wait before a last resort, longer each time; a medium that comes meanwhile, and repairs the
 * device, ends it in a restart into what was installed. For struct attempt_ops.
 */
void rescue_last_resort(void *boot, int slot);
