/* SPDX-License-Identifier: Apache-2.0 */
/* Boots that look for an update: what apply may do to the boot, which is nothing. */
#include "selector/verdict.h"
#include "lib/util.h"
#include "selector/store_internal.h"
#include "tests/trace/applies.h"

static void install(void *ctx, const char *const *argv)
{
	bool half = ctx != NULL;

	if (half)
		applies_half();
	else
		applies_whole(PLAN_AUTOMATIC);
}

/* Slot a is good, b is empty, and something is staged. */
static void stage(void)
{
	struct state s = machine_good();

	s.slot[1] = (struct state_slot){ .st = STATE_EMPTY };
	s.staged.source = STATE_SRC_DATA;
	machine_put(s);
}

TEST(installed_update_is_booted)
{
	struct os_sim_child c = apply(0, NULL);
	struct state after;

	stage();
	c.run = install;
	os_sim_child(&c);
	machine_boots_as("apply_installs_then_boots_target", 'b');
	assert_order("spawn " APPLY, "mount " SLOT_B_DEV);
	assert_once(NODES " --mountable 3 --source data:/dev/vda4");
	assert_int_equal(os_sim_count("spawn keelboot-prober /dev/vda"), 2);
	machine_told("\"version\":\"3.0\"");
	after = machine_get();
	EQUAL((after.apply[STATE_SRC_DATA].count, 0), (after.apply[STATE_SRC_DATA].open, false));
	assert_int_equal(after.slot[1].tries, STATE_TRIES - 1);
}

static int seen_count;
static bool seen_open;

static void look(void *ctx)
{
	struct state s = machine_get();

	seen_count = s.apply[STATE_SRC_DATA].count;
	seen_open = s.apply[STATE_SRC_DATA].open;
}

/* Each name is one that system.conf cannot compare. */
TEST(slot_that_is_the_other_one_by_another_name_is_never_installed_to)
{
	machine.conf = "[system]\ncompatible=trace\n[slot.a]\nroot=PARTLABEL=root-a\n"
		       "[slot.b]\nroot=" SLOT_A_DEV "\n";
	stage();
	machine_child(apply(1, NULL));
	machine_boots('a');
	assert_once("spawn keelboot-apply --state " STATE_DEV " --slot a:root=" SLOT_A_DEV
		    " --slot b:root=" SLOT_A_DEV
		    " --mountable 3 --in-use 3 --source data:/dev/vda4");
	assert_once("# devices: root of slot b and root of slot a are both " SLOT_A_DEV
		    ": nothing is installed to such a slot");
	machine_told("{\"id\":\"partition-shared\"");
}

TEST(slot_that_is_the_state_by_another_name_is_never_installed_to)
{
	machine.conf = "[system]\ncompatible=trace\n[slot.a]\nroot=PARTLABEL=root-a\n"
		       "[slot.b]\nroot=" STATE_DEV "\n";
	stage();
	machine_child(apply(1, NULL));
	machine_boots('a');
	assert_once("spawn keelboot-apply --state " STATE_DEV " --slot a:root=" SLOT_A_DEV
		    " --slot b:root=" STATE_DEV
		    " --mountable 1 --in-use 2 --source data:/dev/vda4");
	machine_told("{\"id\":\"partition-shared\"");
}

TEST(apply_is_counted_before_it_starts)
{
	stage();
	machine_child(apply(2, NULL));
	os_sim_at(700, look, NULL);
	machine_boots_as("apply_counted_before_spawn", 'a');
	assert_order("flush " STATE_DEV, "spawn " APPLY);
	EQUAL((seen_count, 1), (seen_open, true), (machine_get().apply[STATE_SRC_DATA].count, 0));
}

TEST(apply_that_cannot_be_counted_is_not_started)
{
	stage();
	os_sim_fail("flush " STATE_DEV, 1, KB_EIO);
	os_sim_fail("flush " STATE_DEV, 2, KB_EIO);
	machine_boots_as("apply_not_counted_is_not_started", 'a');
	assert_absent("spawn " APPLY);
	/* What landed of the count does not stand. */
	bdev_sim_cut(&machine.state, 1);
	assert_int_equal(machine_get().apply[STATE_SRC_DATA].count, 0);
}

