/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/loader/copies_path.h"

#include <stdio.h>

void copies_path(const struct copies *c, unsigned area, char path[COPIES_PATH])
{
	snprintf(path, COPIES_PATH, "%.80s%.80sboot%u", c->sys_root, c->disk, area);
}
