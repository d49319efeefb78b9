/* SPDX-License-Identifier: Apache-2.0 */
/* As many LUNs as a stranger's card reader claims to have, and nothing ends their probers. */
#pragma once

#include "tests/sim/os_sim.h"

#include <stdio.h>

#define STUCK_STICKS_MAX 16

/* n of them, each like `like` but for its name, and step_ms later than the one before. */
static inline void stuck_sticks(struct os_sim_disk like, unsigned n, unsigned step_ms)
{
	static char names[STUCK_STICKS_MAX][8], paths[STUCK_STICKS_MAX][96],
		nodes[STUCK_STICKS_MAX][16];

	for (unsigned i = 0; i < n && i < STUCK_STICKS_MAX; i++) {
		struct os_sim_child stuck = {
			.argv0 = "keelboot-prober", .arg = nodes[i], .hangs = true, .stuck = true
		};

		char letter = (char)('a' + i);

		snprintf(names[i], sizeof(names[i]), "sd%c", letter);
		snprintf(paths[i], sizeof(paths[i]), "/devices/usb1/1-1/1-1:1.0/host0/block/sd%c",
			 letter);
		snprintf(nodes[i], sizeof(nodes[i]), "/dev/sd%c", letter);
		like.name = names[i];
		like.path = paths[i];
		like.no_answer = true;
		os_sim_disk(&like);
		os_sim_child(&stuck);
		like.at_ms += step_ms;
	}
}
