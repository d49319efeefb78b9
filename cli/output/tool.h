/* SPDX-License-Identifier: Apache-2.0 */
/* The other programs of Keelboot that this one starts, and where they are. */
#pragma once

#include <limits.h>
#include <stdbool.h>

#define TOOL_FOLDER "lib/keelboot" /* below PREFIX; the makefile puts them there */

struct tool {
	/* a variable that names another one; NULL: none */
	const char *env;
	/* in a source tree, seen from build/ */
	const char *built;
	/* in TOOL_FOLDER */
	const char *installed;
	/* of debian/, that has it */
	const char *package;
};

/*
 * Finds a tool by the place of this program: in its source tree, then below the PREFIX it is
 * installed in, then below /usr. A place that others may write to is skipped; docs/decisions
 * 0073. false: it is nowhere; reported, with all places.
 */
bool tool_find(const struct tool *tool, char path[PATH_MAX]);