TEST(source_that_takes_the_device_down_is_skipped)
{
	struct os_sim_child hangs = { .argv0 = APPLY, .stuck = true, .hangs = true };

	stage();
	for (int i = 1; i <= STATE_APPLY_LIMIT; i++) {
		os_sim_child(&hangs);
		assert_int_equal(machine_boot(), OS_SIM_REBOOT);
		assert_int_equal(machine_get().apply[STATE_SRC_DATA].count, i);
		machine_restart();
	}
	os_sim_child(&hangs);
	machine_boots_as("apply_source_skipped_after_three", 'a');
	assert_absent("spawn " APPLY);
	assert_once("# update: source data is skipped: its updates crashed the device 3 times");
	/* It stays so without another write for each boot. */
	machine_restart();
	os_sim_child(&hangs);
	machine.state.own.ops = 0;
	EQUAL((machine_boot(), OS_SIM_EXEC), (machine.state.own.ops, 0));
}

TEST(data_is_not_opened_when_nothing_is_staged)
{
	machine_child(apply(0, NULL));
	machine_boots_as("staged_data_only_opened_when_state_says_so", 'a');
	assert_absent("spawn " APPLY);
	assert_absent("open /dev/vda4");
	assert_int_equal(machine.state.own.ops, 0);
}

TEST(stalled_apply_is_killed)
{
	struct os_sim_child c = { .argv0 = APPLY, .hangs = true };

	stage();
	/* The same line again, a step back, rubbish: nothing of it is progress. */
	c.say[0] = (struct os_sim_say){ 1000, "P 1 write 50 100\n", 0 };
	c.say[1] = (struct os_sim_say){ 10000, "P 1 write 50 100\nP 1 check 60 100\n", 0 };
	c.say[2] = (struct os_sim_say){ 20000, "P 1 write 999 100\n\xff\xfe P \n", 0 };
	c.say[3] = (struct os_sim_say){ 30000, "P 1 write 60 200\n", 0 };
	os_sim_child(&c);
	machine_boots_as("apply_stalls_is_killed", 'a');
	assert_order("kill " APPLY, "mount " SLOT_A_DEV);
	/* 40 s after the only progress: two thirds of the watchdog's time. */
	assert_in_range(os_now_ms(), 41000, 41600);
	/* Nothing but progress feeds it: if the kill hung too, it would be the end. */
	assert_in_range(os_sim_watchdog_pause(), 40000, 41000);
	assert_int_equal(machine_get().apply[STATE_SRC_DATA].count, 1);
	assert_false(machine_get().apply[STATE_SRC_DATA].open);
}

/* The first bundle turned out damaged while it was written; the next one is checked and written. */
TEST(second_bundle_has_its_time)
{
	struct os_sim_child c = { .argv0 = APPLY, .duration_ms = 160000, .status = 1 << 8 };

	stage();
	c.say[0] = (struct os_sim_say){ 1000, "P 0 look 1 8224\nP 1 write 900 1000\n", 0 };
	c.say[1] = (struct os_sim_say){ 35000, "P 2 check 10 3000\n", 0 };
	c.say[2] = (struct os_sim_say){ 70000, "P 2 check 3000 3000\n", 0 };
	c.say[3] = (struct os_sim_say){ 105000, "P 2 write 10 2000\n", 0 };
	c.say[4] = (struct os_sim_say){ 140000, "P 2 write 100 2000\n", 0 };
	os_sim_child(&c);
	machine_boots_as("apply_goes_on_to_the_next_bundle", 'a');
	assert_absent("kill " APPLY);
	assert_int_equal(os_sim_count("WATCHDOG FIRES"), 0);
	assert_in_range(os_now_ms(), 160000, 160600);
}

/* Progress that never ends is none: four hours, and not the fifth. */
TEST(apply_that_goes_on_for_ever_is_killed)
{
	static char line[6][32];
	struct os_sim_child c = { .argv0 = APPLY, .hangs = true };

	stage();
	machine.conf = "[install]\nprogress-deadline=3600\n[watchdog]\ndevice=off\n";
	for (unsigned i = 0; i < 6; i++) {
		snprintf(line[i], sizeof(line[i]), "P 1 write %u 100\n", i + 1);
		c.say[i] = (struct os_sim_say){ (i + 1) * 3500u * 1000, line[i], 0 };
	}
	os_sim_child(&c);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("kill " APPLY);
	assert_in_range(os_now_ms(), 4u * 3600 * 1000, 4u * 3600 * 1000 + 1000);
}

TEST(short_watchdog_does_not_come_before_the_kill)
{
	stage();
	machine.conf = "[watchdog]\ntimeout=6\n";
	machine_child((struct os_sim_child){ .argv0 = APPLY, .hangs = true });
	machine_boots_as("apply_stalls_with_a_short_watchdog", 'a');
	assert_in_range(os_now_ms(), 4000, 4600);
}

