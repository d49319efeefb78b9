/* SPDX-License-Identifier: Apache-2.0 */
/* A system without slots, which is guarded: what would keep a bad deployment from being left. */
#include "cli/doctor/doctor_checks.h"
#include "cli/guard/guard.h"
#include "cli/guard/guard_file.h"
#include "cli/guard/guard_watch.h"
#include "cli/state/mark.h"
#include "lib/capture.h"
#include "lib/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX  64
#define ANSWER_MS 5000

bool doctor_is_guarded(const struct doctor *doc)
{
	return doc->d->aside[0] == '\0' && guard_nothing(doc->d) == NULL;
}

/* ---------------------------------------------------------------- its commands */

/* True for one word that sh takes as it stands. */
static bool take_word(const char *command, char word[WORD_MAX])
{
	size_t n;

	command += strspn(command, " \t");
	n = strcspn(command, " \t");
	if (n == 0 || n >= WORD_MAX)
		return false;
	memcpy(word, command, n);
	word[n] = '\0';
	return word[strcspn(word, "$`\"'\\=;|&<>(){}[]*?!~#")] == '\0';
}

/* One that cannot be asked for is believed to be there. */
static bool is_command(const char *word)
{
	static const char question[] = "command -v \"$1\" >/dev/null || echo missing";
	const char *const argv[] = { "/bin/sh", "-c", question, "sh", word, NULL };
	char answer[256];

	return capture_run(argv, ANSWER_MS, answer, sizeof(answer)) != KB_OK ||
	       strcmp(answer, "missing\n") != 0;
}

static void check_command(struct doctor *doc, const char *key, const char *command,
			  enum doctor_severity severity)
{
	char word[WORD_MAX];

	if (doc->sys_root[0] == '\0' && take_word(command, word) && !is_command(word))
		doctor_report(doc, severity, "guard-command",
			      "install that program, or correct the command in system.conf",
			      "[guard] %s=: %s is no command of this system", key, word);
}

static void check_commands(struct doctor *doc)
{
	const struct conf *c = &doc->d->conf;

	if (c->guard_bad[0] == '\0')
		doctor_report(doc, DOCTOR_ERROR, "guard-bad",
			      "set [guard] bad= in system.conf, such as bad=bootc rollback",
			      "[guard] has no bad=: a deployment that is rejected is not left");
	check_command(doc, "bad", c->guard_bad, DOCTOR_ERROR);
	check_command(doc, "good", c->guard_good, DOCTOR_WARNING);
	check_command(doc, "deployment", c->guard_deployment, DOCTOR_ERROR);
	check_command(doc, "trial", c->guard_trial, DOCTOR_ERROR);
}

/* ---------------------------------------------------------------- its record */

/* The type and options of what GUARD_FOLDER is on: the last mount whose point is on the way. */
static bool find_mount(const struct doctor *doc, char type[32], char options[256])
{
	static char text[65536];
	char *rest = text, *line;
	size_t best = 0;

	if (!doctor_read(doc, "/proc/mounts", text, sizeof(text)))
		return false;
	while ((line = strsep(&rest, "\n")) != NULL) {
		char point[256], is[32], has[256];
		size_t n;

		if (sscanf(line, "%*s %255s %31s %255s", point, is, has) != 3)
			continue;
		n = strcmp(point, "/") == 0 ? 0 : strlen(point);
		if (n + 1 < best || strncmp(GUARD_FOLDER, point, n) != 0 ||
		    (GUARD_FOLDER[n] != '/' && GUARD_FOLDER[n] != '\0'))
			continue;
		best = n + 1;
		memcpy(type, is, sizeof(is));
		memcpy(options, has, sizeof(has));
	}
	return best > 0;
}

static void check_record(struct doctor *doc)
{
	char type[32], options[256];
	bool memory, fixed;

	if (!find_mount(doc, type, options))
		return;
	memory = strcmp(type, "tmpfs") == 0 || strcmp(type, "ramfs") == 0;
	fixed = strcmp(options, "ro") == 0 || strncmp(options, "ro,", 3) == 0;
	if (memory || fixed)
		doctor_report(
			doc, DOCTOR_ERROR, "guard-record",
			"have /var on a file system that keeps what is written, mounted before keelboot-guard.service",
			GUARD_FOLDER " is %s: no attempt is counted, so nothing is left",
			memory ? "in memory" : "read-only");
}

/* ---------------------------------------------------------------- this boot, and its ends */

static void check_boot(struct doctor *doc)
{
	if (!guard_runs(doc->d->opts))
		doctor_report(
			doc, DOCTOR_ERROR, "guard-begin",
			"enable keelboot-guard.service; without systemd, call keelboot guard begin early",
			"keelboot guard begin did not run in this boot: no trial is counted");
	else if (guard_on_trial(doc->d) && mark_guardian_find(doc->d) == 0)
		doctor_report(doc, DOCTOR_ERROR, "guardian-gone",
			      "reboot; the kernel's log may say why",
			      "the guardian is gone: nothing enforces the deadline of this trial");
}

static void check_guard_watchdog(struct doctor *doc)
{
	char node[32];

	if (guard_watch_is_fed(doc->sys_root))
		return;
	if (strcmp(doc->d->conf.watchdog, "off") == 0)
		doctor_report(doc, DOCTOR_WARNING, "watchdog-off",
			      "set [watchdog] device=auto in system.conf",
			      "the watchdog is switched off: nothing ends a hang of the kernel");
	else if (!doctor_watchdog_find(doc, node, sizeof(node)))
		doctor_report(
			doc, DOCTOR_WARNING, "watchdog-none",
			"load the driver of the hardware's watchdog, or softdog, before keelboot-guard.service",
			"no watchdog: nothing ends a hang of the kernel");
}

static void check_ends(struct doctor *doc)
{
	char text[64];

	check_guard_watchdog(doc);
	if (doctor_read(doc, "/proc/sys/kernel/panic", text, sizeof(text)) &&
	    strtol(text, NULL, 10) == 0)
		doctor_report(doc, DOCTOR_WARNING, "panic-hangs",
			      "add panic=10 to the kernel's command line",
			      "a kernel panic does not restart the machine");
	if (!doctor_exists(doc, "/var/log/journal") &&
	    (!doctor_read(doc, "/sys/module/pstore/parameters/backend", text, sizeof(text)) ||
	     text[0] == '\0' || text[0] == '('))
		doctor_report(
			doc, DOCTOR_WARNING, "guard-words",
			"make the journal persistent (mkdir /var/log/journal), or load a driver of pstore",
			"neither pstore nor a persistent journal: a hang leaves no words of the kernel");
}

void doctor_guard(struct doctor *doc)
{
	check_commands(doc);
	check_record(doc);
	check_boot(doc);
	check_ends(doc);
}
