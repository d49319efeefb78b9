/* SPDX-License-Identifier: Apache-2.0 */
/* U-Boot's half: does its environment, or a boot script that can be found, have what
 * kernel-cmdline/loaders/boot.cmd has, and does U-Boot come to it? */
#include "cli/doctor/doctor_checks.h"
#include "cli/doctor/doctor_order.h"

#include "lib/util.h"
#include "selector/loader/loader_uboot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The values of the environment, but those of Keelboot's own words; and a boot script. */
static struct doctor_script variables, script;
/* Of what is looked at. It knows all variables. */
static struct doctor_steps steps;

struct environment {
	/* all of it was seen */
	bool known;
	bool has_delay;
	long delay, limit;
	char other_command[512];
};

static const struct doctor_words words[] = {
	{ "keelboot_default", NULL, false,
	  "start the pair of keelboot_default, as kernel-cmdline/loaders/boot.cmd does",
	  "U-Boot does not fall back to the kernel that proved itself" },
	{ "keelboot_once", NULL, false,
	  "start the pair of keelboot_once, once, as kernel-cmdline/loaders/boot.cmd does",
	  "no release with a kernel is ever tried" },
	{ "saveenv", "keelboot_save", true,
	  "before that kernel is started, add: setenv keelboot_once; saveenv",
	  "a kernel that was asked for once and hangs is started again and again" },
	{ "keelboot.pair=", NULL, false, "add keelboot.pair=${keelboot_pair} to bootargs",
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
	size_t from;

	if (strcmp(name, "bootdelay") == 0) {
		e->has_delay = true;
		e->delay = strtol(value, NULL, 10);
	} else if (strcmp(name, "bootlimit") == 0) {
		e->limit = strtol(value, NULL, 10);
	} else if (strcmp(name, "altbootcmd") == 0) {
		snprintf(e->other_command, sizeof(e->other_command), "%s", value);
	}
	if (is_word_of_keelboot(name))
		return;
	from = variables.len;
	doctor_script_add(&variables, DOCTOR_SCRIPT_SHELL, value, strlen(value));
	doctor_steps_name(&steps, name, variables.text + from, variables.len - from);
}

/* How many of its words the steps have. */
static unsigned count_words(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < KB_ARRAY_LEN(words); i++)
		n += strncmp(words[i].word, "keelboot", 8) == 0 &&
		     doctor_steps_have(&steps, words[i].word);
	return n;
}

/* A command that goes on elsewhere may come to any script. */
static bool starts_by_itself(void)
{
	for (unsigned i = 0; i < steps.n; i++)
		if (steps.step[i].starts && !steps.step[i].doubtful)
			return steps.whole;
	return false;
}

static bool starts_something(void)
{
	for (unsigned i = 0; i < steps.n; i++)
		if (steps.step[i].starts)
			return true;
	return false;
}

/* Nothing that can be seen runs it: a command of U-Boot's own may. */
static bool is_begin(const struct doctor_body *b)
{
	char call[96];

	snprintf(call, sizeof(call), "run %.80s", b->name);
	return !doctor_script_has(&variables, call);
}

