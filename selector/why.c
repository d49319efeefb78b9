/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/why.h"

#include <stdio.h>

const char *why_not(const struct state *s, int slot)
{
	const struct state_slot *t = &s->slot[slot];

	if (state_is_fit(t))
		return "";
	switch (t->st) {
	case STATE_EMPTY:
		return "nothing is installed there";
	case STATE_WRITING:
		return "its install was interrupted";
	case STATE_TRIAL:
		return t->reason[0] != '\0' ? t->reason : "no tries left";
	case STATE_GOOD:
		return t->reason[0] != '\0' ? t->reason : "crashed too often in a row";
	case STATE_BAD:
		break;
	}
	return t->reason[0] != '\0' ? t->reason : "rejected";
}

void why_outlook(const struct state *s, int slot, char out[WHY_OUTLOOK_MAX + 1])
{
	const struct state_slot *t = &s->slot[slot];

	out[0] = '\0';
	if (!state_lost_trust(t) || slot != s->pref)
		return;
	if (t->wait == 0)
		snprintf(out, WHY_OUTLOOK_MAX + 1, "the next boot tries it again");
	else
		snprintf(out, WHY_OUTLOOK_MAX + 1, "tried again after %u healthy boot%s", t->wait,
			 t->wait == 1 ? "" : "s");
}
