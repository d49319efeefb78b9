/* SPDX-License-Identifier: Apache-2.0 */
/* GRUB's half: has its configuration what kernel-cmdline/loaders/grub.cfg has, and the numbers of
 * this device's partitions? */
#include "cli/doctor/doctor_checks.h"
#include "cli/doctor/doctor_order.h"

#include "lib/os.h"
#include "lib/util.h"
#include "selector/pair.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VENDORS_MAX 16

static struct doctor_script script;
static struct doctor_steps steps;

static const struct doctor_words words[] = {
	{ "load_env", NULL, true,
	  "add: load_env --file=\"$keelboot_env\" keelboot_default keelboot_once keelboot_starts",
	  "GRUB never reads what Keelboot writes" },
	{ "keelboot_default", NULL, false,
	  "start the pair of $keelboot_default, as kernel-cmdline/loaders/grub.cfg does",
	  "GRUB does not fall back to the kernel that proved itself" },
	{ "keelboot_once", NULL, false,
	  "start the pair of $keelboot_once, once, as kernel-cmdline/loaders/grub.cfg does",
	  "no release with a kernel is ever tried" },
	{ "save_env", NULL, true,
	  "before that kernel is started, add: set keelboot_once= and save_env --file=\"$keelboot_env\" keelboot_once",
	  "a kernel that was asked for once and hangs is started again and again" },
	{ "keelboot.pair=", NULL, false,
	  "add keelboot.pair=a to the words of slot a's kernel, and so on",
	  "init does not know whose kernel runs" },
};

/* ---------------------------------------------------------------- finding it */

static bool mentions_keelboot(void)
{
	return strstr(script.text, "keelboot_") != NULL ||
	       strstr(script.text, "keelboot.pair") != NULL;
}

/* grub.cfg, and what Debian's takes in from beside it. False: there is none. */
static bool take_folder(struct doctor *doc, const char *folder)
{
	char path[200];
	size_t own;

	doctor_script_clear(&script);
	doctor_steps_begin(&steps, DOCTOR_GRUB);
	snprintf(path, sizeof(path), "%.180s/grub.cfg", folder);
	if (!doctor_script_add_file(doc, &script, DOCTOR_SCRIPT_SHELL, path))
		return false;
	own = script.len;
	snprintf(doc->facts.config, sizeof(doc->facts.config), "%.150s/grub.cfg", folder);
	snprintf(path, sizeof(path), "%.180s/" DOCTOR_STEPS_INCLUDE, folder);
	if (strstr(script.text, DOCTOR_STEPS_INCLUDE) != NULL &&
	    doctor_script_add_file(doc, &script, DOCTOR_SCRIPT_SHELL, path))
		doctor_steps_name(&steps, DOCTOR_STEPS_INCLUDE, script.text + own,
				  script.len - own);
	doctor_steps_add(&steps, script.text, own);
	script.whole = script.whole && steps.whole;
	return true;
}

struct search {
	struct doctor *doc;
	/* that of Keelboot was found: it is in the script */
	bool ours;
	/* another one, that can be understood; "": there is none */
	char other[160];
};

static void try_folder(struct search *is, const char *folder)
{
	if (is->ours || !take_folder(is->doc, folder))
		return;
	is->ours = mentions_keelboot();
	if (!is->ours && is->other[0] == '\0' && script.whole)
		memcpy(is->other, is->doc->facts.config, sizeof(is->other));
}

/* Who made it could have put anything on a terminal. */
static bool is_plain(const char *text)
{
	for (; *text != '\0'; text++)
		if (!isalnum((unsigned char)*text) && strchr("._-,", *text) == NULL)
			return false;
	return true;
}

/* An ESP has a folder for each vendor. */
static void try_vendors(struct search *is, const char *esp)
{
	static char names[VENDORS_MAX][64];
	char path[DEVICE_PATH_MAX], folder[160];
	unsigned n = 0;

	snprintf(path, sizeof(path), "%s%s", is->doc->sys_root, esp);
	(void)!os_list(path, names, VENDORS_MAX, &n);
	for (unsigned i = 0; i < n; i++) {
		snprintf(folder, sizeof(folder), "%s/%s", esp, names[i]);
		if (is_plain(names[i]))
			try_folder(is, folder);
	}
}

static void look_everywhere(struct search *is)
{
	static const char *const folders[] = { "/boot/grub", "/boot/grub2", "/boot/efi/grub",
					       "/efi/grub",  "/grub",	    "/grub2" };
	static const char *const esps[] = { "/boot/efi/EFI", "/efi/EFI", "/boot/EFI" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(folders); i++)
		try_folder(is, folders[i]);
	for (unsigned i = 0; i < KB_ARRAY_LEN(esps); i++)
		try_vendors(is, esps[i]);
	if (!is->ours)
		is->doc->facts.config[0] = '\0';
}

/* ---------------------------------------------------------------- its partitions */

