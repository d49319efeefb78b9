/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor/doctor_packed.h"

#include "lib/os.h"

#include <stdio.h>
#include <string.h>

#define LIST_MAX (64u << 10) /* init writes no more */

static char same_letter(char c)
{
	return c == '-' ? '_' : c;
}

static bool is_name(const char *line, const char *name)
{
	while (*name != '\0' && same_letter(*line) == same_letter(*name)) {
		line++;
		name++;
	}
	return *name == '\0' && *line == '\0';
}

bool doctor_packed_may(const struct doctor *doc, const char *module)
{
	static char text[LIST_MAX + 2];
	char path[DEVICE_PATH_MAX];
	char *rest = text, *line;
	size_t len;

	snprintf(path, sizeof(path), "%s/modules", doc->d->opts->run_dir);
	if (os_read_file(path, text, sizeof(text), &len) != KB_OK || len > LIST_MAX)
		return true;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (is_name(line, module))
			return true;
	}
	return false;
}
