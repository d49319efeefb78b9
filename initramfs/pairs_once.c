/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/pairs_once.h"

#include "initramfs/boot_data.h"
#include "initramfs/child_ask.h"
#include "initramfs/pairs_ask.h"
#include "initramfs/pairs_finding.h"
#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>

/* A Raspberry Pi's firmware tries what it is asked for in the restart itself. */
static void restart_by_loader(const struct boot *b)
{
	evidence_forget(&b->evidence);
	if (b->conf.loader == CONF_LOADER_TRYBOOT)
		os_reboot_to(OS_REBOOT_TRYBOOT);
	else
		os_reboot();
}

/* It happens in each boot until the store takes it: that is one event. */
static enum kb_err note_refusal(struct boot *b, int slot, const char *said, char *reason)
{
	pairs_finding(
		&b->pairs,
		"it does not take that it starts the kernel of slot %c once: that waits, at no cost (%.100s)",
		state_slot_letter(slot), said);
	snprintf(reason, STATE_STR_MAX + 1, "the boot loader does not take what it is asked");
	record_news_among(&b->rec, b->conf.nslots + 1, HISTORY_BOOT, slot, reason, "not booted");
	return KB_EPERM;
}

enum kb_err pairs_once(struct boot *b, int slot, char *reason)
{
	char letter = state_slot_letter(slot);
	struct child_said said;
	enum kb_err err = pairs_ask_once(b, slot, &said);

	if (err == KB_EPERM)
		return note_refusal(b, slot, said.text, reason);
	if (err == KB_OK) {
		log_notice("slot %c: it has a kernel of its own; restarting with that", letter);
		restart_by_loader(b);
		log_err("slot %c: the kernel refuses to restart", letter);
		err = KB_EIO;
	}
	snprintf(reason, STATE_STR_MAX + 1, "the boot loader cannot be asked for its kernel");
	record_history(&b->rec, HISTORY_BOOT, slot, reason, "not booted");
	return err;
}
