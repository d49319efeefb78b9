/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_paths.h"

#include "lib/conf.h"

#include <string.h>

#define OWN "keelboot" /* on the data partition: what is kept, and what is staged as a rule */

bool conf_paths_is_path(const char *value)
{
	while (*value != '\0') {
		size_t n = strcspn(value, "/");

		if (n == 0 || (n == 1 && value[0] == '.') ||
		    (n == 2 && value[0] == '.' && value[1] == '.'))
			return false;
		value += n;
		if (*value == '/' && *++value == '\0')
			return false;
		if (*value == '\0')
			return true;
	}
	return false;
}

bool conf_paths_next(const char **list, char *path, size_t size)
{
	size_t n = strcspn(*list, ",");

	if (**list == '\0' || n >= size)
		return false;
	memcpy(path, *list, n);
	path[n] = '\0';
	*list += n + ((*list)[n] == ',' ? 1 : 0);
	return true;
}

bool conf_paths_overlap(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b), n = la < lb ? la : lb;

	if (strncmp(a, b, n) != 0)
		return false;
	return la == lb || (la < lb ? b[n] : a[n]) == '/';
}

/* end: where the path itself begins in the list. */
static bool fits_before(const char *list, const char *end, const char *path)
{
	char other[CONF_PATHS_LEN + 1];

	if (conf_paths_overlap(path, OWN))
		return false;
	while (list < end && conf_paths_next(&list, other, sizeof(other)))
		if (conf_paths_overlap(path, other))
			return false;
	return true;
}

bool conf_paths_are_valid(const char *value)
{
	const char *rest = value, *begin = value;
	char path[CONF_PATHS_LEN + 1];
	unsigned n = 0;

	if (*value == '\0')
		return true;
	while (conf_paths_next(&rest, path, sizeof(path))) {
		if (++n > CONF_PATHS_MAX || strlen(path) > CONF_PATH_MAX ||
		    !conf_paths_is_path(path) || !fits_before(value, begin, path))
			return false;
		begin = rest;
	}
	return *rest == '\0' && rest[-1] != ',';
}
