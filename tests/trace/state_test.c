/* SPDX-License-Identifier: Apache-2.0 */
/* Boots whose state partition is new, damaged, missing, or does not take a write. */
#include "selector/store_internal.h"
#include "tests/trace/machine.h"

static void lose_region(int region)
{
	bdev_sim_scribble(&machine.state, STORE_REGION(region), (uint64_t)STORE_CELLS * STORE_CELL,
			  99);
}

static void blank_state_is_made_from_the_slots(void **ctx)
{
	struct state after;

	(void)ctx;
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("first_boot_blank_state");
	assert_order("write " STATE_DEV, "mount " SLOT_A_DEV);
	machine_told("\"state\":\"blank\"");
	after = machine_get();
	assert_int_equal(after.slot[0].st, STATE_TRIAL);
	assert_int_equal(after.slot[0].tries, STATE_TRIES - 1);
	assert_int_equal(after.slot[1].st, STATE_TRIAL);
	assert_int_equal(after.slot[1].tries, STATE_TRIES);
	assert_int_equal(after.open, 0);
}

static void partition_that_is_too_small_is_named_with_its_size(void **ctx)
{
	(void)ctx;
	machine.state.bdev.size = 8 * MIB;
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	machine.state.bdev.size = STORE_MIN_SIZE;
	assert_once("# state: /dev/vda1 has 8388608 bytes, and has to have at least 16 MiB");
	assert_absent("invalid");
	assert_int_equal(machine.state.ops, 0);
}

static void both_lost_regions_are_rebuilt_from_manifests(void **ctx)
{
	const struct store_manifest m = { .sequence = 20, .floor = 7, .version = "2.0", .len = 4 };
	struct state s = machine_trial(), after;
	enum store_finding found;
	struct store st;

	(void)ctx;
	machine_put(&s);
	assert_int_equal(store_load(&st, &machine.state.bdev, &after, &found), KB_OK);
	assert_int_equal(store_manifest_write(&st, 1, &m, "blob"), KB_OK);
	bdev_sim_cut(&machine.state, 1);
	lose_region(0);
	lose_region(1);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("both_regions_lost_rebuilds");
	assert_once("# state: both regions are damaged");
	assert_string_equal(os_sim_text("/run/keelboot/slot"), "b\n");
	machine_told("\"state\":\"rebuilt\"");
	after = machine_get();
	assert_true(after.rebuilt);
	assert_int_equal(after.floor, 7);
	assert_int_equal(after.slot[1].sequence, 20);
	assert_int_equal(after.slot[0].st, STATE_TRIAL);
	/* No update by itself while nothing has proved itself again: that is plan_accept()'s. */
	assert_int_equal(after.slot[1].tries, STATE_TRIES - 1);
}

/* Threat 34: whoever writes the state partition says that nothing whole is in the slots. */
static void state_that_lets_nothing_boot_boots_what_is_there(void **ctx)
{
	static const enum state_st st[] = { STATE_EMPTY, STATE_WRITING };
	struct state s;

	(void)ctx;
	for (unsigned n = 0; n < 4; n++) {
		s = machine_good();
		s.slot[0].st = st[n & 1];
		s.slot[1].st = st[n >> 1];
		s.floor = UINT64_MAX;
		machine_put(&s);
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
		machine_told("\"state\":\"rebuilt\"");
		assert_in_range(os_now_ms(), 0, 1000);
		assert_int_equal(machine_get().floor, 0);
		machine_tear_down(NULL);
		machine_set_up(NULL);
	}
}

/* Threat 34: the one that works is held back, and the other one, which may boot, does not mount. */
static void state_that_holds_back_the_slot_that_works_boots_it(void **ctx)
{
	struct state s = machine_good();

	(void)ctx;
	states_set(&s, 0, STATE_WRITING, 0);
	s.slot[1].st = STATE_BAD;
	machine_put(&s);
	os_sim_fail("mount " SLOT_B_DEV, 0, KB_EMOUNT);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("state_holds_back_the_slot_that_works");
	assert_string_equal(os_sim_text("/run/keelboot/slot"), "a\n");
}