TEST(deadline_of_progress_may_be_shorter)
{
	stage();
	machine_child((struct os_sim_child){ .argv0 = APPLY, .hangs = true });
	machine.conf = "[install]\nprogress-deadline=5\n";
	machine_boots_as("apply_progress_deadline", 'a');
	assert_once("kill " APPLY);
	assert_in_range(os_now_ms(), 5000, 5600);
}

TEST(copy_that_stalls_apply_is_dropped_in_the_end)
{
	struct os_sim_child c = { .argv0 = APPLY, .hangs = true };

	stage();
	for (int i = 1; i <= STATE_FAILS_LIMIT; i++) {
		os_sim_child(&c);
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
		assert_once("kill " APPLY);
		if (i == STATE_FAILS_LIMIT)
			trace_expect("staged_copy_that_stalls_is_dropped");
		machine_restart();
	}
	assert_int_equal(machine_get().staged.source, STATE_SRC_NONE);
	os_sim_child(&c);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_absent("spawn " APPLY);
	assert_int_equal(os_now_ms(), 0);
	/* What is staged then is looked at. */
	assert_int_equal(machine_get().apply[STATE_SRC_DATA].count, 0);
}

/* ---------------------------------------------------------------- a stick that stays in */

static char forever[6][32];

/* Ways in which apply does not end by itself. */
static const struct os_sim_child deaths[] = {
	{ .argv0 = APPLY, .duration_ms = 3000, .status = SIGSEGV },
	{ .argv0 = APPLY, .duration_ms = 3000, .status = SIGKILL },
	{ .argv0 = APPLY, .duration_ms = 3000, .status = 127 << 8 },
	{ .argv0 = APPLY, .duration_ms = 3000, .status = 0 }, /* and no slot is on trial */
	{ .argv0 = APPLY, .hangs = true },
	{ .argv0 = APPLY,
	  .hangs = true,
	  .say = { { 3500u * 1000, forever[0], 0 },
		   { 7000u * 1000, forever[1], 0 },
		   { 10500u * 1000, forever[2], 0 },
		   { 14000u * 1000, forever[3], 0 } } },
};

static void plug(const struct os_sim_child *c)
{
	machine_restart();
	machine_plug(machine_stick());
	os_sim_child(c);
}

static enum os_sim_end boot_with_stick(const struct os_sim_child *c)
{
	plug(c);
	return machine_boot();
}

/* As a service does in each boot of a healthy system. */
static void mark_good(void)
{
	struct state s = machine_get();
	bool committed;

	OK(verdict_good(&s, 0, s.open_token, 0, &committed));
	assert_false(committed);
	machine_put(s);
}

static void check_skipped(const struct os_sim_child *c)
{
	assert_int_equal(boot_with_stick(c), OS_SIM_EXEC);
	assert_absent("spawn " APPLY);
	assert_once("# update: source usb is skipped: its updates crashed apply 3 times");
	mark_good();
	machine.state.own.ops = 0;
	assert_int_equal(boot_with_stick(c), OS_SIM_EXEC);
	assert_absent("spawn " APPLY);
	assert_int_equal(machine.state.own.ops, 0);
}

TEST(stick_on_which_apply_dies_is_skipped_in_the_end)
{
	machine.conf = "[system]\ncount=never\n[install]\nprogress-deadline=3600\n"
		       "[watchdog]\ndevice=off\n";
	for (unsigned i = 0; i < 4; i++)
		snprintf(forever[i], sizeof(forever[i]), "P 1 write %u 100\n", i + 1);
	for (unsigned i = 0; i < KB_ARRAY_LEN(deaths); i++) {
		machine_put(machine_good());
		for (int n = 1; n <= STATE_APPLY_LIMIT; n++) {
			assert_int_equal(boot_with_stick(&deaths[i]), OS_SIM_EXEC);
			assert_once("spawn " APPLY);
			assert_string_equal(os_sim_text("/run/keelboot/slot"), "a\n");
			assert_int_equal(machine_get().apply[STATE_SRC_USB].count, n);
			assert_false(machine_get().apply[STATE_SRC_USB].open);
			mark_good();
		}
		check_skipped(&deaths[i]);
		/* Another stick gets its chance when this one was taken out. */
		machine_restart();
		EQUAL((machine_boot(), OS_SIM_EXEC), (machine_get().apply[STATE_SRC_USB].count, 0));
		assert_int_equal(boot_with_stick(&deaths[i]), OS_SIM_EXEC);
		assert_once("spawn " APPLY);
	}
}

/* A stick that dies slowly. Each look takes a little less than what counts as a stall, and at the
 * end apply says that there is nothing. */
