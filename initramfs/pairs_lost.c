/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/pairs_lost.h"

#include "initramfs/boot_data.h"
#include "initramfs/pairs_finding.h"
#include "selector/pair.h"

static bool is_kind_bad(const struct boot *b)
{
	return conf_is_bad(&b->conf, &b->conf.loader);
}

bool pairs_lost_loader(const struct boot *b)
{
	return b->conf.loader == CONF_LOADER_NONE &&
	       (b->conf.lost || !b->configured || is_kind_bad(b));
}

const char *pairs_lost_why(const struct boot *b)
{
	return is_kind_bad(b) ? "[loader] kind= cannot be read"
			      : "system.conf is missing or damaged";
}

/* The loader's word: then slots have pairs, and where they are stood in what was lost. */
static bool is_named(const struct boot *b)
{
	return b->cmd.pair >= 0 && b->cmd.pair < (int)b->conf.nslots;
}

/* Some loaders have no such word. */
static bool has_pair_class(const struct boot *b)
{
	for (unsigned i = 0; i < b->conf.nslots; i++)
		if (conf_slot_part(&b->conf, i, PAIR_CLASS) != NULL)
			return true;
	return false;
}

static void find_named(struct boot *b)
{
	b->pairs.running = b->cmd.pair;
	pairs_finding(
		&b->pairs,
		"%s, and does not say what starts the kernels of the slots: this one boots slot %c, and nothing is installed",
		pairs_lost_why(b), state_slot_letter(b->pairs.running));
}

void pairs_lost_find(struct boot *b)
{
	struct pairs *p = &b->pairs;

	if (!is_named(b) && !b->cmdline_unread && !(is_kind_bad(b) && has_pair_class(b)))
		return;
	p->asked = p->unasked = true;
	p->paired = (choose_mask)((1u << b->conf.nslots) - 1);
	if (is_named(b))
		find_named(b);
	else
		pairs_finding(
			p,
			"%s%s, so nobody says whose kernel runs: slots that proved themselves go before others, and nothing is installed",
			pairs_lost_why(b),
			b->cmdline_unread ? ", and the command line cannot be read" : "");
}
