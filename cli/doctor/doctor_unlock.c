/* SPDX-License-Identifier: Apache-2.0 */
/* Whether there is time to unlock a disk before the watchdog restarts the machine. */
#include "cli/doctor/doctor_checks.h"

#include <string.h>

#define CRYPTTAB "/etc/crypttab"
#define SHORT_S	 120

static bool opens_in_initramfs(const char *options)
{
	return strstr(options, "initramfs") != NULL || strstr(options, "x-initrd.attach") != NULL;
}

/* A line whose key a person types, or a server has. */
static bool is_asked_for(char *line)
{
	const char *field[4] = { "", "", "", "" };
	char *rest = line;

	for (unsigned i = 0; i < 4; i++) {
		rest += strspn(rest, " \t");
		if (*rest == '\0')
			break;
		field[i] = strsep(&rest, " \t");
		if (rest == NULL)
			break;
	}
	if (field[0][0] == '#' || !opens_in_initramfs(field[3]))
		return false;
	return strcmp(field[2], "none") == 0 || strcmp(field[2], "-") == 0 ||
	       strstr(field[3], "keyscript=") != NULL;
}

void doctor_unlock(struct doctor *doc)
{
	static char text[16384];
	char *rest = text, *line;

	if (doc->d->conf.unlock_timeout_s >= SHORT_S ||
	    !doctor_read(doc, CRYPTTAB, text, sizeof(text)))
		return;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (!is_asked_for(line))
			continue;
		doctor_report(
			doc, DOCTOR_WARNING, "unlock-timeout-short",
			"set [initramfs] unlock-timeout= of system.conf to the time that it takes, such as 600, and make the initramfs anew",
			"the initramfs asks how to unlock a disk of " CRYPTTAB
			", and the watchdog restarts the machine after %u s",
			doc->d->conf.unlock_timeout_s + doc->d->conf.watchdog_timeout_s);
		return;
	}
}
