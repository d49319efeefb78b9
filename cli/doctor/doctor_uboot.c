/* SPDX-License-Identifier: Apache-2.0 */
/* U-Boot's half: does its environment, or a boot script that can be found, have what
 * kernel-cmdline/loaders/boot.cmd has, and does U-Boot come to it? Only words are looked for. */
#include "cli/doctor/doctor_checks.h"
#include "cli/doctor/doctor_script.h"

#include "lib/util.h"
#include "selector/loader/loader_uboot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The values of the environment, but those of Keelboot's own words; and what is searched. */
static struct doctor_script variables, script;

struct environment {
	/* all of it was seen */
	bool known;
	bool has_bootcmd, has_delay;
	long delay, limit;
	char other_command[512];
	struct doctor_script *all;
};

static const struct doctor_words words[] = {
	{ "keelboot_default", NULL,
	  "start the pair of keelboot_default, as kernel-cmdline/loaders/boot.cmd does",
	  "U-Boot does not fall back to the kernel that proved itself" },
	{ "keelboot_once", NULL,
	  "start the pair of keelboot_once, once, as kernel-cmdline/loaders/boot.cmd does",
	  "no release with a kernel is ever tried" },
	{ "saveenv", "keelboot_save",
	  "before that kernel is started, add: setenv keelboot_once; saveenv",
	  "a kernel that was asked for once and hangs is started again and again" },
	{ "keelboot.pair=", NULL, "add keelboot.pair=${keelboot_pair} to bootargs",
	  "init does not know whose kernel runs" },
};

/* ---------------------------------------------------------------- the environment */

