/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/boot_id.h"

#include "lib/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

bool boot_id_read(char boot[ACTION_BOOT_LEN + 1])
{
	FILE *f = fopen(BOOT_ID, "re");
	bool known = f != NULL && fgets(boot, ACTION_BOOT_LEN + 1, f) != NULL;

	if (!known)
		log_warn("%s: cannot be read: %s", BOOT_ID, strerror(errno));
	if (f != NULL)
		fclose(f);
	return known;
}
