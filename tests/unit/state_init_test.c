/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/state_init.h"

#include "lib/util.h"
#include "selector/choose.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

static void named_slots_are_good_or_on_trial(void **unused)
{
	struct state_init in = { .slots = 3, .good = 1, .trial = 4, .first = 2, .floor = 9 };
	static struct state s;

	(void)unused;
	in.known = true;
	in.release.sequence = 12;
	in.release.id[0] = 0xab;
	strcpy(in.release.version, "1.2");
	assert_int_equal(state_init_make(&s, &in), KB_OK);
	assert_int_equal(s.nslots, 3);
	assert_int_equal(s.slot[0].st, STATE_GOOD);
	assert_true(s.slot[0].ever_good && s.slot[0].has_release);
	assert_int_equal(s.slot[1].st, STATE_EMPTY);
	assert_false(s.slot[1].has_release);
	assert_int_equal(s.slot[2].st, STATE_TRIAL);
	assert_int_equal(s.slot[2].tries, STATE_TRIES);
	assert_int_equal(s.slot[2].sequence, 12);
	assert_string_equal(s.slot[2].version, "1.2");
	assert_int_equal(s.slot[2].release[0], 0xab);
	assert_int_equal(s.pref, 2);
	assert_int_equal(s.last, 0);
	assert_int_equal(s.floor, 9);
}

static void what_is_written_reads_back_the_same(void **unused)
{
	struct state_init in = { .slots = 2, .good = 3, .first = 1, .known = true };
	static struct state s, back;
	static char text[STATE_PAYLOAD_MAX];
	size_t len;

	(void)unused;
	strcpy(in.release.version, "1.0");
	assert_int_equal(state_init_make(&s, &in), KB_OK);
	assert_int_equal(state_encode(&s, text, sizeof(text), &len), KB_OK);
	assert_int_equal(state_decode(&back, text, len, 1), KB_OK);
	assert_true(state_same(&s, &back));
	assert_string_equal(back.slot[1].version, "1.0");
}

static void the_first_boot_takes_the_slot_named_first(void **unused)
{
	struct state_init in = { .slots = 2, .good = 1, .trial = 2, .first = 1 };
	struct choose_list list;
	static struct state s;

	(void)unused;
	assert_int_equal(state_init_make(&s, &in), KB_OK);
	choose_candidates(&s, &list);
	assert_int_equal(list.n, 2);
	assert_int_equal(list.c[0].slot, 1);
	assert_int_equal(choose_protected(&s, 3), 0);
}

static void impossible_states_are_refused(void **unused)
{
	static const struct state_init wrong[] = {
		{ .slots = 0, .first = STATE_NONE },
		{ .slots = 9, .first = STATE_NONE },
		{ .slots = 2, .good = 4, .first = 2 },
		{ .slots = 2, .trial = 0x80, .first = 7 },
		{ .slots = 2, .good = 1, .trial = 1, .first = 0 },
	};
	static struct state s;

	(void)unused;
	for (size_t i = 0; i < KB_ARRAY_LEN(wrong); i++)
		assert_int_equal(state_init_make(&s, &wrong[i]), KB_EINVAL);
}

static void nothing_named_is_an_empty_device(void **unused)
{
	struct state_init in = { .slots = 8, .first = STATE_NONE };
	struct choose_list list;
	static struct state s;

	(void)unused;
	assert_int_equal(state_init_make(&s, &in), KB_OK);
	choose_candidates(&s, &list);
	assert_int_equal(list.n, 0);
	assert_int_equal(s.last, STATE_NONE);
}

int main(void)
{
	static const struct CMUnitTest state_init_tests[] = {
		cmocka_unit_test(named_slots_are_good_or_on_trial),
		cmocka_unit_test(what_is_written_reads_back_the_same),
		cmocka_unit_test(the_first_boot_takes_the_slot_named_first),
		cmocka_unit_test(impossible_states_are_refused),
		cmocka_unit_test(nothing_named_is_an_empty_device),
	};

	return cmocka_run_group_tests_name("state_init", state_init_tests, NULL, NULL);
}
