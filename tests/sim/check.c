/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/check.h"

#include <stdarg.h>

__attribute__((format(printf, 1, 2))) const char *check_wrong(const char *fmt, ...)
{
	static char why[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return why;
}

void check_note(char why[CHECK_WHY], const char *fmt, ...)
{
	va_list ap;

	if (why[0] != '\0')
		return;
	va_start(ap, fmt);
	vsnprintf(why, CHECK_WHY, fmt, ap);
	va_end(ap);
}

void check_print_state(const struct state *s)
{
	char text[STATE_PAYLOAD_MAX];
	size_t len = 0;

	if (state_encode(s, text, sizeof(text), &len) != KB_OK)
		printf(" cannot be stored");
	for (size_t i = 0; i < len; i++)
		putchar(text[i] == '\n' ? ' ' : text[i]);
	putchar('\n');
}

const char *check_record(enum store_finding found)
{
	return found == STORE_FOUND ? NULL : "no valid record of the state is left";
}

static const char *check_content(const struct state *s, int slot, const char *is,
				 const struct bundles_release *holds)
{
	const struct state_slot *t = &s->slot[slot];

	if (holds == NULL)
		return check_wrong("slot %c is %s, and holds no whole release",
				   state_slot_letter(slot), is);
	if (!t->has_release ||
	    (t->sequence == holds->sequence && memcmp(t->release, holds->id, STATE_ID_LEN) == 0))
		return NULL;
	return check_wrong("slot %c is %s as release %llu, and holds %llu", state_slot_letter(slot),
			   is, (unsigned long long)t->sequence,
			   (unsigned long long)holds->sequence);
}

const char *check_slot(const struct state *s, int slot, const struct bundles_release *holds)
{
	const struct state_slot *t = &s->slot[slot];

	if (t->st == STATE_EMPTY || t->st == STATE_WRITING)
		return NULL;
	return check_content(s, slot, state_st_name(t->st), holds);
}

const char *check_entered(const struct state *s, int slot, const struct bundles_release *holds)
{
	return check_content(s, slot, "entered", holds);
}

const char *check_touched(const struct state *s, const unsigned writing[2], int slot,
			  const char *verb)
{
	if (s->slot[slot].st != STATE_WRITING)
		return check_wrong("slot %c is %s while the state says %s", state_slot_letter(slot),
				   verb, state_st_name(s->slot[slot].st));
	if (!(writing[0] & writing[1] & 1u << slot))
		return check_wrong("slot %c is %s, and one region does not say so",
				   state_slot_letter(slot), verb);
	return NULL;
}

const char *check_floor(const struct state *s, uint64_t least)
{
	uint64_t proven = least;

	for (unsigned i = 0; i < s->nslots; i++)
		if (s->slot[i].st == STATE_GOOD && s->slot[i].sequence > proven)
			proven = s->slot[i].sequence;
	return s->floor <= proven
		       ? NULL
		       : check_wrong("the floor is %llu, and nothing above %llu is proven",
				     (unsigned long long)s->floor, (unsigned long long)proven);
}

/* ---------------------------------------------------------------- a kernel for each slot */

const char *check_preset(const struct state *s, int preset, const struct bundles_release *pair,
			 const struct bundles_release *dead)
{
	char letter = state_slot_letter(preset);

	if (preset == STATE_NONE)
		return "the boot loader has no preset";
	if (pair == NULL)
		return check_wrong("the boot loader's preset is %c, whose kernel is not whole",
				   letter);
	if (pair == dead)
		return check_wrong("the boot loader's preset is %c, whose kernel never came up",
				   letter);
	if (s != NULL && !state_is_whole(&s->slot[preset]))
		return check_wrong("the boot loader's preset is %c, which is %s", letter,
				   state_st_name(s->slot[preset].st));
	return NULL;
}

const char *check_once(const struct state *s, int once, const struct bundles_release *pair)
{
	char letter = state_slot_letter(once);

	if (once == STATE_NONE)
		return NULL;
	if (pair == NULL)
		return check_wrong("the boot loader is asked for %c, whose kernel is not whole",
				   letter);
	if (!state_is_whole(&s->slot[once]))
		return check_wrong("the boot loader is asked for %c, which is %s", letter,
				   state_st_name(s->slot[once].st));
	return NULL;
}

const char *check_pair(const struct state *s, int slot, const struct bundles_release *pair)
{
	const struct state_slot *t = &s->slot[slot];
	bool other =
		pair != NULL && t->has_release && memcmp(t->release, pair->id, STATE_ID_LEN) != 0;

	if ((t->st != STATE_GOOD && !state_has_tries(t)) || (pair != NULL && !other))
		return NULL;
	return check_wrong("slot %c is %s, and its kernel is %s", state_slot_letter(slot),
			   state_st_name(t->st), other ? "another release's" : "not whole");
}

const char *check_pair_touched(int slot, int running, int preset, int once)
{
	if (slot != running && slot != preset && slot != once)
		return NULL;
	return check_wrong("slot %c is written, and %s", state_slot_letter(slot),
			   slot == running ? "its kernel runs" : "the boot loader may start it");
}

const char *check_pair_entered(const struct state *s, int slot, int running)
{
	const struct state_slot *t = &s->slot[slot];
	bool fit = t->st == STATE_TRIAL || (t->st == STATE_GOOD && t->streak < STATE_STREAK_LIMIT);

	if (running == slot || !fit)
		return NULL;
	return check_wrong("slot %c is entered by the kernel of another one",
			   state_slot_letter(slot));
}

const char *check_pair_rest(int slot, int preset, int once)
{
	if (preset != slot)
		return check_wrong("it is settled in slot %c, and the boot loader's preset is "
				   "another one",
				   state_slot_letter(slot));
	if (once != STATE_NONE)
		return check_wrong("it is settled, and the boot loader is still asked for %c",
				   state_slot_letter(once));
	return NULL;
}
