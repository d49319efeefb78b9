/* SPDX-License-Identifier: Apache-2.0 */
/* Disks of the simulated machine, as they are or with what is said of them:
 *
 *	plug_in(vda());
 *	PLUG_IN(stick(), it.at_ms = 300, it.removable = false);
 */
#pragma once

#include "tests/sim/os_sim.h"

#include <stdio.h>

#define PLUG_IN_MANY_MAX 20

static inline void plug_in(struct os_sim_disk disk)
{
	os_sim_disk(&disk);
}

/* So many of these: sda, sdb and so on, on ports of their own behind this one. */
static inline void plug_in_many(struct os_sim_disk d, const char *port, unsigned n)
{
	static char name[PLUG_IN_MANY_MAX][8], path[PLUG_IN_MANY_MAX][192];

	for (unsigned i = 0; i < n && i < PLUG_IN_MANY_MAX; i++) {
		snprintf(name[i], sizeof(name[i]), "sd%c", (char)('a' + i));
		snprintf(path[i], sizeof(path[i]), "%s/1-%u/block/%s", port, i, name[i]);
		d.name = name[i];
		d.path = path[i];
		os_sim_disk(&d);
	}
}

#define PLUG_IN(disk, ...)                    \
	do {                                  \
		struct os_sim_disk it = disk; \
		__VA_ARGS__;                  \
		plug_in(it);                  \
	} while (0)
