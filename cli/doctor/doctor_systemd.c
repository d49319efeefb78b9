/* SPDX-License-Identifier: Apache-2.0 */
/* systemd-boot's half: did it start this, has it an entry for each slot, and does it start one
 * without a person? */
#include "cli/doctor/doctor_checks.h"
#include "cli/doctor/doctor_setting.h"
#include "cli/stage/incoming.h"

#include "lib/conf_place.h"
#include "lib/os_file.h"
#include "lib/util.h"
#include "selector/loader/loader_systemd.h"
#include "selector/loader/loader_top.h"
#include "selector/pair.h"
#include "update/apply/apply_entry.h"

#include <stdio.h>
#include <string.h>

#define CONFIG_MAX 16384u /* bytes of loader.conf */

static void check_started(struct doctor *doc, const struct loader_systemd_is *is)
{
	if (!is->started)
		doctor_report(
			doc, DOCTOR_ERROR, "loader-other",
			"make it the first entry of the firmware: bootctl install; bootctl status names what started",
			"systemd-boot did not start this system%s%s: whose kernel runs is not known",
			is->info[0] != '\0' ? ", but " : "", is->info);
}

/* Where the boot did not know it, the same question has the reason. */
static void check_origin(struct doctor *doc, struct loader *l, const struct loader_systemd_is *is)
{
	int slot;

	if (!is->started || doc->d->pair != STATE_NONE || loader_systemd_booted(l, &slot) == KB_OK)
		return;
	doctor_report(
		doc, DOCTOR_ERROR, "loader-elsewhere",
		"take out other media, or make this disk the first one of the firmware (efibootmgr -o), and restart",
		"whose kernel runs is not known: %.180s", l->why);
}

static const char *place_of(const struct doctor *doc, unsigned slot)
{
	const char *place = conf_slot_part(&doc->d->conf, slot, PAIR_CLASS);

	return place != NULL ? place : "its file";
}

/* ---------------------------------------------------------------- its entries */

/* What an install to that slot would be refused for. Where the partition cannot be mounted, nothing
 * is said. */
static bool check_entry(struct doctor *doc, unsigned slot)
{
	static struct apply_slot of[STATE_SLOTS_MAX];
	struct loader l = { .kind = CONF_LOADER_SYSTEMD, .root = doc->sys_root };
	LOADER_TOP_CLEANUP struct loader_top top = { .lend = { .sock = -1 }, .dir = -1 };
	char path[DEVICE_PATH_MAX], why[MANIFEST_WHY];
	conf_spec dev;

	if (device_slot_path(doc->d, (int)slot, PAIR_CLASS, path) != KB_OK ||
	    conf_place_split(path, dev) == NULL || loader_top_open(&l, dev, false, &top) != KB_OK)
		return true;
	memset(of, 0, sizeof(of));
	incoming_slots(doc->d, of);
	if (apply_entry_check(top.dir, dev, of, (int)slot, why) == KB_OK)
		return true;
	doctor_report(
		doc, DOCTOR_ERROR, "loader-entry",
		"mend it as docs/KERNEL.md sets it up; until then, nothing is installed to that slot",
		"slot %c: %.200s", state_slot_letter((int)slot), why);
	return false;
}

/* What a boot since has installed is not on its list yet. */
static void check_entries(struct doctor *doc, const struct loader_systemd_is *is)
{
	for (unsigned i = 0; i < STATE_SLOTS_MAX; i++) {
		if (!(is->given >> i & 1) || !check_entry(doc, i) || is->listed >> i & 1 ||
		    !doc->st.have_state || doc->d->state.slot[i].st != STATE_GOOD)
			continue;
		doctor_report(
			doc, DOCTOR_ERROR, "loader-entry",
			"install a release to that slot; a file in EFI/Linux is a unified kernel image with .osrel and .cmdline (docs/UKI.md)",
			"systemd-boot has no entry for the kernel of slot %c (%.100s)",
			state_slot_letter((int)i), place_of(doc, i));
	}
}

/* ---------------------------------------------------------------- what it starts by itself */

static void check_default(struct doctor *doc, const struct loader_systemd_is *is, int preset)
{
	const struct state *s = &doc->d->state;

	if (preset == STATE_NONE && is->preset[0] != '\0')
		doctor_report(doc, DOCTOR_ERROR, "loader-preset", "run keelboot mark good",
			      "the boot loader starts %s by default, which is no slot's kernel",
			      is->preset);
	else if (preset == STATE_NONE)
		doctor_report(doc, DOCTOR_ERROR, "loader-preset", "run keelboot mark good",
			      "the boot loader has no pair to fall back to");
	else if (doc->st.have_state && preset != s->last && preset != s->pref)
		doctor_report(
			doc, DOCTOR_WARNING, "loader-preset",
			"run keelboot mark good once the slot that runs is healthy",
			"the boot loader falls back to the kernel of slot %c, which did not prove itself last",
			state_slot_letter(preset));
}

