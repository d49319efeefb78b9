/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/permit.h"

#include "fleet/clock.h"

#include "lib/capture.h"
#include "lib/conf_fleet.h"
#include "lib/daily.h"
#include "lib/log.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---------------------------------------------------------------- the time of the day */

static bool is_in_window(const char *text, time_t now, char *why)
{
	struct daily window;
	struct tm tm;

	/* A person may have changed the zone since the start. */
	tzset();
	if (!daily_read(&window, text) || now < (time_t)CLOCK_SET ||
	    localtime_r(&now, &tm) == NULL) {
		snprintf(why, PERMIT_WHY_MAX + 1,
			 "reboot-window=%s, and the clock of this device is not set", text);
		return false;
	}
	if (daily_has(&window, (unsigned)(tm.tm_hour * 60 + tm.tm_min)))
		return true;
	snprintf(why, PERMIT_WHY_MAX + 1, "reboot-window=%s; it is %02d:%02d here", text,
		 tm.tm_hour, tm.tm_min);
	return false;
}

/* ---------------------------------------------------------------- files */

/* In the place of the folder that was meant. */
static bool is_file(const char *folder)
{
	char path[CONF_COMMAND_MAX + 1];
	struct stat st;
	size_t len;

	snprintf(path, sizeof(path), "%s", folder);
	for (len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
		path[len - 1] = '\0';
	return lstat(path, &st) == 0;
}

static bool has_entries(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *e = NULL;
	bool failed;

	if (dir == NULL)
		return errno == ENOTDIR ? is_file(path) : errno != ENOENT;
	do {
		errno = 0;
		e = readdir(dir);
	} while (e != NULL && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0));
	failed = e == NULL && errno != 0;
	closedir(dir);
	return e != NULL || failed;
}

/* What cannot be looked at counts as there: its owner wants no reboot. */
static bool is_there(const char *path)
{
	struct stat st;

	if (path[strlen(path) - 1] == '/')
		return has_entries(path);
	return lstat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

static bool is_inhibited(const char *paths, char *why)
{
	char list[CONF_COMMAND_MAX + 1], *rest = NULL;

	snprintf(list, sizeof(list), "%s", paths);
	for (char *path = strtok_r(list, CONF_FLEET_BLANKS, &rest); path != NULL;
	     path = strtok_r(NULL, CONF_FLEET_BLANKS, &rest)) {
		if (!is_there(path))
			continue;
		snprintf(why, PERMIT_WHY_MAX + 1, "%s is there (reboot-inhibit=)", path);
		return true;
	}
	return false;
}

/* ---------------------------------------------------------------- a program */

/* In one line. */
static void make_printable(char *text)
{
	for (char *at = text; *at != '\0'; at++)
		*at = *at == '\n' && at[1] == '\0' ? '\0' : *at >= 0x20 && *at <= 0x7e ? *at : ' ';
}

static bool is_consented(const struct conf *conf, const char *version, char *why)
{
	const char *const argv[] = { "/bin/sh", "-c",	 conf->fleet_reboot_consent,
				     "sh",	version, NULL };
	char says[160];
	enum kb_err err = capture_run(argv, conf->fleet_timeout_s * 1000, says, sizeof(says));

	if (err == KB_OK)
		return true;
	make_printable(says);
	if (err == KB_ETIMEDOUT)
		snprintf(why, PERMIT_WHY_MAX + 1, "reboot-consent= gave no answer for %u s",
			 conf->fleet_timeout_s);
	else
		snprintf(why, PERMIT_WHY_MAX + 1, "reboot-consent= says no%s%s",
			 says[0] != '\0' ? ": " : "", says);
	return false;
}

/* ---------------------------------------------------------------- all of it */

void permit_check(const struct conf *conf)
{
	char why[CONF_COMMAND_MAX + 80];

	if (!conf_fleet_reboot_is_clear(conf, why, sizeof(why)))
		log_err("%s", why);
}

void permit_describe(char *text, size_t size, const struct conf *conf)
{
	bool window = conf->fleet_reboot_window[0] != '\0',
	     files = conf->fleet_reboot_inhibit[0] != '\0';
	bool consent = conf->fleet_reboot_consent[0] != '\0';

	if (!conf->fleet_reboot)
		snprintf(text, size, "the reboot is left to others");
	else
		snprintf(text, size, "reboots by itself%s%s%s%s%s",
			 window || files || consent ? "" : " at once", window ? ", between " : "",
			 window ? conf->fleet_reboot_window : "",
			 files ? ", unless a file of reboot-inhibit= is there" : "",
			 consent ? ", if reboot-consent= says yes" : "");
}

/* A line that is ignored may have been the one that forbids it. */
static bool is_doubtful(const struct conf *c)
{
	char why[CONF_COMMAND_MAX + 80];

	return c->lost || conf_is_bad(c, c->fleet_reboot_window) ||
	       conf_is_bad(c, c->fleet_reboot_inhibit) || conf_is_bad(c, c->fleet_reboot_consent) ||
	       !conf_fleet_reboot_is_clear(c, why, sizeof(why));
}

bool permit_reboot(const struct conf *conf, bool forced, const char *version, time_t now,
		   char why[PERMIT_WHY_MAX + 1])
{
	if (is_doubtful(conf)) {
		snprintf(
			why, PERMIT_WHY_MAX + 1,
			"a part of system.conf is ignored, which may forbid it; see keelboot check-config");
		return false;
	}
	if (conf->fleet_reboot_window[0] != '\0' &&
	    !is_in_window(conf->fleet_reboot_window, now, why))
		return false;
	if (is_inhibited(conf->fleet_reboot_inhibit, why))
		return false;
	return conf->fleet_reboot_consent[0] == '\0' || forced || is_consented(conf, version, why);
}

enum permit permit_confirm(const struct conf *conf, const char *name, char says[PERMIT_WHY_MAX + 1])
{
	const char *const argv[] = { "/bin/sh", "-c", conf->fleet_confirm, "sh", name, NULL };
	enum kb_err err;
	int status;

	snprintf(says, PERMIT_WHY_MAX + 1, "no confirm= is set");
	if (conf->fleet_confirm[0] == '\0' && !conf_is_bad(conf, conf->fleet_confirm))
		return PERMIT_WAIT;
	snprintf(says, PERMIT_WHY_MAX + 1,
		 "a part of system.conf is ignored; see keelboot check-config");
	if (is_doubtful(conf) || conf_is_bad(conf, conf->fleet_confirm))
		return PERMIT_WAIT;
	err = capture_run_with(argv, NULL, conf->fleet_timeout_s * 1000, says, PERMIT_WHY_MAX + 1,
			       &status);
	make_printable(says);
	if (err == KB_OK)
		return PERMIT_YES;
	if (status != CAPTURE_NO_END && WIFEXITED(status) && WEXITSTATUS(status) == PERMIT_NO)
		return PERMIT_NO;
	if (err == KB_ETIMEDOUT)
		snprintf(says, PERMIT_WHY_MAX + 1, "confirm= gave no answer for %u s",
			 conf->fleet_timeout_s);
	else if (says[0] == '\0')
		snprintf(says, PERMIT_WHY_MAX + 1, "confirm= does not say why");
	return PERMIT_WAIT;
}
