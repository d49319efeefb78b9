/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/passed.h"

#include "initramfs/boot.h"
#include "lib/log.h"

#include <stdio.h>

void passed_note(struct boot *b, int slot, const char *reason)
{
	b->passed = (struct passed){ .slot = slot };
	state_set_text(b->passed.reason, reason);
}

static const char *reason_of(const struct boot *b, int slot)
{
	if (boot_is_forced(b))
		return "keelboot.slot= asks for another slot";
	if (b->attempt.chosen.tier == CHOOSE_ONESHOT)
		return "another slot was asked for, once";
	if (b->attempt.uncountable >> slot & 1)
		return "its boot cannot be counted: state not writable";
	return why_not(&b->rec.s, slot);
}

void passed_explain(struct boot *b)
{
	int slot = b->rec.s.pref;

	if (b->passed.reason[0] != '\0' || slot == b->attempt.chosen.slot ||
	    b->rec.health == RECORD_MISSING) /* then nobody knows which is preferred */
		return;
	passed_note(b, slot, reason_of(b, slot));
	why_outlook(&b->rec.s, slot, b->passed.outlook);
	if (slot == b->rec.turned_bad) /* said when it was settled */
		return;
	log_notice("slot %c is preferred, and not taken: %s%s%s", state_slot_letter(slot),
		   b->passed.reason, b->passed.outlook[0] != '\0' ? "; " : "", b->passed.outlook);
}

void passed_record(struct boot *b)
{
	char reason[STATE_STR_MAX + 4] = "";

	if (b->passed.reason[0] != '\0')
		snprintf(reason, sizeof(reason), "%c: %s", state_slot_letter(b->passed.slot),
			 b->passed.reason);
	record_news(&b->rec, HISTORY_BOOT, b->attempt.chosen.slot, reason,
		    choose_tier_name(b->attempt.chosen.tier));
}

void passed_text(const struct passed *p, char *out, size_t size)
{
	out[0] = '\0';
	if (p->reason[0] != '\0')
		snprintf(out, size, "%c: %s%s%s", state_slot_letter(p->slot), p->reason,
			 p->outlook[0] != '\0' ? "; " : "", p->outlook);
}