static struct doctor_script config;

/* "/dev/vda1" of "systemd-boot a=/dev/vda1:x.efi,…"; false: nobody knows it. */
static bool find_partition(const struct doctor *doc, char dev[96])
{
	const char *at = strchr(doc->d->loader, '=');

	return at != NULL && sscanf(at, "=%95[^:,]", dev) == 1 && dev[0] == '/';
}

/* From the partition of the pairs, as nobody has it mounted. */
static bool borrow_config(struct doctor *doc)
{
	static char text[CONFIG_MAX + 1];
	struct loader l = { .kind = CONF_LOADER_SYSTEMD, .root = doc->sys_root };
	LOADER_TOP_CLEANUP struct loader_top top = { .lend = { .sock = -1 }, .dir = -1 };
	char dev[96];
	size_t len;

	if (!find_partition(doc, dev) || loader_top_open(&l, dev, false, &top) != KB_OK ||
	    os_file_enter(&top.dir, "loader") != KB_OK ||
	    loader_top_read(&top, "loader.conf", text, sizeof(text), &len) != KB_OK || len == 0)
		return false;
	doctor_script_add(&config, DOCTOR_SCRIPT_LINES, text, len);
	snprintf(doc->facts.config, sizeof(doc->facts.config), "loader/loader.conf of %s", dev);
	return true;
}

/* loader.conf, where the ESP is mounted, or may be; else only the variables tell. */
static bool find_config(struct doctor *doc)
{
	static const char *const places[] = { "/efi", "/boot/efi", "/boot" };
	char path[64];

	doctor_script_clear(&config);
	for (unsigned i = 0; i < KB_ARRAY_LEN(places); i++) {
		snprintf(path, sizeof(path), "%s/loader/loader.conf", places[i]);
		if (!doctor_script_add_file(doc, &config, DOCTOR_SCRIPT_LINES, path))
			continue;
		snprintf(doc->facts.config, sizeof(doc->facts.config), "%s", path);
		return true;
	}
	return borrow_config(doc);
}

static void check_menu(struct doctor *doc, const struct loader_systemd_is *is)
{
	char value[DOCTOR_SETTING_MAX];

	if (is->waits ||
	    (doctor_setting_word(&config, "timeout", value) && strcmp(value, "menu-force") == 0))
		doctor_report(
			doc, DOCTOR_ERROR, "loader-menu",
			"run bootctl set-timeout 0, or write the line \"timeout 0\" into loader/loader.conf of the ESP",
			"systemd-boot waits in its menu until a person chooses: after a reset, nothing starts");
}

/* The variable that Keelboot sets goes before `default`. What `preferred` goes before, only newer
 * versions know. */
static void check_preferred(struct doctor *doc)
{
	char value[DOCTOR_SETTING_MAX];

	if (doctor_setting_word(&config, "preferred", value))
		doctor_report(
			doc, DOCTOR_WARNING, "loader-preferred",
			"remove the line \"preferred\" from loader/loader.conf of the ESP",
			"%.100s has a line \"preferred\": systemd-boot 260 and later may start that entry, and not the one that proved itself",
			doc->facts.config);
}

static void warn_uncounted(struct doctor *doc)
{
	doctor_report(
		doc, DOCTOR_WARNING, "loader-uncounted",
		"start the kernels by GRUB or U-Boot, with the script in kernel-cmdline/loaders, if that must not happen",
		"systemd-boot counts no starts of a file without a counter in its name: a kernel that was marked good and stops starting is started again and again");
}

void doctor_systemd(struct doctor *doc)
{
	struct loader l = { .kind = CONF_LOADER_SYSTEMD, .root = doc->sys_root };
	const char *where = strchr(doc->d->loader, ' ');
	struct loader_systemd_is is;
	struct loader_choice c;
	enum kb_err err;

	l.where = where != NULL ? where + 1 : "";
	err = loader_systemd_look(&l, &is);
	if (err == KB_OK)
		err = loader_systemd_read(&l, &c);
	if (err != KB_OK) {
		doctor_report(
			doc, DOCTOR_ERROR, "loader-store",
			"mend it as docs/KERNEL.md sets it up; until then, nothing is installed",
			"the boot loader's store: %.180s", l.why);
		return;
	}
	check_started(doc, &is);
	check_origin(doc, &l, &is);
	check_entries(doc, &is);
	check_default(doc, &is, c.preset);
	doctor_once(doc, c.once);
	(void)!find_config(doc);
	check_menu(doc, &is);
	check_preferred(doc);
	warn_uncounted(doc);
}