/* "gpt6" is partition 6. 0: it names none by a number. */
static unsigned long number_of(const char *name)
{
	size_t len = strlen(name), digits = 0;

	while (digits < len && name[len - 1 - digits] >= '0' && name[len - 1 - digits] <= '9')
		digits++;
	return digits > 0 && digits < len ? strtoul(name + len - digits, NULL, 10) : 0;
}

/* Of "/dev/vda6", as the kernel has it; 0: that is no partition. */
static unsigned long partition_of(const struct doctor *doc, const char *dev)
{
	char path[160], text[16];

	if (strncmp(dev, "/dev/", 5) != 0)
		return 0;
	snprintf(path, sizeof(path), "/sys/class/block/%.100s/partition", dev + 5);
	return doctor_read(doc, path, text, sizeof(text)) ? strtoul(text, NULL, 10) : 0;
}

static void check_number(struct doctor *doc, const char *name, const char *dev, const char *what)
{
	unsigned long is = partition_of(doc, dev), said;
	char value[32], fix[64];

	if (!doctor_script_value(&script, name, value, sizeof(value)) || !is_plain(value))
		return;
	said = number_of(value);
	if (is == 0 || said == 0 || is == said)
		return;
	snprintf(fix, sizeof(fix), "correct the line: set %s=gpt%lu", name, is);
	doctor_report(doc, DOCTOR_ERROR, "loader-script", fix,
		      "%.80s has %s=%s, but %s is partition %lu (%.40s)", doc->facts.config, name,
		      value, what, is, dev);
}

static const char *device_of_pair(const struct doctor *doc, unsigned slot)
{
	for (unsigned i = 0; i < doc->d->nparts; i++)
		if (doc->d->part[i].slot == (int)slot &&
		    strcmp(doc->d->part[i].cls, PAIR_CLASS) == 0)
			return doc->d->part[i].path;
	return "";
}

static void check_pair(struct doctor *doc, unsigned slot, bool by_letter)
{
	char name[] = "keelboot_?", what[32], fix[96];

	name[sizeof(name) - 2] = state_slot_letter((int)slot);
	if (doctor_script_has(&script, name)) {
		snprintf(what, sizeof(what), "slot %c's kernel", state_slot_letter((int)slot));
		check_number(doc, name, device_of_pair(doc, slot), what);
		return;
	}
	snprintf(fix, sizeof(fix), "add: set %s=gptN, and the letter to the lists of slots", name);
	if (by_letter)
		doctor_report(doc, script.whole ? DOCTOR_ERROR : DOCTOR_NOTE,
			      script.whole ? "loader-script" : "loader-script-unclear", fix,
			      "%.100s names no partition of slot %c's kernel: GRUB never starts it",
			      doc->facts.config, state_slot_letter((int)slot));
}

/* Another script than ours need not name partitions so. */
static void check_pairs_partitions(struct doctor *doc)
{
	const struct conf *c = &doc->d->conf;
	const char *store = strchr(doc->d->loader, ' ');
	bool by_letter = doctor_script_has(&script, "keelboot_a") ||
			 doctor_script_has(&script, "keelboot_b");

	for (unsigned i = 0; i < c->nslots; i++)
		if (conf_slot_part(c, i, PAIR_CLASS) != NULL)
			check_pair(doc, i, by_letter);
	if (store != NULL)
		check_number(doc, "keelboot_block", store + 1, "the environment block");
}

/* ---------------------------------------------------------------- all of it */

/* Nobody sits there who could choose. */
static void check_grub_menu(struct doctor *doc)
{
	char value[16];

	if (doctor_script_has(&script, "menuentry") &&
	    doctor_script_value(&script, "timeout", value, sizeof(value)) &&
	    strcmp(value, "-1") == 0)
		doctor_report(
			doc, DOCTOR_ERROR, "loader-menu", "correct the line: set timeout=0",
			"%.100s has timeout=-1: GRUB waits in its menu until a person chooses",
			doc->facts.config);
}

void doctor_grub(struct doctor *doc)
{
	struct search is = { .doc = doc };
	bool passed = doc->cmd.pair >= 0;

	look_everywhere(&is);
	if (is.ours) {
		steps.whole = script.whole;
		doctor_order_check(doc, &steps, words, KB_ARRAY_LEN(words));
		check_pairs_partitions(doc);
		check_grub_menu(doc);
	} else if (is.other[0] != '\0' && !passed) {
		doctor_report(
			doc, DOCTOR_ERROR, "loader-script",
			"take kernel-cmdline/loaders/grub.cfg, with the eight lines at its top changed (docs/KERNEL.md)",
			"%.120s has nothing of Keelboot's: GRUB tries no release, and falls back to none",
			is.other);
	} else if (!passed || doc->cmd.start == CMDLINE_START_PLAIN) {
		doctor_report(
			doc, DOCTOR_NOTE, "loader-script-unseen",
			"mount the partition that has it, or compare it with kernel-cmdline/loaders/grub.cfg",
			"no grub.cfg with Keelboot's words was found below /boot, /efi and /grub: whether GRUB falls back cannot be seen here");
	}
}
