/* SPDX-License-Identifier: Apache-2.0 */
/* The base starts the kernels of the slots itself, by kexec. */
#include "tests/unit/attempt_machine.h"

#define BOTH 3

static void base_runs(void)
{
	a.role = ATTEMPT_BASE;
	a.running = STATE_NONE;
	a.paired = BOTH;
}

/* The base has started it. */
static void kernel_runs(int slot)
{
	a.role = ATTEMPT_BY_BASE;
	a.running = slot;
	a.paired = BOTH;
}

static void two_good(void)
{
	states_fresh(&s);
	states_set(&s, 1, STATE_GOOD, 9);
}

static void set_up_base(void)
{
	set_up();
	base_runs();
}

TEST(good_slot_is_handed_over_without_a_write)
{
	two_good();
	BOOTS("handa ");
	EQUAL((a.chosen.slot, 0), (a.counted, true));
	assert_true(s.handed == 0);
}

TEST(good_slot_is_charged_where_it_would_be_without_kexec)
{
	two_good();
	a.charge_good = true;
	BOOTS("savea handa ");
	assert_true(m.disk.handed == m.disk.open_token);
}

TEST(trial_is_charged_before_its_kernel_is_started)
{
	BOOTS("saveb handb ");
	EQUAL((m.disk.slot[1].tries, STATE_TRIES - 1), (m.disk.open, 1));
	assert_true(m.disk.handed == m.disk.open_token);
}

/* Nothing else would count them. */
TEST(slot_that_was_asked_for_once_is_charged_though_it_is_good)
{
	two_good();
	s.oneshot = 1;
	BOOTS("saveb handb ");
	EQUAL((m.disk.open, 1), (m.disk.oneshot, STATE_NONE));
	assert_true(m.disk.handed == m.disk.open_token);
}

/* What the base could not boot is not tried again here. */
TEST(what_the_base_chose_goes_first)
{
	two_good();
	kernel_runs(1);
	BOOTS("save. mountb "); /* that it is the last one */
	assert_int_equal(a.chosen.slot, 1);
	set_up();
	two_good();
	kernel_runs(0);
	BOOTS("mounta ");
}

TEST(handover_that_was_charged_arrives)
{
	states_open(&s);
	s.handed = s.open_token;
	kernel_runs(1);
	a.arrived = true;
	BOOTS("saveb mountb ");
	EQUAL((m.disk.slot[1].tries, STATE_TRIES - 1), (m.disk.open, 1));
	assert_true(m.disk.handed == 0 && a.token == 7);
}

/* Its failure is durable before the restart, else the base would choose it forever. */
TEST(what_the_base_started_goes_back_when_it_fails)
{
	states_open(&s);
	s.handed = s.open_token;
	kernel_runs(1);
	a.arrived = true;
	m.mounts[1] = KB_ECHECK;
	BOOTS("saveb mountb save. handa ");
	EQUAL((m.disk.open, STATE_NONE), (m.disk.slot[1].tries, STATE_TRIES - 1));
	assert_true(m.disk.handed == 0);
	assert_string_equal(m.disk.slot[1].reason, "no mount");
}

/* What this initramfs thinks of it proves nothing. */
TEST(other_slot_is_not_judged_by_a_kernel_that_is_not_its_own)
{
	states_open(&s);
	s.handed = s.open_token;
	kernel_runs(1);
	a.arrived = true;
	m.fit[0] = m.fit[1] = KB_ECHECK;
	BOOTS("saveb save. handa ");
	EQUAL((m.disk.slot[0].streak, 0), (m.disk.slot[1].tries, STATE_TRIES - 1));
}

TEST(good_slot_that_fails_under_its_own_kernel_has_crashed)
{
	two_good();
	kernel_runs(0);
	m.mounts[0] = KB_EMOUNT;
	BOOTS("mounta save. handb ");
	EQUAL((m.disk.slot[0].streak, 1), (m.disk.open, STATE_NONE));
}