/* Makes the steps those of bootcmd, or of the variable that has the most of Keelboot's words. */
static bool take_environment(void)
{
	unsigned most = 0, which = 0;

	if (doctor_steps_run(&steps, "bootcmd") && count_words() > 0)
		return true;
	for (unsigned i = 0; i < steps.nnamed; i++) {
		const struct doctor_body *b = &steps.body[i];

		doctor_steps_again(&steps);
		doctor_steps_add(&steps, b->text, b->len);
		if (count_words() <= most || !is_begin(b))
			continue;
		most = count_words();
		which = i;
	}
	doctor_steps_again(&steps);
	if (most > 0)
		doctor_steps_add(&steps, steps.body[which].text, steps.body[which].len);
	return most > 0;
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
	bool answered = doc->d->conf.loader_counter == CONF_COUNTER_UBOOT;

	if (e->limit <= 0 || (answered && e->other_command[0] != '\0') ||
	    strstr(e->other_command, "bootcmd") != NULL ||
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

static const char *const places[] = { "/boot", "/boot/firmware", "/boot/efi", "/efi",
				      "/boot/boot" };

/* One that can be understood, and has nothing of Keelboot's; "": there is none. */
static char other[96];

/* U-Boot looks for it before it looks for a script. */
static bool has_extlinux(const struct doctor *doc, unsigned place, char path[96])
{
	snprintf(path, 96, "%s/extlinux/extlinux.conf", places[place]);
	return doctor_exists(doc, path);
}

/* Makes the steps those of the script. False: it is not Keelboot's. */
static bool take_script(struct doctor *doc, const char *path)
{
	doctor_script_clear(&script);
	if (!doctor_script_add_file(doc, &script, DOCTOR_SCRIPT_SHELL, path))
		return false;
	doctor_steps_again(&steps);
	doctor_steps_add(&steps, script.text, script.len);
	steps.whole = steps.whole && script.whole;
	if (strstr(script.text, "keelboot_") != NULL ||
	    strstr(script.text, "keelboot.pair") != NULL)
		return true;
	if (other[0] == '\0' && steps.whole && starts_something())
		snprintf(other, sizeof(other), "%s", path);
	return false;
}

static bool find_script(struct doctor *doc, unsigned *place)
{
	static const char *const names[] = { "boot.scr", "boot.scr.uimg", "boot.cmd" };
	char path[96];

	other[0] = '\0';
	for (unsigned i = 0; i < KB_ARRAY_LEN(places) * KB_ARRAY_LEN(names); i++) {
		*place = i / KB_ARRAY_LEN(names);
		snprintf(path, sizeof(path), "%s/%s", places[*place],
			 names[i % KB_ARRAY_LEN(names)]);
		if (!take_script(doc, path))
			continue;
		snprintf(doc->facts.config, sizeof(doc->facts.config), "%s", path);
		return true;
	}
	return false;
}

/* ---------------------------------------------------------------- all of it */

static void check_script(struct doctor *doc)
{
	doctor_order_check(doc, &steps, words, KB_ARRAY_LEN(words));
	if (doctor_order_arms_watchdog(&steps))
		doc->facts.watchdog = DOCTOR_YES;
}

static void report_extlinux(struct doctor *doc, const char *path)
{
	doctor_report(
		doc, DOCTOR_ERROR, "loader-script",
		"remove that file, and put kernel-cmdline/loaders/boot.cmd in its place as boot.scr (docs/KERNEL.md)",
		"U-Boot starts what %s says: it tries no release, and falls back to none", path);
}

static void check_unseen(struct doctor *doc)
{
	bool found = false;
	char path[96];

	if (doc->cmd.pair >= 0 && doc->cmd.start != CMDLINE_START_PLAIN)
		return;
	for (unsigned i = 0; i < KB_ARRAY_LEN(places) && !found; i++)
		found = has_extlinux(doc, i, path);
	if (doc->cmd.pair < 0 && found)
		report_extlinux(doc, path);
	else if (doc->cmd.pair < 0 && other[0] != '\0')
		doctor_report(
			doc, DOCTOR_ERROR, "loader-script",
			"put kernel-cmdline/loaders/boot.cmd in its place as boot.scr (docs/KERNEL.md)",
			"%s has nothing of Keelboot's: U-Boot tries no release, and falls back to none",
			other);
	else
		doctor_report(
			doc, DOCTOR_NOTE, "loader-script-unseen",
			"mount the partition that has boot.scr, or compare it with kernel-cmdline/loaders/boot.cmd",
			"neither U-Boot's environment nor a boot.scr below /boot and /efi has Keelboot's words: whether U-Boot falls back cannot be seen here");
}

static void check_found_script(struct doctor *doc, unsigned place)
{
	char path[96];

	check_script(doc);
	if (doc->cmd.pair < 0 && has_extlinux(doc, place, path))
		report_extlinux(doc, path);
}

void doctor_uboot(struct doctor *doc)
{
	static char where[DEVICE_PATH_MAX];
	struct loader l = { .kind = CONF_LOADER_UBOOT, .where = where, .root = doc->sys_root };
	struct environment e = { .known = false };
	unsigned place;

	doctor_uboot_place(doc);
	doctor_uboot_copies(doc);
	doctor_script_clear(&variables);
	doctor_steps_begin(&steps, DOCTOR_UBOOT);
	snprintf(where, sizeof(where), "%s%s", doc->sys_root,
		 conf_loader_environment(&doc->d->conf));
	e.known = loader_uboot_each(&l, take_variable, &e) == KB_OK;
	check_delay(doc, &e);
	check_limit(doc, &e);
	if (e.known && doctor_steps_run(&steps, "bootcmd") && starts_by_itself() &&
	    count_words() == 0) {
		doctor_report(
			doc, DOCTOR_ERROR, "loader-script",
			"have bootcmd run Keelboot's script, as distro_bootcmd does with boot.scr (docs/KERNEL.md)",
			"U-Boot's bootcmd starts a kernel by itself: it tries no release, and falls back to none");
		return;
	}
	doctor_steps_again(&steps);
	if (e.known && take_environment()) {
		snprintf(doc->facts.config, sizeof(doc->facts.config), "U-Boot's environment");
		check_script(doc);
	} else if (find_script(doc, &place)) {
		check_found_script(doc, place);
	} else {
		check_unseen(doc);
	}
}
