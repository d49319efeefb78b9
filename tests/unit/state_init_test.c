/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/state/state_init.h"

#include "selector/choose.h"
#include "tests/unit/test.h"

TEST(named_slots_are_good_or_on_trial)
{
	struct state_init in = { .slots = 3, .good = 1, .trial = 4, .first = 2, .floor = 9 };
	static struct state s;

	in.known = true;
	in.release.sequence = 12;
	in.release.id[0] = 0xab;
	strcpy(in.release.version, "1.2");
	OK(state_init_make(&s, &in));
	EQUAL((s.nslots, 3), (s.slot[0].st, STATE_GOOD), (s.slot[0].ever_good, true));
	EQUAL((s.slot[0].has_release, true), (s.slot[1].st, STATE_EMPTY));
	EQUAL((s.slot[1].has_release, false), (s.slot[2].st, STATE_TRIAL));
	EQUAL((s.slot[2].tries, STATE_TRIES), (s.slot[2].sequence, 12), (s.slot[2].version, "1.2"));
	EQUAL((s.slot[2].release[0], 0xab), (s.pref, 2), (s.last, 0), (s.floor, 9));
}

TEST(a_trial_has_the_tries_of_the_configuration)
{
	struct state_init in = { .slots = 2, .good = 1, .trial = 2, .first = 1, .tries = 5 };
	static struct state s;

	OK(state_init_make(&s, &in));
	EQUAL((s.slot[0].tries, 0), (s.slot[1].tries, 5));
}

TEST(what_is_written_reads_back_the_same)
{
	struct state_init in = { .slots = 2, .good = 3, .first = 1, .known = true };
	static struct state s, back;
	static char text[STATE_PAYLOAD_MAX];
	size_t len;

	strcpy(in.release.version, "1.0");
	OK(state_init_make(&s, &in));
	OK(state_encode(&s, text, sizeof(text), &len));
	OK(state_decode(&back, text, len, 1));
	EQUAL((state_same(&s, &back), true), (back.slot[1].version, "1.0"));
}

TEST(the_first_boot_takes_the_slot_named_first)
{
	struct state_init in = { .slots = 2, .good = 1, .trial = 2, .first = 1 };
	struct choose_list list;
	static struct state s;

	OK(state_init_make(&s, &in));
	choose_candidates(&s, &list);
	EQUAL((list.n, 2), (list.c[0].slot, 1), (choose_fallback(&s, 3), 0));
}

TEST(a_first_state_is_not_below_its_floor)
{
	struct state_init in = { .slots = 2, .good = 3, .first = 0, .floor = 9, .known = true };
	static struct state s;

	in.release.sequence = 8;
	FAILS(state_init_make(&s, &in), KB_EINVAL);
	in.release.sequence = 9;
	OK(state_init_make(&s, &in));
	in.known = false; /* what is in the slots is not known */
	in.release.sequence = 0;
	OK(state_init_make(&s, &in));
}

TEST(impossible_states_are_refused)
{
	static const struct state_init wrong[] = {
		{ .slots = 0, .first = STATE_NONE },
		{ .slots = 9, .first = STATE_NONE },
		{ .slots = 2, .good = 4, .first = 2 },
		{ .slots = 2, .trial = 0x80, .first = 7 },
		{ .slots = 2, .good = 1, .trial = 1, .first = 0 },
	};
	static struct state s;

	for (size_t i = 0; i < KB_ARRAY_LEN(wrong); i++)
		FAILS(state_init_make(&s, &wrong[i]), KB_EINVAL);
}

TEST(nothing_named_is_an_empty_device)
{
	struct state_init in = { .slots = 8, .first = STATE_NONE };
	struct choose_list list;
	static struct state s;

	OK(state_init_make(&s, &in));
	choose_candidates(&s, &list);
	EQUAL((list.n, 0), (s.last, STATE_NONE));
}

TEST_MAIN("state_init")