/* Nothing would end it. */
TEST(failure_that_cannot_be_written_leads_to_no_restart)
{
	two_good();
	kernel_runs(0);
	m.mounts[0] = KB_EMOUNT;
	m.fail_saves = ~0u;
	OK(boot());
	assert_int_equal(a.chosen.slot, 1);
	assert_null(strstr(m.trace, "hand"));
}

/* b was charged and handed over, and its kernel has come up. */
static void b_arrives(void)
{
	states_open(&s);
	s.handed = s.open_token;
	kernel_runs(1);
	a.arrived = true;
}

/* The base settles its charge at the next start, whatever was written. */
TEST(arrival_that_cannot_be_written_enters_its_own_slot)
{
	b_arrives();
	m.fail_saves = ~0u;
	BOOTS("failb mountb ");
	EQUAL((a.counted, true), (m.disk.open, 1));
	assert_true(a.token == 7 && m.disk.handed == 7);
}

/* The base counts the restart as a kernel that did not come up. */
TEST(charged_start_goes_back_though_its_failure_cannot_be_written)
{
	b_arrives();
	m.mounts[1] = KB_ECHECK;
	m.fail_saves = ~0u;
	BOOTS("failb mountb fail. handa ");
	assert_true(m.disk.handed == 7);
}

/* The record that the base read, and charged, is lost. */
TEST(slot_of_the_kernel_goes_first_in_any_record)
{
	states_trial(&s);
	s.pref = 0;
	kernel_runs(1);
	BOOTS("saveb mountb ");
	EQUAL((m.disk.slot[1].tries, STATE_TRIES - 1), (a.counted, true));
	set_up();
	s.pref = 0;
	kernel_runs(1);
	m.fail_saves = ~0u;
	BOOTS("failb mountb ");
	assert_false(a.counted);
	set_up();
	states_fresh(&s);
	states_set(&s, 1, STATE_GOOD, 9);
	s.slot[1].streak = STATE_STREAK_LIMIT;
	s.slot[1].wait = 1;
	kernel_runs(1);
	BOOTS("saveb mountb ");
	EQUAL((a.chosen.tier, CHOOSE_RETRY), (m.disk.slot[1].retries, 1));
}

/* Its failure costs what it costs elsewhere, or it would fail again and again. */
TEST(slot_of_the_kernel_that_is_not_fit_pays_before_it_goes_back)
{
	states_trial(&s);
	s.pref = 0;
	kernel_runs(1);
	m.fit[1] = KB_ECHECK;
	BOOTS("save. handa ");
	EQUAL((m.disk.slot[1].tries, STATE_TRIES - 1), (m.disk.open, STATE_NONE));
}

/* The first one leads to the base, which reads it; the second one would lead to a third. */
TEST(what_was_settled_leads_to_one_restart)
{
	states_trial(&s);
	s.pref = 0;
	a.disk = m.disk = s;
	s.slot[1].st = STATE_BAD; /* by this boot, which settled its last try */
	kernel_runs(1);
	OK(attempt_run(&a, &s, &ops, NULL));
	DONE("save. handa ");
	m.trace[0] = '\0';
	BOOTS("mounta ");
}

/* A loader's line may claim that. */
TEST(kernel_of_a_slot_that_was_not_tried_leads_to_no_restart)
{
	states_trial(&s);
	s.slot[1].st = STATE_BAD;
	s.pref = 0;
	kernel_runs(1);
	OK(boot());
	assert_int_equal(a.chosen.slot, 0);
	assert_null(strstr(m.trace, "hand"));
}

TEST(slot_that_does_not_mount_is_left_before_its_kernel_is_started)
{
	m.hands[1] = KB_EMOUNT;
	BOOTS("saveb handb save. handa ");
	EQUAL((m.disk.slot[1].tries, STATE_TRIES - 1), (a.chosen.slot, 0));
	assert_int_equal(a.no_fallback, 2);
}

TEST(slot_without_a_kernel_is_left_for_one_that_has_one)
{
	m.hands[1] = KB_EFORMAT;
	BOOTS("saveb handb save. handa ");
	EQUAL((m.disk.slot[1].tries, STATE_TRIES - 1), (a.chosen.slot, 0));
	assert_string_equal(m.disk.slot[1].reason, "not heard");
}

