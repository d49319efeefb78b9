/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/pair.h"

bool pair_arrived(const struct state *s, int running)
{
	return s->open != STATE_NONE && s->open == running && s->handed != 0 &&
	       s->handed == s->open_token;
}

int pair_safe_preset(const struct state *s, choose_mask mountable, int preset, int running)
{
	bool is_spared = preset == running || preset == choose_fallback(s, mountable);

	return preset != STATE_NONE && is_spared ? preset : running;
}
