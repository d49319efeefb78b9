/* SPDX-License-Identifier: Apache-2.0 */

#include "initramfs/progress.h"
#include "update/apply/apply.h"
#include "tests/unit/test.h"

static bool say(struct progress *p, const char *text)
{
	return progress_take(p, text, strlen(text));
}

TEST(a_line_moves_it)
{
	struct progress p = { .phase = PROGRESS_NONE };

	assert_true(say(&p, "P 1 compare 9 2000\nP 1 check 10 1000\n"));
	assert_false(say(&p, "P 1 compare 10 2000\n"));
	EQUAL((p.phase, PROGRESS_CHECK), (p.done, 10), (p.total, 1000));
	assert_true(say(&p, "P 1 check 11 1000\nP 1 write 0 5\nP 1 read-back 1 5\n"));
	assert_int_equal(p.phase, PROGRESS_READ_BACK);
}

TEST(a_line_in_pieces_counts_at_its_end)
{
	struct progress p = { .phase = PROGRESS_NONE };

	assert_false(say(&p, "P 1 wri"));
	assert_false(say(&p, "te 5 10"));
	EQUAL((say(&p, "\n"), true), (p.done, 5));
}

TEST(what_does_not_move_is_no_progress)
{
	struct progress p = { .phase = PROGRESS_NONE };

	assert_true(say(&p, "P 1 write 5 10\n"));
	assert_false(say(&p, "P 1 write 5 10\n"));
	assert_false(say(&p, "P 1 write 4 10\n"));
	assert_false(say(&p, "P 1 check 9 10\n"));
	assert_false(say(&p, "P 1 write 6 11\n"));
	EQUAL((say(&p, "P 1 write 11 10\n"), false), (p.done, 5), (p.total, 10));
}

/* Else the genuine bundle behind a damaged one would be killed in the midst of its install. */
TEST(another_bundle_begins_anew)
{
	struct progress p = { .phase = PROGRESS_NONE };

	assert_true(say(&p, "P 0 look 1 100\n"));
	assert_true(say(&p, "P 0 look 2 100\n"));
	assert_false(say(&p, "P 0 look 2 100\n"));
	assert_true(say(&p, "P 1 write 900 1000\n"));
	assert_true(say(&p, "P 2 check 5 3000\n"));
	assert_true(say(&p, "P 2 write 0 2000\n"));
	EQUAL((p.candidate, 2), (p.phase, PROGRESS_WRITE), (p.total, 2000));
	assert_false(say(&p, "P 1 write 1000 1000\n"));
	EQUAL((say(&p, "P 1 read-back 1000 1000\n"), false), (p.candidate, 2));
}

/* Who was taken over cannot feed it with new bundles forever. */
TEST(there_are_only_so_many_bundles)
{
	struct progress p = { .phase = PROGRESS_NONE };
	unsigned moved = 0;

	for (unsigned n = 0; n < 1000; n++)
		moved += say(&p, strf("P %u write 1 1\n", n));
	assert_int_equal(moved, APPLY_CANDIDATES_MAX + 1);
}

TEST(nonsense_is_no_progress)
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

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct progress p = { .phase = PROGRESS_NONE };

		EQUAL((say(&p, bad[i]), false), (p.phase, PROGRESS_NONE));
	}
}

TEST(a_line_that_is_too_long_is_skipped_whole)
{
	struct progress p = { .phase = PROGRESS_NONE };
	char flood[1000];

	memset(flood, 'P', sizeof(flood));
	assert_false(progress_take(&p, flood, sizeof(flood)));
	/* Its tail looks like a line of its own, and is not. */
	assert_false(say(&p, "P 1 write 1 10\n"));
	assert_true(say(&p, "P 1 write 1 10\n"));
}

TEST(random_bytes_do_no_harm)
{
	struct progress p = { .phase = PROGRESS_NONE };
	char buf[64];

	srand(7);
	for (int i = 0; i < 20000; i++) {
		for (size_t n = 0; n < sizeof(buf); n++)
			buf[n] = "P 1 write check 0123456789\n\0\xff-"[rand() % 29];
		progress_take(&p, buf, sizeof(buf));
		assert_true(p.done <= p.total);
		assert_true(progress_percent(&p) <= 100);
	}
}

TEST(percent_survives_extremes)
{
	struct progress p = { .done = UINT64_MAX, .total = UINT64_MAX };

	assert_true(progress_percent(&p) >= 99 && progress_percent(&p) <= 100);
	p.done = p.total = 0;
	assert_int_equal(progress_percent(&p), 0);
	p.done = 50;
	p.total = 100;
	assert_int_equal(progress_percent(&p), 50);
}

TEST(every_phase_has_a_name)
{
	assert_string_equal(progress_phase_name(PROGRESS_LOOK), "looking at media");
	EQUAL((progress_phase_name(PROGRESS_CHECK), "checking"),
	      (progress_phase_name(PROGRESS_WRITE), "writing"),
	      (progress_phase_name(PROGRESS_READ_BACK), "reading back"),
	      (progress_phase_name(PROGRESS_NONE), "starting"));
}

TEST_MAIN("progress")
