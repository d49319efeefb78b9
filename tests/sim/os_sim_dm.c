/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation's device mapper: a mapped device shows the file system of the device below it. */
#include "tests/sim/os_sim_int.h"

enum kb_err os_dm_open(const struct os_dm *dm, char node[OS_DM_NODE])
{
	node[0] = '\0';
	TRY(os_sim_call(KB_OK, "dm %s %s %llu: %s", dm->name, dm->type,
			(unsigned long long)dm->sectors, dm->params));
	snprintf(node, OS_DM_NODE, "/dev/dm-0");
	return KB_OK;
}

enum kb_err os_dm_close(const char *name)
{
	return os_sim_call(KB_OK, "dm remove %s", name);
}
