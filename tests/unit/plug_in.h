/* SPDX-License-Identifier: Apache-2.0 */
/* Disks of the simulated machine, as they are or with what is said of them:
 *
 *	plug_in(vda());
 *	PLUG_IN(stick(), it.at_ms = 300, it.removable = false);
 */
#pragma once

#include "tests/sim/os_sim.h"

static inline void plug_in(struct os_sim_disk disk)
{
	os_sim_disk(&disk);
}

#define PLUG_IN(disk, ...)                    \
	do {                                  \
		struct os_sim_disk it = disk; \
		__VA_ARGS__;                  \
		plug_in(it);                  \
	} while (0)
