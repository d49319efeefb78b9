/* SPDX-License-Identifier: Apache-2.0 */
/* Which copy of U-Boot's environment counts: nothing but their counts says it. */
#include "cli/doctor/doctor_checks.h"

#include "selector/loader/loader_ubcopy.h"

#include <stdio.h>

void doctor_uboot_copies(struct doctor *doc)
{
	const char *where = conf_loader_environment(&doc->d->conf);
	struct loader_ubcopy is[LOADER_FWENV_COPIES] = { { .sound = false } };
	char path[DEVICE_PATH_MAX];
	struct loader_fwenv env = { .n = 0 };

	snprintf(path, sizeof(path), "%s%s", doc->sys_root, where);
	if (loader_fwenv_read(&env, path) != KB_OK || env.n != LOADER_FWENV_COPIES ||
	    !loader_fwenv_below(&env, doc->sys_root))
		return; /* said where it is read */
	for (unsigned i = 0; i < env.n; i++)
		if (loader_ubcopy_read(&is[i], &env.copy[i]) != KB_OK || !is[i].sound)
			return;
	if (is[0].count != is[1].count || is[0].checksum == is[1].checksum)
		return;
	doctor_report(
		doc, DOCTOR_WARNING, "loader-copies",
		"if the first is right, change any variable with fw_setenv: that writes the second anew; else write both anew",
		"%s: both copies of U-Boot's environment have the count %u, and differ: U-Boot and Keelboot take the first",
		where, is[0].count);
}