/* An install that was cut has sealed its slot: that one is not taken, and the state stays. */
static void slot_under_install_is_never_booted_when_the_other_one_does_not_mount(void **ctx)
{
	struct state s = machine_good(), after;

	(void)ctx;
	states_set(&s, 0, STATE_WRITING, 0);
	machine_put(&s);
	machine.disk.part[1].fstype = NULL;
	os_sim_fail("mount " SLOT_B_DEV, 0, KB_EMOUNT);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_absent("mount " SLOT_A_DEV);
	after = machine_get();
	assert_false(after.rebuilt);
	assert_int_equal(after.slot[0].st, STATE_WRITING);
}

static void one_lost_region_is_no_news(void **ctx)
{
	struct state s = machine_good();

	(void)ctx;
	machine_put(&s);
	lose_region(0);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("one_region_lost");
	assert_int_equal(machine.state.ops, 0);
	assert_string_equal(os_sim_text("/run/keelboot/slot"), "a\n");
	machine_told("\"state\":\"found\"");
}

static void missing_state_partition_boots_uncounted(void **ctx)
{
	(void)ctx;
	machine.disk.part[0].partlabel = "something-else";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("state_partition_missing");
	assert_int_equal(machine.state.ops, 0);
	assert_string_equal(os_sim_text("/run/keelboot/token"), "a 0\n");
	machine_told("\"state\":\"missing\"");
	machine_told("\"counted\":false");
	assert_int_equal(machine.state.reads, 0);
}

static void state_that_cannot_be_read_boots_uncounted(void **ctx)
{
	struct state s = machine_trial();

	(void)ctx;
	machine_put(&s);
	machine.state.dead[0].to = STORE_MIN_SIZE;
	machine.state.dead[0].reads = machine.state.dead[0].writes = true;
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("state_cannot_be_read");
	assert_absent("write " STATE_DEV);
	machine_told("\"state\":\"missing\"");
}

static void failed_write_boots_the_good_slot(void **ctx)
{
	struct state s = machine_trial(), after;

	(void)ctx;
	machine_put(&s);
	os_sim_fail("write " STATE_DEV, 0, KB_EIO);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("state_write_fails_boots_the_good_slot");
	assert_absent("mount " SLOT_B_DEV);
	assert_string_equal(os_sim_text("/run/keelboot/slot"), "a\n");
	machine_told("\"state\":\"unwritable\"");
	after = machine_get();
	assert_int_equal(after.slot[1].tries, STATE_TRIES);
}

static void charge_that_failed_but_landed_is_written_over(void **ctx)
{
	struct state s = machine_trial(), after;

	(void)ctx;
	machine_put(&s);
	/* The first two writes, one for each region, are the charge of b: the error comes when they
	 * are flushed, and what was written lands nevertheless. */
	os_sim_fail("flush " STATE_DEV, 1, KB_EIO);
	os_sim_fail("flush " STATE_DEV, 2, KB_EIO);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("charge_failed_but_landed");
	assert_string_equal(os_sim_text("/run/keelboot/slot"), "a\n");
	bdev_sim_cut(&machine.state, 1);
	after = machine_get();
	/* I8: only the slot that boots is charged. */
	assert_int_equal(after.slot[1].tries, STATE_TRIES);
	assert_int_equal(after.open, STATE_NONE);
	machine_told("\"state\":\"found\"");
}

static void nothing_but_trials_and_no_write_boots_one_uncounted(void **ctx)
{
	struct state s = machine_trial();

	(void)ctx;
	s.slot[0].st = STATE_EMPTY;
	s.last = STATE_NONE;
	machine_put(&s);
	os_sim_fail("write " STATE_DEV, 0, KB_EIO);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("only_a_trial_and_no_write");
	assert_string_equal(os_sim_text("/run/keelboot/token"), "b 0\n");
	machine_told("\"counted\":false");
}

