/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/pairs_lost.h"

#include "initramfs/boot_data.h"
#include "initramfs/pairs_finding.h"

/* The loader's word: then slots have pairs, and where they are stood in what was lost. */
static bool is_named(const struct boot *b)
{
	return b->cmd.pair >= 0 && b->cmd.pair < (int)b->conf.nslots;
}

static void find_named(struct pairs *p, int running)
{
	p->running = running;
	pairs_finding(
		p,
		"system.conf is missing or damaged, and does not say what starts the kernels of the slots: this one boots slot %c, and nothing is installed",
		state_slot_letter(running));
}

void pairs_lost_find(struct boot *b)
{
	struct pairs *p = &b->pairs;

	if (!is_named(b) && !b->cmdline_unread)
		return;
	p->asked = p->unasked = true;
	p->paired = (choose_mask)((1u << b->conf.nslots) - 1);
	if (is_named(b))
		find_named(p, b->cmd.pair);
	else
		pairs_finding(
			p,
			"system.conf is missing or damaged, and the command line cannot be read, so nobody says whose kernel runs: slots that proved themselves go before others, and nothing is installed");
}