static struct os_sim_child slow_looks(unsigned duration_ms)
{
	static char line[6][32];
	struct os_sim_child c = { .argv0 = APPLY, .duration_ms = duration_ms, .status = 2 << 8 };

	for (unsigned i = 0; i < 6; i++) {
		snprintf(line[i], sizeof(line[i]), "P 0 look %u 8224\n", i + 1);
		c.say[i] = (struct os_sim_say){ (i + 1) * 39000, line[i], 0 };
	}
	return c;
}

/* Threat 22: bounded like one on which apply stalls. */
TEST(stick_that_is_looked_at_for_too_long_is_skipped_in_the_end)
{
	const struct os_sim_child slow = slow_looks(240000), quick = slow_looks(119000);
	struct state s = machine_good();

	machine_put(s);
	for (int n = 1; n <= STATE_APPLY_LIMIT; n++) {
		assert_int_equal(boot_with_stick(&slow), OS_SIM_EXEC);
		assert_once("kill " APPLY);
		assert_once("# update: looking at media for too long; stopped");
		assert_in_range(os_now_ms(), 120000, 121500);
		assert_int_equal(os_sim_count("WATCHDOG FIRES"), 0);
		assert_int_equal(machine_get().apply[STATE_SRC_USB].count, n);
		mark_good();
	}
	check_skipped(&slow);
	/* One that is done before that costs nothing. */
	machine_put(s);
	assert_int_equal(boot_with_stick(&quick), OS_SIM_EXEC);
	assert_absent("kill " APPLY);
	assert_int_equal(machine_get().apply[STATE_SRC_USB].count, 0);
}

/* Only looking is bounded so: an install that was found at last goes on as long as it moves. A
 * longer progress-deadline= is a person's word for how long one step may take. */
TEST(what_was_found_after_a_long_look_has_its_time)
{
	struct os_sim_child c = slow_looks(230000), alone = { .argv0 = APPLY, .status = 2 << 8 };

	c.say[3] = (struct os_sim_say){ 119000, "P 1 check 10 3000\n", 0 };
	c.say[4] = (struct os_sim_say){ 158000, "P 1 check 20 3000\n", 0 };
	c.say[5] = (struct os_sim_say){ 197000, "P 1 check 30 3000\n", 0 };
	machine_put(machine_good());
	assert_int_equal(boot_with_stick(&c), OS_SIM_EXEC);
	assert_absent("kill " APPLY);
	assert_in_range(os_now_ms(), 230000, 231500);
	alone.duration_ms = 290000;
	machine.conf = "[install]\nprogress-deadline=300\n[watchdog]\ndevice=off\n";
	assert_int_equal(boot_with_stick(&alone), OS_SIM_EXEC);
	assert_absent("kill " APPLY);
}

/* No slot mounts: apply is as `before` once, and as `then` in the rescue, which finds nothing. */
static void rescue_with_stick(struct os_sim_child *before, struct os_sim_child *then)
{
	before->times = 1;
	plug(before);
	then->arg = "--rescue";
	os_sim_child(then);
	os_sim_fail("mount /dev/vda", 0, KB_EMOUNT);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
}

/* No boot is held up, and the good stick may be the one behind. */
TEST(rescue_looks_as_long_as_it_takes)
{
	struct os_sim_child first = slow_looks(1000), slow = slow_looks(230000);

	machine_put(machine_good());
	rescue_with_stick(&first, &slow);
	assert_in_range(os_sim_count("spawn " APPLY), 2, 20);
	assert_absent("kill " APPLY);
}

/* Pulled out in the middle, refused, or nothing on it: apply says so, and that costs nothing. */
TEST(stick_that_apply_is_done_with_is_not_counted)
{
	struct state s = machine_good();

	for (int code = 1; code <= 2; code++) {
		const struct os_sim_child ends = apply(code, NULL);

		s.apply[STATE_SRC_USB].count = STATE_APPLY_LIMIT - 1;
		machine_put(s);
		assert_int_equal(boot_with_stick(&ends), OS_SIM_EXEC);
		assert_int_equal(machine_get().apply[STATE_SRC_USB].count, 0);
	}
}

/* Nothing else could boot, and the next stick is the only way out. */
TEST(rescue_counts_no_stick_on_which_apply_dies)
{
	struct os_sim_child c = apply(2, NULL), dies = deaths[0];

	machine_put(machine_good());
	rescue_with_stick(&c, &dies);
	assert_in_range(os_sim_count("spawn " APPLY), STATE_APPLY_LIMIT + 1, 20);
	assert_int_equal(machine_get().apply[STATE_SRC_USB].count, 0);
	assert_false(machine_get().apply[STATE_SRC_USB].open);
}

