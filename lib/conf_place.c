/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_place.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define FOLDER "/EFI/Linux/" /* where systemd-boot looks for images */
#define SUFFIX ".efi"
#define TEXT   ".conf"
#define ENTRY  (CONF_PLACE_NAME - (sizeof(TEXT) - 1)) /* bytes of its name before that */

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

/* Of small letters: one in capitals has a second name for systemd-boot, which compares small ones,
 * and FAT has no dot at the end of a name. */
static bool is_plain_name(const char *name, size_t len, size_t max)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";

	return len > 0 && len <= max && strspn(name, ok) >= len && name[0] != '.' &&
	       name[len - 1] != '.';
}

bool conf_place_is_image(const char *path)
{
	size_t len = strlen(path), tail = strlen(SUFFIX);

	if (strncmp(path, FOLDER, strlen(FOLDER)) != 0)
		return false;
	path += strlen(FOLDER);
	len -= strlen(FOLDER);
	return is_plain_name(path, len, CONF_PLACE_NAME) && path[len] == '\0' && len > tail &&
	       strcmp(path + len - tail, SUFFIX) == 0;
}

/* "/keelboot-a/vmlinuz"; not in a folder of firmware and loader. */
static bool is_beside_text(const char *path)
{
	size_t folder = path[0] == '/' ? strcspn(path + 1, "/") : 0, name;

	if (!is_plain_name(path + 1, folder, ENTRY) || path[1 + folder] != '/' ||
	    strncmp(path, "/efi/", 5) == 0 || strncmp(path, "/loader/", 8) == 0)
		return false;
	path += folder + 2;
	name = strlen(path);
	return is_plain_name(path, name, CONF_PLACE_NAME) && path[name] == '\0';
}

/* systemd-boot leaves out what begins with "auto-". */
bool conf_place_is_valid(const char *path)
{
	char entry[CONF_PLACE_NAME + 1];

	if (!conf_place_is_image(path) && !is_beside_text(path))
		return false;
	conf_place_entry(path, entry);
	return strncmp(entry, "auto-", 5) != 0;
}

void conf_place_entry(const char *path, char entry[CONF_PLACE_NAME + 1])
{
	size_t folder = strcspn(path + 1, "/");

	if (strncasecmp(path, FOLDER, strlen(FOLDER)) == 0)
		snprintf(entry, CONF_PLACE_NAME + 1, "%.*s", CONF_PLACE_NAME,
			 conf_place_name(path));
	else
		snprintf(entry, CONF_PLACE_NAME + 1, "%.*s" TEXT,
			 (int)(folder < ENTRY ? folder : ENTRY), path + 1);
}

/* Behind digits; NULL: there are none. */
static const char *skip_digits(const char *text)
{
	size_t n = strspn(text, "0123456789");

	return n > 0 ? text + n : NULL;
}

bool conf_place_is_counted(const char *path, const char *name)
{
	char entry[CONF_PLACE_NAME + 1];
	const char *suffix;
	size_t stem;

	conf_place_entry(path, entry);
	suffix = strrchr(entry, '.');
	stem = suffix != NULL ? (size_t)(suffix - entry) : 0;
	if (stem == 0 || strncasecmp(entry, name, stem) != 0 || name[stem] != '+')
		return false;
	name = skip_digits(name + stem + 1);
	if (name != NULL && name[0] == '-')
		name = skip_digits(name + 1);
	return name != NULL && strcasecmp(name, suffix) == 0;
}

bool conf_place_is_same(const char *path, const char *other)
{
	char entry[CONF_PLACE_NAME + 1], of[CONF_PLACE_NAME + 1];

	conf_place_entry(path, entry);
	conf_place_entry(other, of);
	return strcasecmp(entry, of) == 0;
}
