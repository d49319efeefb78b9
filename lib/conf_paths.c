/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_paths.h"

#include "lib/conf.h"

#include <string.h>

#define OWN	"keelboot" /* on the data partition: what is kept, and what is staged as a rule */
#define STRANGE "\"'*;?\\" /* who writes one means no name that has it */

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
	const char *at = *list;
	size_t n = strcspn(at, ","), blanks;

	if (*at == '\0' || n >= size)
		return false;
	*list += n + (at[n] == ',' ? 1 : 0);
	blanks = strspn(at, " \t");
	at += blanks < n ? blanks : n;
	n -= blanks < n ? blanks : n;
	while (n > 0 && (at[n - 1] == ' ' || at[n - 1] == '\t'))
		n--;
	memcpy(path, at, n);
	path[n] = '\0';
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

	while (list < end && conf_paths_next(&list, other, sizeof(other)))
		if (conf_paths_overlap(path, other))
			return false;
	return true;
}

static const char *fault_of(const char *path)
{
	if (*path == '\0')
		return "has no name";
	if (*path == '/')
		return "begins with /, but is taken from the top of the data partition";
	if (path[strlen(path) - 1] == '/')
		return "ends with /";
	if (path[strcspn(path, STRANGE)] != '\0')
		return "has one of " STRANGE;
	if (!conf_paths_is_path(path) || strstr(path, " /") != NULL || strstr(path, "/ ") != NULL)
		return "has an empty part, . or .., or a blank beside /";
	if (strlen(path) > CONF_PATH_MAX)
		return "is too long";
	return conf_paths_overlap(path, OWN) ? "is Keelboot's own folder, or in it" : NULL;
}

const char *conf_paths_fault(const char *value, char path[CONF_PATHS_LEN + 1])
{
	const char *rest = value, *why = NULL;
	unsigned n = 0;

	path[0] = '\0';
	for (bool more = *value != '\0'; more && why == NULL;) {
		const char *begin = rest;

		if (!conf_paths_next(&rest, path, CONF_PATHS_LEN + 1)) {
			path[0] = '\0';
			return *rest == '\0' ? fault_of(path) : "is too long";
		}
		why = fault_of(path);
		if (why == NULL && !fits_before(value, begin, path))
			why = "is in another one of the list, or has one in it";
		if (why == NULL && ++n > CONF_PATHS_MAX)
			why = "is one more than the eight that a list may have";
		more = *rest != '\0' || rest[-1] == ',';
	}
	return why;
}
