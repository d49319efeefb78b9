/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation's end of os_select.h. */
#include "lib/os_select.h"

#include "tests/sim/os_sim_int.h"

enum kb_err os_select_hide(void)
{
	return os_sim_call(KB_OK, "hide mounts");
}

enum kb_err os_select_link(const char *target, const char *path)
{
	enum kb_err err = os_sim_call(KB_OK, "link %s -> %s", path, target);

	if (err == KB_OK)
		os_sim_link(path, target);
	return err;
}

/* A test that mounts another one lets this call fail. */
bool os_select_mounted(const char *path, const char *dev)
{
	return os_sim_call(KB_OK, "is mounted %s: %s", path, dev) == KB_OK;
}
