/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/pairs_foreign.h"

#include "initramfs/boot_data.h"
#include "lib/log.h"

#include <stdio.h>

static bool is_foreign(const struct boot *b)
{
	int slot = b->attempt.chosen.slot, running = b->pairs.running;

	return b->pairs.paired >> slot & 1 && running != slot &&
	       (running != STATE_NONE || b->pairs.role == ATTEMPT_BASE);
}

static bool is_forced(const struct boot *b)
{
	return b->attempt.forced == b->attempt.chosen.slot;
}

bool pairs_foreign_is_stuck(const struct boot *b)
{
	return is_foreign(b) && b->pairs.role == ATTEMPT_BY_BASE && !is_forced(b) &&
	       b->attempt.chosen.tier != CHOOSE_LAST_RESORT;
}

static const char *why_foreign(const struct boot *b)
{
	if (is_forced(b))
		return "keelboot.slot= names it";
	if (b->attempt.chosen.tier == CHOOSE_LAST_RESORT)
		return "a last resort boots by the kernel that runs";
	if (pairs_foreign_is_stuck(b))
		return "that slot cannot be booted, and a restart might repeat this forever";
	if (!b->attempt.counted)
		return "the state cannot be written, so its own kernel cannot be counted";
	return "its own kernel cannot be started";
}

static void name_kernel(const struct boot *b, char *out, size_t size)
{
	if (b->pairs.running == STATE_NONE)
		snprintf(out, size, "the first kernel");
	else
		snprintf(out, size, "the kernel of slot %c", state_slot_letter(b->pairs.running));
}

void pairs_foreign_note(struct boot *b)
{
	char kernel[32];

	b->pairs.foreign[0] = '\0';
	if (!is_foreign(b))
		return;
	name_kernel(b, kernel, sizeof(kernel));
	snprintf(b->pairs.foreign, sizeof(b->pairs.foreign), "slot %c runs with %s: %s",
		 state_slot_letter(b->attempt.chosen.slot), kernel, why_foreign(b));
	log_warn("%s", b->pairs.foreign);
}

void pairs_foreign_detail(const struct boot *b, char *out, size_t size)
{
	const char *tier = choose_tier_name(b->attempt.chosen.tier);
	char kernel[32];

	name_kernel(b, kernel, sizeof(kernel));
	if (b->pairs.foreign[0] != '\0')
		snprintf(out, size, "%s, with %s", tier, kernel);
	else
		snprintf(out, size, "%s", tier);
}
