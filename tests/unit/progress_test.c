/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "initramfs/progress.h"
#include "update/apply.h"

static bool say(struct progress *p, const char *text)
{
	return progress_take(p, text, strlen(text));
}

static void a_line_moves_it(void **state)
{
	struct progress p = { .phase = PROGRESS_NONE };

	(void)state;
	assert_true(say(&p, "P 1 check 10 1000\n"));
	assert_int_equal(p.phase, PROGRESS_CHECK);
	assert_int_equal(p.done, 10);
	assert_int_equal(p.total, 1000);
	assert_true(say(&p, "P 1 check 11 1000\nP 1 write 0 5\nP 1 read-back 1 5\n"));
	assert_int_equal(p.phase, PROGRESS_READ_BACK);
}

static void a_line_in_pieces_counts_at_its_end(void **state)
{
	struct progress p = { .phase = PROGRESS_NONE };

	(void)state;
	assert_false(say(&p, "P 1 wri"));
	assert_false(say(&p, "te 5 10"));
	assert_true(say(&p, "\n"));
	assert_int_equal(p.done, 5);
}

static void what_does_not_move_is_no_progress(void **state)
{
	struct progress p = { .phase = PROGRESS_NONE };

	(void)state;
	assert_true(say(&p, "P 1 write 5 10\n"));
	assert_false(say(&p, "P 1 write 5 10\n"));
	assert_false(say(&p, "P 1 write 4 10\n"));
	assert_false(say(&p, "P 1 check 9 10\n"));
	assert_false(say(&p, "P 1 write 6 11\n"));
	assert_false(say(&p, "P 1 write 11 10\n"));
	assert_int_equal(p.done, 5);
	assert_int_equal(p.total, 10);
}

/* Else the genuine bundle behind a damaged one would be killed in the midst of its install. */
static void another_bundle_begins_anew(void **state)
{
	struct progress p = { .phase = PROGRESS_NONE };

	(void)state;
	assert_true(say(&p, "P 0 look 1 100\n"));
	assert_true(say(&p, "P 0 look 2 100\n"));
	assert_false(say(&p, "P 0 look 2 100\n"));
	assert_true(say(&p, "P 1 write 900 1000\n"));
	assert_true(say(&p, "P 2 check 5 3000\n"));
	assert_true(say(&p, "P 2 write 0 2000\n"));
	assert_int_equal(p.candidate, 2);
	assert_int_equal(p.phase, PROGRESS_WRITE);
	assert_int_equal(p.total, 2000);
	assert_false(say(&p, "P 1 write 1000 1000\n"));
	assert_false(say(&p, "P 1 read-back 1000 1000\n"));
	assert_int_equal(p.candidate, 2);
}

/* Who was taken over cannot feed it with new bundles for ever. */
static void there_are_only_so_many_bundles(void **state)
{
	struct progress p = { .phase = PROGRESS_NONE };
	unsigned moved = 0;
	char line[64];

	(void)state;
	for (unsigned n = 0; n < 1000; n++) {
		snprintf(line, sizeof(line), "P %u write 1 1\n", n);
		moved += say(&p, line);
	}
	assert_int_equal(moved, APPLY_CANDIDATES_MAX + 1);
}

static void nonsense_is_no_progress(void **state)
{
	static const char *const bad[] = {
		"\n",
		"P\n",
		"P 1\n",
		"P 1 write\n",
		"P 1 write 1\n",
		"P write 1 10\n",
		"P -1 write 1 10\n",
		"P 17 write 1 10\n",
		"Q 1 write 1 10\n",
		"P 1 fly 1 10\n",
		"P 1 write -1 10\n",
		"P 1 write 1 ten\n",
		"P 1 write 1 99999999999999999999999\n",
		"P 1  write 1 10\n",
		"1 write 1 10\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct progress p = { .phase = PROGRESS_NONE };

		assert_false(say(&p, bad[i]));
		assert_int_equal(p.phase, PROGRESS_NONE);
	}
}

static void a_line_that_is_too_long_is_skipped_whole(void **state)
{
	struct progress p = { .phase = PROGRESS_NONE };
	char flood[1000];

	(void)state;
	memset(flood, 'P', sizeof(flood));
	assert_false(progress_take(&p, flood, sizeof(flood)));
	/* Its tail looks like a line of its own, and is not. */
	assert_false(say(&p, "P 1 write 1 10\n"));
	assert_true(say(&p, "P 1 write 1 10\n"));
}

static void random_bytes_do_no_harm(void **state)
{
	struct progress p = { .phase = PROGRESS_NONE };
	char buf[64];

	(void)state;
	srand(7);
	for (int i = 0; i < 20000; i++) {
		for (size_t n = 0; n < sizeof(buf); n++)
			buf[n] = "P 1 write check 0123456789\n\0\xff-"[rand() % 29];
		progress_take(&p, buf, sizeof(buf));
		assert_true(p.done <= p.total);
		assert_true(progress_percent(&p) <= 100);
	}
}

static void percent_survives_extremes(void **state)
{
	struct progress p = { .done = UINT64_MAX, .total = UINT64_MAX };

	(void)state;
	assert_true(progress_percent(&p) >= 99 && progress_percent(&p) <= 100);
	p.done = p.total = 0;
	assert_int_equal(progress_percent(&p), 0);
	p.done = 50;
	p.total = 100;
	assert_int_equal(progress_percent(&p), 50);
}

static void every_phase_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(progress_phase_name(PROGRESS_LOOK), "looking at media");
	assert_string_equal(progress_phase_name(PROGRESS_CHECK), "checking");
	assert_string_equal(progress_phase_name(PROGRESS_WRITE), "writing");
	assert_string_equal(progress_phase_name(PROGRESS_READ_BACK), "reading back");
	assert_string_equal(progress_phase_name(PROGRESS_NONE), "starting");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_moves_it),
		cmocka_unit_test(a_line_in_pieces_counts_at_its_end),
		cmocka_unit_test(what_does_not_move_is_no_progress),
		cmocka_unit_test(another_bundle_begins_anew),
		cmocka_unit_test(there_are_only_so_many_bundles),
		cmocka_unit_test(nonsense_is_no_progress),
		cmocka_unit_test(a_line_that_is_too_long_is_skipped_whole),
		cmocka_unit_test(random_bytes_do_no_harm),
		cmocka_unit_test(percent_survives_extremes),
		cmocka_unit_test(every_phase_has_a_name),
	};

	return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
