/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation's consoles: as many as the kernel has, they say the same. */
#include "tests/sim/os_sim_int.h"

void os_console_at(const char *proc, const char *root)
{
	(void)proc;
	(void)root;
}

bool os_is_kmsg(int fd)
{
	(void)fd;
	return false;
}

bool os_console_shows(int level)
{
	return level < os_sim_console_below;
}

void os_console_write(const char *line, size_t len)
{
	os_sim_console_take(line, len);
}
