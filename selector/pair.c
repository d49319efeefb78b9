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

bool pair_has_word(const char *words, const char *word)
{
	size_t len;

	for (; *words != '\0'; words += len + (words[len] == ' ')) {
		len = strcspn(words, " ");
		if (len == strlen(word) && memcmp(words, word, len) == 0)
			return true;
	}
	return false;
}

const char *pair_why_untried(const char *words)
{
	if (pair_has_word(words, PAIR_NONE))
		return "the kernel of no slot can be started here";
	if (pair_has_word(words, PAIR_UNCHECKED))
		return "with verify-slot=always, a slot's kernel in a partition (boot=) is never started";
	if (pair_has_word(words, PAIR_UNSAVED))
		return "the boot loader could not write its store at this start";
	if (pair_has_word(words, PAIR_OTHER_STORE))
		return "the boot loader counted this start in another store";
	if (pair_has_word(words, PAIR_UNHEARD))
		return "the initramfs could not read or write the boot loader's store at this start";
	return NULL;
}
