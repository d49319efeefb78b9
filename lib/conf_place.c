/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_place.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SUFFIX ".efi"

const char *conf_place_split(const char *spec, conf_spec part)
{
	const char *colon = strstr(spec, ":/");
	size_t len = colon != NULL ? (size_t)(colon - spec) : strlen(spec);

	snprintf(part, sizeof(conf_spec), "%.*s", (int)(len < sizeof(conf_spec) ? len : 0), spec);
	return colon != NULL ? colon + 1 : NULL;
}

const char *conf_place_tail(const char *spec)
{
	const char *colon = strstr(spec, ":/");

	return colon != NULL ? colon : "";
}

const char *conf_place_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* One part of a path, without its slashes. */
static bool is_part(const char *part, size_t len)
{
	static const char ok[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return len > 0 && strspn(part, ok) >= len && part[0] != '.' && part[len - 1] != '.';
}

static bool is_entry_name(const char *name)
{
	size_t len = strlen(name);

	return len <= CONF_PLACE_NAME && len > strlen(SUFFIX) &&
	       strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0 &&
	       name[strcspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0';
}

bool conf_place_is_valid(const char *path)
{
	if (path[0] != '/' || strlen(path) > CONF_PLACE_FILE ||
	    !is_entry_name(conf_place_name(path)))
		return false;
	for (const char *at = path; *at == '/';) {
		size_t n = strcspn(++at, "/");

		if (!is_part(at, n))
			return false;
		at += n;
	}
	return true;
}

bool conf_place_is_same(const char *path, const char *other)
{
	return strcasecmp(path, other) == 0;
}
