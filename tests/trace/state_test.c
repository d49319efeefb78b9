/* SPDX-License-Identifier: Apache-2.0 */
/* Boots whose state partition is new, damaged, missing, or does not take a write. */
#include "selector/store_internal.h"
#include "tests/trace/machine.h"

static void lose_region(int region)
{
	bdev_sim_scribble(&machine.state, STORE_REGION(region), (uint64_t)STORE_CELLS * STORE_CELL,
			  99);
}

TEST(blank_state_is_made_from_the_slots)
{
	struct state after;

	machine_blank();
	machine_boots_as("first_boot_blank_state", 'a');
	assert_order("write " STATE_DEV, "mount " SLOT_A_DEV);
	machine_told("\"state\":\"blank\"");
	after = machine_get();
	EQUAL((after.slot[0].st, STATE_TRIAL), (after.slot[0].tries, STATE_TRIES - 1));
	EQUAL((after.slot[1].st, STATE_TRIAL), (after.slot[1].tries, STATE_TRIES), (after.open, 0));
}

TEST(partition_that_is_too_small_is_named_with_its_size)
{
	machine_blank();
	machine.state.bdev.size = 8 * MIB;
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	machine.state.bdev.size = STORE_MIN_SIZE;
	assert_once("# state: /dev/vda1 has 8388608 bytes, but needs at least 16 MiB");
	assert_absent("invalid");
	assert_int_equal(machine.state.own.ops, 0);
}

TEST(both_lost_regions_are_rebuilt_from_manifests)
{
	const struct store_manifest m = { .sequence = 20, .floor = 7, .version = "2.0", .len = 4 };
	struct state after;
	struct store st;

	machine_put(machine_trial());
	after = machine_load(&st);
	OK(store_manifest_write(&st, 1, &m, "blob"));
	bdev_sim_cut(&machine.state, 1);
	lose_region(0);
	lose_region(1);
	machine_boots_as("both_regions_lost_rebuilds", 'b');
	assert_once("# state: both regions are damaged");
	machine_told("\"state\":\"rebuilt\"");
	after = machine_get();
	EQUAL((after.rebuilt, true), (after.floor, 7), (after.slot[1].sequence, 20));
	assert_int_equal(after.slot[0].st, STATE_TRIAL);
	/* No update by itself while nothing has proved itself again: that is plan_accept()'s. */
	assert_int_equal(after.slot[1].tries, STATE_TRIES - 1);
}

/* Threat 34: whoever writes the state partition says that nothing whole is in the slots. */
TEST(state_that_lets_nothing_boot_boots_what_is_there)
{
	static const enum state_st st[] = { STATE_EMPTY, STATE_WRITING };
	struct state s;

	for (unsigned n = 0; n < 4; n++) {
		s = machine_good();
		s.slot[0].st = st[n & 1];
		s.slot[1].st = st[n >> 1];
		s.floor = UINT64_MAX;
		machine_put(s);
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
		machine_told("\"state\":\"rebuilt\"");
		assert_in_range(os_now_ms(), 0, 1000);
		assert_int_equal(machine_get().floor, 0);
		machine_anew();
	}
}

/* Threat 34: the one that works is held back, and the other one, which may boot, does not mount. */
TEST(state_that_holds_back_the_slot_that_works_boots_it)
{
	struct state s = machine_good();

	states_set(&s, 0, STATE_WRITING, 0);
	s.slot[1].st = STATE_BAD;
	machine_put(s);
	os_sim_fail("mount " SLOT_B_DEV, 0, KB_EMOUNT);
	machine_boots_as("state_holds_back_the_slot_that_works", 'a');
}

/* An install that was cut has sealed its slot: that one is not taken, and the state stays. */
TEST(slot_under_install_is_never_booted_when_the_other_one_does_not_mount)
{
	struct state s = machine_good();

	states_set(&s, 0, STATE_WRITING, 0);
	machine_put(s);
	machine.disk.part[1].fstype = NULL;
	os_sim_fail("mount " SLOT_B_DEV, 0, KB_EMOUNT);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_absent("mount " SLOT_A_DEV);
	EQUAL((machine_get().rebuilt, false), (machine_get().slot[0].st, STATE_WRITING));
}

TEST(one_lost_region_is_no_news)
{
	machine_put(machine_good());
	lose_region(0);
	machine_boots_as("one_region_lost", 'a');
	assert_int_equal(machine.state.own.ops, 0);
	machine_told("\"state\":\"found\"");
}

