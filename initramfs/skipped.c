/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/skipped.h"

#include "initramfs/boot_data.h"
#include "lib/log.h"

#include <stdio.h>
#include <string.h>

static const struct skipped_slot *find_skipped(const struct skipped *p, int slot)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->slot[i].slot == slot)
			return &p->slot[i];
	return NULL;
}

static void forget_slot(struct skipped *p, int slot)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->n; i++)
		if (p->slot[i].slot != slot)
			p->slot[n++] = p->slot[i];
	p->n = n;
}

static void insert_slot(struct skipped *p, unsigned at, const struct skipped_slot *one)
{
	forget_slot(p, one->slot);
	if (at > p->n)
		at = p->n;
	if (p->n == STATE_SLOTS_MAX)
		return;
	memmove(&p->slot[at + 1], &p->slot[at], (p->n - at) * sizeof(p->slot[0]));
	p->slot[at] = *one;
	p->n++;
}

void skipped_note(struct boot *b, int slot, const char *reason)
{
	struct skipped_slot one = { .slot = slot };

	state_set_text(one.reason, reason);
	insert_slot(&b->skipped, STATE_SLOTS_MAX, &one);
}

static const char *reason_of(const struct boot *b, int slot)
{
	if (b->attempt.chosen.slot == b->attempt.forced)
		return "keelboot.slot= names another slot";
	if (b->attempt.chosen.tier == CHOOSE_ONESHOT)
		return "another slot was chosen for one boot";
	if (b->attempt.chosen.tier == CHOOSE_RETRY)
		return "unexplained resets: another slot gets a chance";
	if (b->attempt.uncountable >> slot & 1)
		return "state not writable: its boot cannot be counted";
	if (b->pairs.role == ATTEMPT_LOADER && b->pairs.paired >> slot & 1 &&
	    b->pairs.running == STATE_NONE)
		return b->pairs.no_base != NULL ? "on trial, and the first kernel starts no other"
						: "on trial, and nobody says whose kernel runs";
	if (b->pairs.unasked && b->pairs.running != slot)
		return conf_is_bad(&b->conf, &b->conf.loader)
			       ? "[loader] kind= cannot be read: its kernel cannot be asked for"
			       : "system.conf is missing or damaged: its kernel cannot be asked for";
	if (b->pairs.role == ATTEMPT_BY_BASE && b->attempt.chosen.slot == b->pairs.running &&
	    state_is_fit(&b->rec.s.slot[slot]))
		return "the first kernel chose another slot";
	return why_not(&b->rec.s, slot);
}

void skipped_explain(struct boot *b)
{
	struct skipped *p = &b->skipped;
	struct skipped_slot first = { .slot = b->rec.s.pref };
	const struct skipped_slot *failed;
	bool reported;

	forget_slot(p, b->attempt.chosen.slot); /* it failed at first, and boots all the same */
	if (first.slot == b->attempt.chosen.slot ||
	    b->rec.health == RECORD_MISSING) /* then nobody knows which is preferred */
		return;
	failed = find_skipped(p, first.slot);
	reported = failed != NULL || first.slot == b->rec.turned_bad;
	state_set_text(first.reason, failed != NULL ? failed->reason : reason_of(b, first.slot));
	insert_slot(p, 0, &first);
	why_outlook(&b->rec.s, first.slot, p->outlook);
	if (!reported || p->outlook[0] != '\0')
		log_notice("slot %c is preferred, but skipped: %s%s%s",
			   state_slot_letter(first.slot), first.reason,
			   p->outlook[0] != '\0' ? "; " : "", p->outlook);
}

static void list_slots(const struct skipped *p, const char *outlook, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < p->n; i++) {
		char one[STATE_STR_MAX + WHY_OUTLOOK_MAX + 16];
		const char *then = i == 0 ? outlook : "";
		int n = snprintf(one, sizeof(one), "%s%c: %s%s%s", i > 0 ? "; slot " : "",
				 state_slot_letter(p->slot[i].slot), p->slot[i].reason,
				 then[0] != '\0' ? "; " : "", then);

		if (n < 0 || len + (size_t)n >= size)
			return;
		memcpy(out + len, one, (size_t)n + 1);
		len += (size_t)n;
	}
}

/* Without the outlook, which changes from boot to boot. */
void skipped_to_history(struct boot *b)
{
	char reason[HISTORY_TEXT_MAX + 1], detail[HISTORY_TEXT_MAX + 1];

	list_slots(&b->skipped, "", reason, sizeof(reason));
	pairs_foreign_detail(b, detail, sizeof(detail));
	record_news(&b->rec, HISTORY_BOOT, b->attempt.chosen.slot, reason, detail);
}

void skipped_text(const struct skipped *p, char *out, size_t size)
{
	list_slots(p, p->outlook, out, size);
}