static bool is_word_of_keelboot(const char *name)
{
	static const char *const names[] = { "keelboot_default", "keelboot_once",
					     "keelboot_starts" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static void take_variable(void *ctx, const char *name, const char *value)
{
	struct environment *e = ctx;

	if (strcmp(name, "bootdelay") == 0) {
		e->has_delay = true;
		e->delay = strtol(value, NULL, 10);
	} else if (strcmp(name, "bootlimit") == 0) {
		e->limit = strtol(value, NULL, 10);
	} else if (strcmp(name, "altbootcmd") == 0) {
		snprintf(e->other_command, sizeof(e->other_command), "%s", value);
	}
	if (!is_word_of_keelboot(name))
		doctor_script_add(e->all, DOCTOR_SCRIPT_SHELL, value, strlen(value));
	if (strcmp(name, "bootcmd") != 0)
		return;
	e->has_bootcmd = true;
	doctor_script_clear(&script);
	doctor_script_add(&script, DOCTOR_SCRIPT_SHELL, value, strlen(value));
}

/* A command that goes on elsewhere may come to any script. */
static bool starts_by_itself(const struct environment *e)
{
	static const char *const elsewhere[] = { "run",	     "source",	"bootflow",	"sysboot",
						 "bootmenu", "bootstd", "env",		"eval",
						 "if",	     "bootdev", "keelboot_once" };
	static const char *const starts[] = { "booti", "bootz", "bootm", "bootefi" };
	bool is = false;

	if (!e->has_bootcmd || !script.whole)
		return false;
	for (unsigned i = 0; i < KB_ARRAY_LEN(elsewhere); i++)
		if (doctor_script_has(&script, elsewhere[i]))
			return false;
	for (unsigned i = 0; i < KB_ARRAY_LEN(starts); i++)
		is = is || doctor_script_has(&script, starts[i]);
	return is;
}

static void check_delay(struct doctor *doc, const struct environment *e)
{
	if (e->has_delay && e->delay == -1)
		doctor_report(
			doc, DOCTOR_ERROR, "loader-menu", "run fw_setenv bootdelay 0",
			"bootdelay=-1: U-Boot waits at its prompt until a person starts a kernel");
}

/* What it counts is not what Keelboot answers. */
static void check_limit(struct doctor *doc, const struct environment *e)
{
	if (e->limit <= 0 || strstr(e->other_command, "bootcmd") != NULL ||
	    strstr(e->other_command, "keelboot") != NULL)
		return;
	doctor_report(
		doc, e->other_command[0] == '\0' ? DOCTOR_ERROR : DOCTOR_WARNING,
		"loader-bootlimit",
		"run fw_setenv bootlimit, which removes it, or fw_setenv altbootcmd 'run bootcmd': Keelboot's script counts by itself",
		"bootlimit=%ld: U-Boot's own count is never answered, and behind that many starts it runs altbootcmd%s",
		e->limit,
		e->other_command[0] == '\0' ? ", which is missing: nothing starts"
					    : " instead of Keelboot's script");
}

/* ---------------------------------------------------------------- a boot script */

static bool has_script(const struct doctor_script *s)
{
	return doctor_script_has(s, "keelboot_default") || doctor_script_has(s, "keelboot_once") ||
	       doctor_script_has(s, "keelboot.pair");
}

static const char *const places[] = { "/boot", "/boot/firmware", "/boot/efi", "/efi",
				      "/boot/boot" };

static bool find_script(struct doctor *doc)
{
	static const char *const names[] = { "boot.scr", "boot.scr.uimg", "boot.cmd" };
	char path[96];

	for (unsigned i = 0; i < KB_ARRAY_LEN(places) * KB_ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", places[i / KB_ARRAY_LEN(names)],
			 names[i % KB_ARRAY_LEN(names)]);
		doctor_script_clear(&script);
		if (!doctor_script_add_file(doc, &script, DOCTOR_SCRIPT_SHELL, path) ||
		    !has_script(&script))
			continue;
		snprintf(doc->facts.config, sizeof(doc->facts.config), "%s", path);
		return true;
	}
	return false;
}

/* U-Boot looks for it before it looks for a script. */
static bool has_extlinux(const struct doctor *doc, char path[96])
{
	for (unsigned i = 0; i < KB_ARRAY_LEN(places); i++) {
		snprintf(path, 96, "%s/extlinux/extlinux.conf", places[i]);
		if (doctor_exists(doc, path))
			return true;
	}
	return false;
}

/* ---------------------------------------------------------------- all of it */

static void check_script(struct doctor *doc, const struct doctor_script *s)
{
	doctor_script_want(doc, s, words, KB_ARRAY_LEN(words));
	if (doctor_script_has_both(s, "wdt", "start"))
		doc->facts.watchdog = DOCTOR_YES;
}

static void check_unseen(struct doctor *doc)
{
	char path[96];

	if (doc->cmd.pair >= 0 && doc->cmd.start != CMDLINE_START_PLAIN)
		return;
	if (doc->cmd.pair < 0 && has_extlinux(doc, path))
		doctor_report(
			doc, DOCTOR_ERROR, "loader-script",
			"remove that file, and put kernel-cmdline/loaders/boot.cmd in its place as boot.scr (docs/KERNEL.md)",
			"U-Boot starts what %s says: it tries no release, and falls back to none",
			path);
	else
		doctor_report(
			doc, DOCTOR_NOTE, "loader-script-unseen",
			"mount the partition that has boot.scr, or compare it with kernel-cmdline/loaders/boot.cmd",
			"neither U-Boot's environment nor a boot.scr below /boot and /efi has Keelboot's words: whether U-Boot falls back cannot be seen here");
}

void doctor_uboot(struct doctor *doc)
{
	struct loader l = { .kind = CONF_LOADER_UBOOT, .root = "" };
	struct environment e = { .all = &variables };

	doctor_script_clear(&variables);
	l.where = conf_loader_environment(&doc->d->conf);
	e.known = loader_uboot_each(&l, take_variable, &e) == KB_OK;
	check_delay(doc, &e);
	check_limit(doc, &e);
	if (e.known && starts_by_itself(&e))
		doctor_report(
			doc, DOCTOR_ERROR, "loader-script",
			"have bootcmd run Keelboot's script, as distro_bootcmd does with boot.scr (docs/KERNEL.md)",
			"U-Boot's bootcmd starts a kernel by itself: it tries no release, and falls back to none");
	else if (e.known && has_script(&variables)) {
		snprintf(doc->facts.config, sizeof(doc->facts.config), "U-Boot's environment");
		check_script(doc, &variables);
	} else if (find_script(doc)) {
		check_script(doc, &script);
	} else {
		check_unseen(doc);
	}
}