static void read_only_state_still_tells_the_good_slot(void **ctx)
{
	struct state s = machine_good();

	(void)ctx;
	s.pref = s.last = 1;
	machine_put(&s);
	os_sim_fail("open " STATE_DEV " rw", 0, KB_EPERM);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("state_is_read_only");
	assert_string_equal(os_sim_text("/run/keelboot/slot"), "b\n");
	machine_told("\"status\":\"good\"");
}

static void read_only_state_does_not_boot_a_trial_before_a_good_slot(void **ctx)
{
	struct state s = machine_trial();

	(void)ctx;
	machine_put(&s);
	os_sim_fail("open " STATE_DEV " rw", 0, KB_EPERM);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("state_is_read_only_trial");
	assert_string_equal(os_sim_text("/run/keelboot/slot"), "a\n");
	machine_told("\"state\":\"unwritable\"");
}

/* Power goes at each write of a boot of a trial: the next boot boots, and never gains a try. */
static void cut_at_any_write_of_a_trial_boot(void **ctx)
{
	(void)ctx;
	for (unsigned cut = 1; cut <= 4; cut++) {
		for (uint64_t seed = 0; seed < 8; seed++) {
			struct state s = machine_trial(), after;

			machine_tear_down(NULL);
			machine_set_up(NULL);
			machine_put(&s);
			machine.state.cut_at = cut;
			assert_int_equal(machine_boot(), OS_SIM_EXEC);
			bdev_sim_cut(&machine.state, seed);
			os_sim_reset();
			after = machine_get();
			assert_in_range(after.slot[1].tries, STATE_TRIES - 1, STATE_TRIES);
			assert_int_equal(machine_boot(), OS_SIM_EXEC);
			assert_string_equal(os_sim_text("/run/keelboot/slot"), "b\n");
		}
	}
}

static void good_slots_are_charged_where_nothing_can_be_told(void **ctx)
{
	struct state s = machine_good(), after;

	(void)ctx;
	machine_put(&s);
	machine.watchdog.options &= ~(uint32_t)WDIOF_CARDRESET;
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("good_slot_is_charged_where_nothing_can_be_told");
	assert_order("write " STATE_DEV, "mount " SLOT_A_DEV);
	after = machine_get();
	assert_int_equal(after.open, 0);
	assert_int_equal(after.slot[0].streak, 0);
	for (int i = 0; i < 2 * STATE_STREAK_LIMIT; i++) {
		assert_string_equal(os_sim_text("/run/keelboot/slot"), "a\n");
		machine_restart();
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
	}
	assert_string_equal(os_sim_text("/run/keelboot/slot"), "b\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(blank_state_is_made_from_the_slots),
		T(partition_that_is_too_small_is_named_with_its_size),
		T(both_lost_regions_are_rebuilt_from_manifests),
		T(state_that_lets_nothing_boot_boots_what_is_there),
		T(state_that_holds_back_the_slot_that_works_boots_it),
		T(slot_under_install_is_never_booted_when_the_other_one_does_not_mount),
		T(one_lost_region_is_no_news),
		T(missing_state_partition_boots_uncounted),
		T(state_that_cannot_be_read_boots_uncounted),
		T(failed_write_boots_the_good_slot),
		T(charge_that_failed_but_landed_is_written_over),
		T(nothing_but_trials_and_no_write_boots_one_uncounted),
		T(read_only_state_still_tells_the_good_slot),
		T(read_only_state_does_not_boot_a_trial_before_a_good_slot),
		T(cut_at_any_write_of_a_trial_boot),
		T(good_slots_are_charged_where_nothing_can_be_told),
	};

	return cmocka_run_group_tests_name("trace of the state", tests, NULL, NULL);
}
