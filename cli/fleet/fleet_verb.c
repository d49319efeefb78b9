/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/fleet/fleet_verb.h"

#include "cli/output/output.h"
#include "cli/output/tool.h"
#include "lib/log.h"

#include <unistd.h>

#define PROGRAM "keelboot-fleet"

int fleet_verb_main(int argc, char **argv)
{
	/* beside this program */
	static const struct tool fleet = { NULL, PROGRAM, PROGRAM, PROGRAM };
	static char path[PATH_MAX];

	(void)argc;
	if (!tool_find(&fleet, path))
		return OUTPUT_FAILURE;
	argv[0] = path;
	execv(path, argv);
	log_err("fleet: %s: %m", path);
	return OUTPUT_FAILURE;
}
