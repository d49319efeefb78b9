/* SPDX-License-Identifier: Apache-2.0 */
/* A Raspberry Pi's half: does the firmware read the file that Keelboot writes, does it know
 * tryboot, and what do config.txt and cmdline.txt of each pair say? What it starts is asked as of
 * any loader.
 */
#include "cli/doctor/doctor_checks.h"
#include "cli/doctor/doctor_setting.h"

#include "selector/loader/loader_list.h"
#include "selector/loader/loader_top.h"
#include "selector/loader/loader_tryboot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST  1u	   /* where the firmware looks for autoboot.txt */
#define DRIVER "/dev/vcio" /* of the kernel that gives the words of a restart to the firmware */

#define CONFIG_MAX 16384u /* bytes of config.txt; the firmware's own bound is not known */

static char text[CONFIG_MAX + 1];

/* ---------------------------------------------------------------- the files of a pair */

static enum doctor_known watchdog_of(size_t len)
{
	static struct doctor_script s;
	char value[DOCTOR_SETTING_MAX];

	doctor_script_clear(&s);
	doctor_script_add(&s, DOCTOR_SCRIPT_LINES, text, len);
	if (len == sizeof(text) || !s.whole || doctor_script_has(&s, "include"))
		return DOCTOR_UNKNOWN;
	switch (doctor_setting_filtered(&s, "kernel_watchdog_timeout", value)) {
	case DOCTOR_SETTING_ALL:
		return strtol(value, NULL, 10) > 0 ? DOCTOR_YES : DOCTOR_NO;
	case DOCTOR_SETTING_SOME:
		return DOCTOR_UNKNOWN;
	case DOCTOR_SETTING_NONE:
		break;
	}
	/* With blanks, for example: what the firmware makes of them is not known. */
	return doctor_script_has(&s, "kernel_watchdog_timeout") ? DOCTOR_UNKNOWN : DOCTOR_NO;
}

/* Of the pair that runs, /proc/cmdline has it. */
static void check_line(struct doctor *doc, int slot, size_t len)
{
	static struct cmdline cmd;

	if (slot == doc->d->pair || len == 0 || len == sizeof(text))
		return;
	text[len] = '\0';
	cmdline_parse(&cmd, text);
	if (!cmd.has_panic || cmd.panic == 0)
		doctor_report(
			doc, DOCTOR_ERROR, "loader-panic", "add panic=10 to its cmdline.txt",
			"cmdline.txt of slot %c's kernel has no panic=: if it panics before init, it hangs, and the firmware never falls back",
			state_slot_letter(slot));
}

static enum doctor_known look_at_pair(struct doctor *doc, int slot, const char *dev)
{
	struct loader l = { .kind = CONF_LOADER_TRYBOOT, .root = doc->sys_root };
	LOADER_TOP_CLEANUP struct loader_top top;
	enum doctor_known watchdog = DOCTOR_UNKNOWN;
	size_t len;

	if (loader_top_open(&l, dev, false, &top) != KB_OK)
		return DOCTOR_UNKNOWN;
	if (loader_top_read(&top, "config.txt", text, sizeof(text), &len) == KB_OK && len > 0)
		watchdog = watchdog_of(len);
	if (loader_top_read(&top, "cmdline.txt", text, sizeof(text), &len) == KB_OK)
		check_line(doc, slot, len);
	return watchdog;
}

/* Of all pairs, the weakest counts. */
static void look_at_pairs(struct doctor *doc, const char *where)
{
	static struct loader_list list;
	enum doctor_known all = DOCTOR_YES;

	if (!loader_list_take(&list, where, true))
		return;
	for (int i = 0; i < STATE_SLOTS_MAX; i++) {
		enum doctor_known is =
			list.of[i][0] != '\0' ? look_at_pair(doc, i, list.of[i]) : DOCTOR_YES;

		if (is == DOCTOR_NO || (is == DOCTOR_UNKNOWN && all == DOCTOR_YES))
			all = is;
	}
	doc->facts.watchdog = all;
}

/* ---------------------------------------------------------------- all of it */

void doctor_tryboot(struct doctor *doc)
{
	const char *where = strchr(doc->d->loader, ' ');
	struct loader l = { .kind = CONF_LOADER_TRYBOOT, .root = doc->sys_root };
	struct loader_tryboot_is is;

	if (!doctor_exists(doc, DRIVER))
		doctor_report(
			doc, DOCTOR_WARNING, "loader-kernel",
			"take Raspberry Pi's kernel, with CONFIG_BCM_VCIO=y; with another one, see by a trial that reboot \"0 tryboot\" works",
			DRIVER
			" is missing: this may be a kernel that does not give \"tryboot\" to the firmware, so that no release is ever tried");
	l.where = where != NULL ? where + 1 : "";
	look_at_pairs(doc, l.where);
	if (loader_tryboot_look(&l, &is) != KB_OK)
		return;
	if (is.number != FIRST)
		doctor_report(
			doc, DOCTOR_WARNING, "loader-environment",
			"put it into the first partition, or name that one by PARTITION= in the EEPROM's configuration",
			"autoboot.txt lies in partition %u: the firmware looks for it in the first one",
			is.number);
	if (is.is_too_old)
		doctor_report(
			doc, DOCTOR_ERROR, "loader-firmware",
			"update the EEPROM by rpi-eeprom-update",
			"the boot loader in this board's EEPROM does not know tryboot_a_b: a kernel that is tried does not start");
}
