/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor/doctor_setting.h"

#include <stdio.h>
#include <string.h>

/* The line at or behind *at, without the blanks before it; NULL: there is none. */
static const char *next_setting(const char **at)
{
	const char *line = *at + strspn(*at, " \t\r\n");

	*at = line + strcspn(line, "\n");
	return *line != '\0' ? line : NULL;
}

/* Up to a blank; true if there is something. */
static bool take_value(const char *text, char value[DOCTOR_SETTING_MAX])
{
	size_t len = strcspn(text, " \t\r\n");

	snprintf(value, DOCTOR_SETTING_MAX, "%.*s", (int)(len < 1024 ? len : 1024), text);
	return len > 0;
}

bool doctor_setting_word(const struct doctor_script *s, const char *name,
			 char value[DOCTOR_SETTING_MAX])
{
	const char *at = s->text, *line;
	char is[DOCTOR_SETTING_MAX];
	size_t len = strlen(name);
	bool found = false;

	while ((line = next_setting(&at)) != NULL) {
		if (strncmp(line, name, len) != 0 || (line[len] != ' ' && line[len] != '\t') ||
		    !take_value(line + len + strspn(line + len, " \t"), is))
			continue;
		memcpy(value, is, sizeof(is));
		found = true;
	}
	return found;
}

enum doctor_setting doctor_setting_filtered(const struct doctor_script *s, const char *name,
					    char value[DOCTOR_SETTING_MAX])
{
	bool filtered = false, of_all = false, differ = false;
	const char *at = s->text, *line;
	char is[DOCTOR_SETTING_MAX];
	size_t len = strlen(name);
	unsigned n = 0;

	while ((line = next_setting(&at)) != NULL) {
		if (*line == '[')
			filtered = strncmp(line, "[all]", 5) != 0;
		if (strncmp(line, name, len) != 0 || line[len] != '=')
			continue;
		(void)take_value(line + len + 1, is);
		differ = differ || (n > 0 && strcmp(is, value) != 0);
		of_all = of_all || !filtered;
		n++;
		memcpy(value, is, sizeof(is));
	}
	if (n == 0)
		return DOCTOR_SETTING_NONE;
	return of_all && !differ ? DOCTOR_SETTING_ALL : DOCTOR_SETTING_SOME;
}