/* ---------------------------------------------------------------- an oops */

#define OOPS "write /proc/sys/kernel/panic_on_oops "

TEST(oops_is_a_panic_as_long_as_apply_runs)
{
	const struct os_sim_child c = apply(1, NULL);

	machine_put(machine_good());
	assert_int_equal(boot_with_stick(&c), OS_SIM_EXEC);
	assert_order(OOPS "1", "spawn " APPLY);
	assert_order("spawn " APPLY, OOPS "0");
	assert_order(OOPS "0", "mount " SLOT_A_DEV);
	machine_restart();
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_absent(OOPS);
	/* A panic that hangs is worse than an oops that is survived. */
	machine.cmdline = "panic=0\n";
	assert_int_equal(boot_with_stick(&c), OS_SIM_EXEC);
	assert_once("spawn " APPLY);
	assert_absent(OOPS);
}

TEST(crash_of_apply_is_survived)
{
	struct os_sim_child c = apply(0, NULL);
	char half = 1;

	stage();
	c.status = SIGSEGV;
	c.run = install;
	c.ctx = &half;
	os_sim_child(&c);
	machine_boots_as("apply_crashes", 'a');
	assert_once("# update: apply was ended by signal 11");
	assert_absent("mount " SLOT_B_DEV);
	assert_int_equal(machine_get().slot[1].st, STATE_WRITING);
}

TEST(apply_that_cannot_be_killed_ends_in_a_restart)
{
	stage();
	machine_child((struct os_sim_child){ .argv0 = APPLY, .hangs = true, .stuck = true });
	machine_reboots_as("apply_cannot_be_killed_restarts");
	assert_absent("mount /dev/vda");
	assert_order("kill " APPLY, "reboot");
	assert_true(machine_get().apply[STATE_SRC_DATA].open);
}

TEST(apply_that_is_not_there_is_survived)
{
	stage();
	machine_boots_as("apply_cannot_be_started", 'a');
}

static void install_and_lose(void *ctx, const char *const *argv)
{
	install(ctx, argv);
	machine.state.dead[0].to = STORE_MIN_SIZE;
	machine.state.dead[0].reads = true;
}

/* Apply has begun to write slot b, a trial until then; its state cannot be read any more. What it
 * wrote is not hidden by an older story, and b is the last that would be booted. */
TEST(state_that_is_lost_during_apply_is_not_written_over)
{
	struct os_sim_child c = apply(1, NULL);
	struct state s = machine_trial();
	char half = 1;

	s.staged.source = STATE_SRC_DATA;
	machine_put(s);
	c.run = install_and_lose;
	c.ctx = &half;
	os_sim_child(&c);
	machine_boots_as("state_lost_during_apply", 'a');
	machine_told("\"state\":\"missing\"");
	bdev_sim_cut(&machine.state, 1);
	assert_int_equal(machine_get().slot[1].st, STATE_WRITING);
}

TEST(stick_repairs_a_device_on_which_nothing_mounts)
{
	struct os_sim_child none = apply(2, NULL), fixes = apply(0, NULL);

	machine_plug(machine_stick());
	os_sim_fail("mount /dev/vda", 1, KB_EMOUNT);
	os_sim_fail("mount /dev/vda", 2, KB_EMOUNT);
	none.times = 1;
	fixes.arg = "--rescue";
	fixes.run = install;
	os_sim_child(&none);
	os_sim_child(&fixes);
	machine_boots_as("rescue_from_a_stick", 'b');
	assert_int_equal(os_sim_count("spawn " APPLY), 2);
	machine_told("\"reason\":\"\"");
	assert_once(NODES " --mountable 3 --rescue --source usb:/dev/sda");
}

/* Power goes at each write of a boot that looks at a source: the count never stands still so that
 * the source could be tried forever, and the good slot boots after it. */
TEST(cut_at_any_write_around_an_apply)
{
	for (unsigned cut = 1; cut <= 6; cut++) {
		for (uint64_t seed = 0; seed < 8; seed++) {
			struct os_sim_child c = apply(2, NULL);

			machine_anew();
			stage();
			os_sim_child(&c);
			machine.state.own.cut_at = cut;
			assert_int_equal(machine_boot(), OS_SIM_EXEC);
			bdev_sim_cut(&machine.state, seed);
			os_sim_reset();
			os_sim_child(&c);
			assert_in_range(machine_get().apply[STATE_SRC_DATA].count, 0, 1);
			machine_boots('a');
		}
	}
}

TEST_MAIN("trace of the updates", .set_up = machine_set_up, .tear_down = machine_tear_down)
