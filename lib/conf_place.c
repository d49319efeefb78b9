/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_place.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define FOLDER "/EFI/Linux/" /* all that systemd-boot looks at */
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

/* A letter in capitals has a second name for systemd-boot, which compares small ones. */
static bool is_entry_name(const char *name)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len = strlen(name);

	return len <= CONF_PLACE_NAME && len > strlen(SUFFIX) && name[strspn(name, ok)] == '\0' &&
	       name[0] != '.' && strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0;
}

bool conf_place_is_valid(const char *path)
{
	return strncmp(path, FOLDER, strlen(FOLDER)) == 0 && is_entry_name(path + strlen(FOLDER));
}

/* Behind digits; NULL: there are none. */
static const char *skip_digits(const char *text)
{
	size_t n = strspn(text, "0123456789");

	return n > 0 ? text + n : NULL;
}

bool conf_place_is_counted(const char *path, const char *name)
{
	const char *own = conf_place_name(path);
	size_t stem = strlen(own) - strlen(SUFFIX);

	if (strncasecmp(own, name, stem) != 0 || name[stem] != '+')
		return false;
	name = skip_digits(name + stem + 1);
	if (name != NULL && name[0] == '-')
		name = skip_digits(name + 1);
	return name != NULL && strcasecmp(name, SUFFIX) == 0;
}

bool conf_place_is_same(const char *path, const char *other)
{
	return strcasecmp(conf_place_name(path), conf_place_name(other)) == 0;
}
