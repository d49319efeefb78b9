/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of paths in system.conf: "app, etc/network"; blanks around a comma mean nothing. PURE. */
#pragma once

#include "lib/conf.h"

#include <stdbool.h>
#include <stddef.h>

/* True for a relative path of names, none of which is "." or "..". */
bool conf_paths_is_path(const char *value);

/* The next of a list of paths, taken off the list. False: none is left, or it has no room in path,
 * which is of size bytes. */
bool conf_paths_next(const char **list, char *path, size_t size);

/* Whether one of two paths is the other one, or in it. */
bool conf_paths_overlap(const char *a, const char *b);

/* What CONF_KIND_SUBPATHS takes: at most CONF_PATHS_MAX, none in another one, and none in
 * Keelboot's own folder; or nothing. NULL: it is such a list; else why not, and path is the item
 * that it is said of. */
const char *conf_paths_fault(const char *value, char path[CONF_PATHS_LEN + 1]);

static inline bool conf_paths_are_valid(const char *value)
{
	char path[CONF_PATHS_LEN + 1];

	return conf_paths_fault(value, path) == NULL;
}
