/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/pair.h"

#include <string.h>

bool pair_arrived(const struct state *s, int running)
{
	return s->open != STATE_NONE && s->open == running && s->handed != 0 &&
	       s->handed == s->open_token;
}

int pair_safe_preset(const struct state *s, choose_mask mountable, enum plan_mode mode, int preset,
		     int running)
{
	int fallback = choose_fallback(s, mountable);

	if (running == STATE_NONE || plan_is_rescue(mode) || preset == running)
		return running;
	if (fallback == STATE_NONE || (preset != fallback && !state_is_trusted(&s->slot[fallback])))
		return running;
	return fallback;
}

const char *pair_why_untried(const char *word)
{
	if (strcmp(word, PAIR_NONE) == 0)
		return "the kernel of no slot can be started here";
	if (strcmp(word, PAIR_UNCHECKED) == 0)
		return "with verify-slot=always, a slot's kernel in a partition (boot=) is never started";
	return NULL;
}
