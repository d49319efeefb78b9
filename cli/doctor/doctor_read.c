/* SPDX-License-Identifier: Apache-2.0 */
/* What the checks read: small files of the running system, and what the boot left. */
#include "cli/doctor/doctor.h"

#include "lib/os.h"

#include <stdio.h>
#include <string.h>

bool doctor_read(const struct doctor *doc, const char *path, char *text, size_t size)
{
	char full[DEVICE_PATH_MAX];
	size_t len;

	text[0] = '\0';
	snprintf(full, sizeof(full), "%s%s", doc->sys_root, path);
	if (os_read_file(full, text, size, &len) != KB_OK)
		return false;
	if (len > 0 && text[len - 1] == '\n')
		text[len - 1] = '\0';
	return true;
}

bool doctor_exists(const struct doctor *doc, const char *path)
{
	char full[DEVICE_PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", doc->sys_root, path);
	return os_exists(full);
}

bool doctor_boot_device(const struct doctor *doc, const char *key, char *value, size_t size)
{
	static char text[32768];
	char path[DEVICE_PATH_MAX];
	char *rest = text, *line;
	size_t len = strlen(key);

	snprintf(path, sizeof(path), "%s/devices", doc->d->opts->run_dir);
	if (os_read_file(path, text, sizeof(text), NULL) != KB_OK)
		return false;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, key, len) != 0 || line[len] != ' ')
			continue;
		snprintf(value, size, "%s", line + len + 1);
		return true;
	}
	return false;
}
