/* SPDX-License-Identifier: Apache-2.0 */
/* The data that goes back: steps that hang, or fail, and what was kept and is gone. */
#include "selector/data.h"
#include "selector/factory.h"
#include "selector/plan.h"
#include "selector/verdict.h"
#include "tests/unit/states.h"

#include <setjmp.h>

#define A 0
#define B 1

/* What is durable; and the device: a job that hangs ends by a restart. */
static struct state disk;
static enum data_job hangs;
static bool cannot_save;
static enum kb_err answers[DATA_JOB_WIPE + 1];
static unsigned runs[DATA_JOB_WIPE + 1], refused, lost;
static jmp_buf restart;
static char reason[STATE_STR_MAX + 1];

static enum kb_err op_save(void *ctx, struct state *s)
{
	(void)ctx;
	if (cannot_save)
		return KB_EIO;
	disk = *s;
	return KB_OK;
}

static enum kb_err op_run(void *ctx, enum data_job job, const struct state_data *whose, char *why)
{
	(void)ctx;
	(void)whose;
	runs[job]++;
	if (job == hangs)
		longjmp(restart, 1);
	if (answers[job] != KB_OK)
		snprintf(why, STATE_STR_MAX + 1, "fails");
	return answers[job];
}

static enum kb_err op_refuse(void *ctx, enum data_job job, const struct state_data *whose,
			     char *why)
{
	(void)ctx;
	(void)job;
	(void)whose;
	refused++;
	snprintf(why, STATE_STR_MAX + 1, "given up");
	return KB_EIO;
}

static void op_lost(void *ctx, const struct state_data *whose)
{
	(void)ctx;
	(void)whose;
	lost++;
}

static const struct data_ops ops = { op_save, op_run, op_refuse, op_lost };

static void set_up(void)
{
	states_fresh(&disk);
	disk.slot[A].st = STATE_GOOD;
	disk.slot[B] = (struct state_slot){ .st = STATE_TRIAL, .tries = 2, .has_release = true };
	memcpy(disk.slot[B].release, states_id(2), sizeof(disk.slot[B].release));
	memset(answers, 0, sizeof(answers));
	memset(runs, 0, sizeof(runs));
	hangs = (enum data_job) - 1;
	cannot_save = false;
	refused = lost = 0;
	reason[0] = '\0';
}

/* What the boot leaves as it found it is not written behind that: see save_changes(). */
static enum kb_err boot(int slot)
{
	static struct state s, before;
	enum kb_err err;

	s = before = disk;
	if (setjmp(restart) != 0)
		return KB_ETIMEDOUT;
	err = data_prepare(&s, slot, DATA_NEED_MUST, &ops, NULL, reason);
	if (!state_same(&s, &before))
		(void)!op_save(NULL, &s);
	return err;
}

static void has_kept(enum state_data_phase phase)
{
	disk.data = (struct state_data){ .phase = phase, .slot = B };
	memcpy(disk.data.release, states_id(2), sizeof(disk.data.release));
}

static void hangs_in_each_boot(int slot)
{
	for (unsigned i = 0; i < STATE_DATA_BEGUN_MAX; i++)
		assert_int_equal(boot(slot), KB_ETIMEDOUT);
	assert_int_equal(refused, 0);
}

TEST(trial_whose_data_hangs_while_it_is_kept_is_refused)
{
	hangs = DATA_JOB_MAKE;
	hangs_in_each_boot(B);
	assert_int_equal(boot(B), KB_EIO);
	assert_string_equal(reason, "given up");
	EQUAL((runs[DATA_JOB_MAKE], STATE_DATA_BEGUN_MAX));
}

TEST(next_release_is_tried_anew)
{
	hangs = DATA_JOB_MAKE;
	hangs_in_each_boot(B);
	hangs = (enum data_job) - 1;
	memcpy(disk.slot[B].release, states_id(3), sizeof(disk.slot[B].release));
	OK(boot(B));
	assert_string_equal(reason, "");
	EQUAL((disk.data.phase, STATE_DATA_KEEP), (disk.data.begun, 0));
}

TEST(good_slot_boots_though_putting_back_hangs)
{
	has_kept(STATE_DATA_KEEP);
	hangs = DATA_JOB_BACK;
	hangs_in_each_boot(A);
	OK(boot(A));
	OK(boot(A));
	EQUAL((refused, 2), (runs[DATA_JOB_BACK], STATE_DATA_BEGUN_MAX),
	      (disk.data.phase, STATE_DATA_BACK));
}

TEST(good_slot_boots_though_deleting_hangs)
{
	has_kept(STATE_DATA_DROP);
	hangs = DATA_JOB_DROP;
	hangs_in_each_boot(A);
	OK(boot(A));
	EQUAL((refused, 1), (runs[DATA_JOB_DROP], STATE_DATA_BEGUN_MAX));
}

static void given_up(void)
{
	has_kept(STATE_DATA_BACK);
	disk.data.begun = STATE_DATA_BEGUN_MAX;
}