TEST(missing_state_partition_boots_uncounted)
{
	machine_blank();
	machine.disk.part[0].partlabel = "something-else";
	machine_boots_as("state_partition_missing", 'a');
	EQUAL((machine.state.own.ops, 0), (os_sim_text("/run/keelboot/token"), "a 0\n"));
	machine_told("\"state\":\"missing\"");
	machine_told("\"counted\":false");
	assert_int_equal(machine.state.reads, 0);
}

TEST(state_that_cannot_be_read_boots_uncounted)
{
	machine_put(machine_trial());
	machine.state.dead[0].to = STORE_MIN_SIZE;
	machine.state.dead[0].reads = machine.state.dead[0].writes = true;
	machine_boots_as("state_cannot_be_read", 'a');
	assert_absent("write " STATE_DEV);
	machine_told("\"state\":\"missing\"");
}

TEST(failed_write_boots_the_good_slot)
{
	machine_put(machine_trial());
	os_sim_fail("write " STATE_DEV, 0, KB_EIO);
	machine_boots_as("state_write_fails_boots_the_good_slot", 'a');
	assert_absent("mount " SLOT_B_DEV);
	machine_told("\"state\":\"unwritable\"");
	assert_int_equal(machine_get().slot[1].tries, STATE_TRIES);
}

TEST(charge_that_failed_but_landed_is_written_over)
{
	machine_put(machine_trial());
	/* The first two writes, one for each region, are the charge of b: the error comes when they
	 * are flushed, and what was written lands nevertheless. */
	os_sim_fail("flush " STATE_DEV, 1, KB_EIO);
	os_sim_fail("flush " STATE_DEV, 2, KB_EIO);
	machine_boots_as("charge_failed_but_landed", 'a');
	bdev_sim_cut(&machine.state, 1);
	/* I8: only the slot that boots is charged. */
	EQUAL((machine_get().slot[1].tries, STATE_TRIES), (machine_get().open, STATE_NONE));
	machine_told("\"state\":\"found\"");
}

TEST(nothing_but_trials_and_no_write_boots_one_uncounted)
{
	struct state s = machine_trial();

	s.slot[0].st = STATE_EMPTY;
	s.last = STATE_NONE;
	machine_put(s);
	os_sim_fail("write " STATE_DEV, 0, KB_EIO);
	machine_boots_as("only_a_trial_and_no_write", 'b');
	assert_string_equal(os_sim_text("/run/keelboot/token"), "b 0\n");
	machine_told("\"counted\":false");
}

TEST(read_only_state_still_tells_the_good_slot)
{
	struct state s = machine_good();

	s.pref = s.last = 1;
	machine_put(s);
	os_sim_fail("open " STATE_DEV " rw", 0, KB_EPERM);
	machine_boots_as("state_is_read_only", 'b');
	machine_told("\"status\":\"good\"");
}

TEST(read_only_state_does_not_boot_a_trial_before_a_good_slot)
{
	machine_put(machine_trial());
	os_sim_fail("open " STATE_DEV " rw", 0, KB_EPERM);
	machine_boots_as("state_is_read_only_trial", 'a');
	machine_told("\"state\":\"unwritable\"");
}

/* Power goes at each write of a boot of a trial: the next boot boots, and never gains a try. */
TEST(cut_at_any_write_of_a_trial_boot)
{
	for (unsigned cut = 1; cut <= 4; cut++) {
		for (uint64_t seed = 0; seed < 8; seed++) {
			struct state s = machine_trial();

			machine_anew();
			machine_put(s);
			machine.state.own.cut_at = cut;
			assert_int_equal(machine_boot(), OS_SIM_EXEC);
			bdev_sim_cut(&machine.state, seed);
			os_sim_reset();
			assert_in_range(machine_get().slot[1].tries, STATE_TRIES - 1, STATE_TRIES);
			machine_boots('b');
		}
	}
}

TEST(good_slots_are_charged_where_nothing_can_be_told)
{
	machine.watchdog.options &= ~(uint32_t)WDIOF_CARDRESET;
	machine_boots_as("good_slot_is_charged_where_nothing_can_be_told", 'a');
	assert_order("write " STATE_DEV, "mount " SLOT_A_DEV);
	EQUAL((machine_get().open, 0), (machine_get().slot[0].streak, 0));
	for (int i = 0; i < 2 * STATE_STREAK_LIMIT; i++) {
		assert_string_equal(os_sim_text("/run/keelboot/slot"), "a\n");
		machine_restart();
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
	}
	assert_string_equal(os_sim_text("/run/keelboot/slot"), "b\n");
}

TEST_MAIN("trace of the state", .set_up = machine_set_up, .tear_down = machine_tear_down)
