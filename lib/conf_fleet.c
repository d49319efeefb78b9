/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_fleet.h"

#include "lib/daily.h"

#include <stdio.h>
#include <string.h>

size_t conf_fleet_shown(const char *url)
{
	const char *mark = strstr(url, "://");
	size_t scheme = mark != NULL ? (size_t)(mark - url) + 3 : 0;

	if (strchr(url, '@') != NULL)
		return strspn(url, "https:/") < scheme ? 0 : scheme;
	return scheme + strcspn(url + scheme, "/?#");
}

bool conf_fleet_reboot_is_clear(const struct conf *c, char *why, size_t size)
{
	const char *path = c->fleet_reboot_inhibit;
	struct daily window;
	size_t n;

	if (c->fleet_reboot_window[0] != '\0' && !daily_read(&window, c->fleet_reboot_window)) {
		snprintf(why, size,
			 "[fleet] reboot-window=%s: expected a time of the day as 22:30-04:00",
			 c->fleet_reboot_window);
		return false;
	}
	for (path += strspn(path, CONF_FLEET_BLANKS); *path != '\0';
	     path += n + strspn(path + n, CONF_FLEET_BLANKS)) {
		n = strcspn(path, CONF_FLEET_BLANKS);
		if (*path == '/')
			continue;
		snprintf(why, size, "[fleet] reboot-inhibit=%.*s: expected absolute paths", (int)n,
			 path);
		return false;
	}
	return true;
}