/* Else no update could ever be tried again. */
TEST(what_was_given_up_is_begun_again_for_the_next_update)
{
	struct plan_release r = { .sequence = 3 };

	given_up();
	plan_install_end(&disk, B, &r, PLAN_AUTOMATIC, 0);
	OK(boot(B));
	EQUAL((runs[DATA_JOB_BACK], 1), (runs[DATA_JOB_MAKE], 1), (refused, 0));
	given_up();
	disk.slot[B].st = STATE_BAD;
	OK(verdict_switch(&disk, B, false, true, 3));
	OK(boot(B));
	assert_int_equal(refused, 0);
}

TEST(reset_ends_what_was_given_up)
{
	given_up();
	factory_ask(&disk);
	OK(boot(A));
	EQUAL((runs[DATA_JOB_DROP], 1), (runs[DATA_JOB_WIPE], 1),
	      (disk.data.phase, STATE_DATA_NONE));
}

TEST(failure_that_ends_is_tried_in_each_boot)
{
	has_kept(STATE_DATA_BACK);
	answers[DATA_JOB_BACK] = KB_EIO;
	for (unsigned i = 1; i <= 3 * STATE_DATA_BEGUN_MAX; i++) {
		OK(boot(A));
		EQUAL((runs[DATA_JOB_BACK], i), (disk.data.begun, 0));
	}
	assert_int_equal(refused, 0);
}

TEST(what_was_kept_and_is_gone_is_told)
{
	has_kept(STATE_DATA_KEEP);
	answers[DATA_JOB_BACK] = KB_ENOENT;
	OK(boot(A));
	EQUAL((lost, 1), (disk.data.phase, STATE_DATA_NONE));
	OK(boot(A));
	assert_int_equal(lost, 1);
}

TEST(what_a_cut_left_to_put_back_may_be_gone)
{
	has_kept(STATE_DATA_BACK);
	answers[DATA_JOB_BACK] = KB_ENOENT;
	OK(boot(A));
	assert_int_equal(lost, 0);
}

/* Else the next fallback would put the trial's own data back, as that of the old release. */
TEST(what_is_gone_is_not_made_again_for_the_same_trial)
{
	has_kept(STATE_DATA_KEEP);
	answers[DATA_JOB_CHECK] = answers[DATA_JOB_BACK] = KB_ENOENT;
	OK(boot(B));
	OK(boot(B));
	EQUAL((lost, 2), (runs[DATA_JOB_MAKE], 0), (disk.data.phase, STATE_DATA_KEEP));
	OK(boot(A));
	assert_int_equal(lost, 3);
}

TEST(trial_that_was_left_halfway_begins_with_what_was_kept)
{
	has_kept(STATE_DATA_KEEP);
	answers[DATA_JOB_CHECK] = KB_ETIMEDOUT;
	OK(boot(B));
	EQUAL((runs[DATA_JOB_BACK], 1), (runs[DATA_JOB_MAKE], 1), (lost, 0));
}

TEST(without_a_state_it_is_put_back_and_nothing_is_kept)
{
	has_kept(STATE_DATA_KEEP);
	cannot_save = true;
	OK(boot(A));
	assert_int_equal(runs[DATA_JOB_BACK], 1);
	disk.data.phase = STATE_DATA_NONE;
	assert_int_equal(boot(B), KB_EIO);
	assert_int_equal(runs[DATA_JOB_MAKE], 0);
	assert_string_equal(reason, "data cannot be kept: no state");
}

/* A file that asks for it may be left on the partition of a reset that was given up. */
TEST(what_is_put_back_is_filled_only_if_a_reset_had_emptied_it)
{
	for (int reset = 0; reset < 2; reset++) {
		set_up();
		disk.factory_fill = reset != 0;
		OK(boot(B));
		assert_int_equal(disk.factory_refill, reset);
		disk.factory_fill = 0; /* the trial's part is done */
		OK(boot(A));
		EQUAL((runs[DATA_JOB_BACK], 1), (disk.factory_fill, reset),
		      (disk.factory_refill, false));
	}
}

TEST(what_is_put_back_is_asked_for_the_rest_of_a_reset)
{
	static const enum kb_err ends[] = { KB_OK, KB_ENOENT, KB_ETIMEDOUT, KB_EIO };

	for (unsigned i = 0; i < KB_ARRAY_LEN(ends); i++) {
		set_up();
		has_kept(STATE_DATA_KEEP);
		disk.factory_refill = true;
		answers[DATA_JOB_BACK] = ends[i];
		OK(boot(A));
		EQUAL((disk.factory_fill, ends[i] != KB_EIO),
		      (disk.factory_refill, ends[i] == KB_EIO));
	}
}

TEST(committed_trial_leaves_nothing_to_fill)
{
	has_kept(STATE_DATA_DROP);
	disk.factory_refill = true;
	OK(boot(A));
	EQUAL((disk.factory_fill, 0), (disk.factory_refill, false));
}

TEST_MAIN("data", .set_up = set_up)
