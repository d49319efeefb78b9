/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/pairs_look.h"

#include "initramfs/boot_data.h"
#include "initramfs/pairs_ask.h"
#include "initramfs/pairs_partition.h"
#include "lib/log.h"
#include "selector/measured.h"

#include <stdio.h>

/* With a loader each slot has one; by kexec, its root may have the kernel. */
static bool lacks_partition(const struct boot *b, int slot)
{
	bool needs = b->conf.loader != CONF_LOADER_KEXEC ||
		     conf_slot_part(&b->conf, (unsigned)slot, PAIR_CLASS) != NULL;

	return needs && pairs_partition(b, (unsigned)slot)[0] == '\0';
}

bool pairs_look_is_unheard(const struct boot *b)
{
	bool waits = b->cmd.start == CMDLINE_START_COUNTED || b->cmd.start == CMDLINE_START_INSTEAD;

	return b->conf.loader != CONF_LOADER_KEXEC && !b->pairs.unasked &&
	       b->pairs.running != STATE_NONE && waits && !b->pairs.answered;
}

const char *pairs_look_why_deaf(const struct boot *b)
{
	if (b->conf.loader == CONF_LOADER_KEXEC)
		return NULL;
	if (b->pairs.other_store)
		return "the boot loader has another store";
	return b->cmd.start == CMDLINE_START_UNSAVED ? "the boot loader cannot write its store"
						     : NULL;
}

const char *pairs_look_word(const struct boot *b)
{
	if (b->conf.loader == CONF_LOADER_KEXEC)
		return "";
	if (b->pairs.other_store)
		return PAIR_OTHER_STORE;
	if (b->cmd.start == CMDLINE_START_UNSAVED)
		return PAIR_UNSAVED;
	return pairs_look_is_unheard(b) || b->pairs.unread || b->pairs.unwritten ? PAIR_UNHEARD
										 : "";
}

static bool may_be_anybodys(const struct boot *b, int slot)
{
	return b->conf.verify_slot == CONF_VERIFY_ALWAYS &&
	       measured_kernel_unchecked(&b->conf, (unsigned)slot);
}

/* barebox goes by the priorities that Linux writes, whether it notes a start or not: for a slot
 * that is good, it forgets nothing that counts. */
static bool may_be_asked(const struct boot *b, int slot)
{
	return b->conf.loader == CONF_LOADER_BAREBOX && b->rec.s.slot[slot].st == STATE_GOOD;
}

enum kb_err pairs_look(struct boot *b, int slot, char *reason)
{
	struct pairs_answer is;

	if (may_be_anybodys(b, slot)) {
		snprintf(reason, STATE_STR_MAX + 1,
			 "its kernel is in a partition that nothing checks");
		log_err("slot %c: %s (verify-slot=always): put it into the root",
			state_slot_letter(slot), reason);
		return KB_EFORMAT;
	}
	if (lacks_partition(b, slot)) {
		log_warn("slot %c: the partition of its kernel is missing",
			 state_slot_letter(slot));
		snprintf(reason, STATE_STR_MAX + 1, "no partition of its kernel");
		return KB_ENODEV;
	}
	if (pairs_look_why_deaf(b) != NULL && !may_be_asked(b, slot)) {
		snprintf(reason, STATE_STR_MAX + 1, "%s", pairs_look_why_deaf(b));
		return KB_EIO;
	}
	if (b->conf.loader == CONF_LOADER_KEXEC)
		return KB_OK;
	if (pairs_ask(b, &is) != KB_OK) {
		snprintf(reason, STATE_STR_MAX + 1,
			 "the boot loader cannot be asked for its kernel");
		return KB_ENODEV;
	}
	b->pairs.preset = is.preset;
	/* It can be read, and was not written when that was due. */
	if (!pairs_look_is_unheard(b))
		return KB_OK;
	snprintf(reason, STATE_STR_MAX + 1, "the boot loader does not hear init");
	return KB_EIO;
}