/* Something boots: by the base. */
TEST(slots_without_kernels_boot_by_the_base_if_nothing_else_is_left)
{
	m.hands[0] = m.hands[1] = KB_EFORMAT;
	OK(boot());
	assert_non_null(strstr(m.trace, "mounta"));
	assert_int_equal(a.chosen.slot, 0);
}

/* No slot's fault: a good one keeps its trust, and boots without a write. */
TEST(base_that_can_start_no_kernel_boots_the_good_slot_itself)
{
	two_good();
	m.hands[0] = KB_EIO;
	BOOTS("handa mounta ");
	EQUAL((s.slot[0].streak, 0), (s.slot[0].reason[0], '\0'));
}

/* Nor a trial's: it was charged, and gets its try back. */
TEST(base_that_can_start_no_kernel_spends_no_try)
{
	m.hands[1] = KB_EIO;
	BOOTS("saveb handb save. mounta ");
	EQUAL((m.disk.slot[1].tries, STATE_TRIES), (m.disk.open, STATE_NONE), (a.counted, true));
	assert_true(m.disk.handed == 0);
	assert_string_equal(m.disk.slot[1].reason, "");
}

/* It comes in the next boot again, as if this one had not been. */
TEST(base_that_can_start_no_kernel_uses_no_retry)
{
	two_good();
	s.slot[0].streak = STATE_STREAK_LIMIT;
	s.slot[0].wait = 0;
	m.hands[0] = m.hands[1] = KB_EIO;
	BOOTS("savea handa saveb mountb ");
	EQUAL((m.disk.slot[0].retries, 0), (m.disk.slot[0].wait, 0));
}

/* A power cut before that is written: the charge stands, as for any start by kexec. */
TEST(try_that_could_not_be_given_back_is_spent)
{
	m.hands[1] = KB_EIO;
	m.fail_saves = ~1u;
	OK(boot());
	EQUAL((a.chosen.slot, 0), (m.disk.slot[1].tries, STATE_TRIES - 1), (m.disk.open, 1));
}

/* By the base, where nothing else mounts: one boot costs one try. */
TEST(slot_that_boots_by_the_base_after_all_pays_once)
{
	static const enum kb_err ends[] = { KB_EIO, KB_EFORMAT };

	for (unsigned i = 0; i < KB_ARRAY_LEN(ends); i++) {
		set_up_base();
		m.hands[1] = ends[i];
		m.fit[0] = KB_ENODEV;
		OK(boot());
		EQUAL((a.chosen.slot, 1), (m.disk.slot[1].tries, STATE_TRIES - 1),
		      (m.disk.open, 1));
	}
}

static enum kb_err op_prepare(void *ctx, const struct choose_candidate *c, char *reason)
{
	snprintf(reason, STATE_STR_MAX, "no data");
	return KB_EIO;
}

/* Its data is made ready where it boots, or it does not mount. */
TEST(slot_that_fails_by_the_base_after_all_pays_once)
{
	struct attempt_ops unready = ops;

	unready.prepare = op_prepare;
	for (unsigned i = 0; i < 2; i++) {
		set_up_base();
		m.hands[1] = KB_EFORMAT;
		m.fit[0] = KB_ENODEV;
		m.mounts[1] = KB_EMOUNT;
		a.disk = m.disk = s;
		assert_int_equal(attempt_run(&a, &s, i == 0 ? &ops : &unready, NULL), KB_ENOCAND);
		EQUAL((m.disk.slot[1].tries, STATE_TRIES - 1), (m.disk.open, STATE_NONE));
	}
}

TEST(what_cannot_be_counted_is_not_started)
{
	m.fail_saves = ~0u;
	OK(boot());
	EQUAL((a.chosen.slot, 0), (a.counted, false));
	assert_null(strstr(m.trace, "handb"));
}

TEST(last_resort_boots_by_the_base)
{
	state_init(&s, 2);
	states_set(&s, 1, STATE_BAD, 2);
	s.pref = 1;
	BOOTS("delayb saveb mountb ");
}

TEST_MAIN("attempt by kexec", .set_up = set_up_base)
