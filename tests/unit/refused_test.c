/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/refused.h"

#include "tests/unit/states.h"

#define FLOOR 5

static struct state s;
static struct plan_release release;

static void set_up(void)
{
	states_fresh(&s);
	release = (struct plan_release){ .sequence = 9 };
	memcpy(release.id, states_id(9), STATE_ID_LEN);
}

static const char *text(enum plan_mode mode, enum kb_err err)
{
	static char out[REFUSED_TEXT_MAX + 1];

	refused_text(out, refused_why(&s, &release, mode, FLOOR, err), "");
	return out;
}

TEST(each_refusal_says_what_to_do)
{
	static const struct {
		enum kb_err err;
		const char *todo;
	} want[] = {
		{ KB_EWAITS, "install FILE" },	   { KB_EREJECTED, "install FILE" },
		{ KB_EDOWNGRADE, "install FILE" }, { KB_EAHEAD, "max-sequence-jump=" },
		{ KB_EBUDGET, "mark good" },	   { KB_EREBUILT, "mark good" },
		{ KB_ENOTARGET, "mark good" },	   { KB_ENEWER, "update Keelboot" },
	};

	for (size_t i = 0; i < KB_ARRAY_LEN(want); i++)
		assert_non_null(strstr(text(PLAN_AUTOMATIC, want[i].err), want[i].todo));
}

TEST(other_errors_have_their_own_text)
{
	assert_string_equal(text(PLAN_AUTOMATIC, KB_EIO), err_text(KB_EIO));
	assert_string_equal(text(PLAN_AUTOMATIC, KB_EAPPLIED), err_text(KB_EAPPLIED));
}

TEST(what_failed_here_is_tried_again_only_with_again)
{
	states_set(&s, 1, STATE_TRIAL, 9);
	state_reject(&s, &s.slot[1]);
	EQUAL((text(PLAN_AUTOMATIC, KB_EREJECTED),
	       "this release failed on this device before; to try again: keelboot install --again FILE"));
}

TEST(what_others_bar_is_installed_by_a_plain_order)
{
	assert_non_null(strstr(text(PLAN_AUTOMATIC, KB_EREJECTED), "too many releases failed"));
	assert_null(strstr(text(PLAN_AUTOMATIC, KB_EREJECTED), "--again"));
}

/* The first one that holds is named: nothing helps below the floor. */
TEST(a_downgrade_has_three_reasons)
{
	release.sequence = FLOOR - 1;
	assert_string_equal(text(PLAN_LAST_RESORT, KB_EDOWNGRADE),
			    "below this device's rollback floor; use a newer release");
	release.sequence = FLOOR;
	assert_non_null(
		strstr(text(PLAN_LAST_RESORT, KB_EDOWNGRADE), "older than every good slot"));
	assert_non_null(strstr(text(PLAN_AUTOMATIC, KB_EDOWNGRADE), "not newer"));
}

TEST(storage_that_failed_each_time_is_not_the_budget)
{
	for (int i = 0; i < STATE_FAILS_LIMIT; i++)
		assert_true(plan_unwritable(&s, &release));
	assert_non_null(strstr(text(PLAN_AUTOMATIC, KB_EBUDGET), "slot failed three times"));
}

TEST(details_stand_behind_the_why)
{
	char out[REFUSED_TEXT_MAX + 1];

	refused_text(out, refused_why(&s, &release, PLAN_COMMAND, FLOOR, KB_EDOWNGRADE), " (12)");
	EQUAL((out, "not newer than what is installed (12); to go back: keelboot install FILE"));
}

TEST_MAIN("refused", .set_up = set_up)
