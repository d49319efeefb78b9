/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel of a slot does where it cannot go on as the base chose: it goes back, or enters
 * its own root all the same, or another one's. */
#include "tests/trace/kexecs.h"

/* At most one kexec for each start of the base, whatever the slot's kernel finds. */
TEST(kernel_that_the_base_started_starts_no_other)
{
	struct state s = machine_good();

	machine_put(s);
	starts("keelboot.pair=a quiet panic=10\n");
	kernels_load();
	machine.init[0] = NULL;
	machine_reboots_as("kexec_goes_back");
	assert_absent("spawn " CHILD);
	assert_int_equal(machine_get().slot[0].streak, 1);
}

TEST(failure_that_cannot_be_written_restarts_nothing)
{
	machine_put(machine_good());
	starts("keelboot.pair=a quiet panic=10\n");
	kernels_load();
	machine.init[0] = NULL;
	os_sim_fail("write " STATE_DEV, 0, KB_EIO);
	machine_boots('b');
	assert_absent("kexec");
	machine_told(
		"slot b runs with the kernel of slot a: that slot cannot be booted, and a restart might repeat this forever");
	assert_once("# slot b runs with the kernel of slot a");
}

static void b_was_charged(void)
{
	machine_put(machine_trial());
	kernels_load();
	assert_int_equal(machine_boot(), OS_SIM_KEXEC);
	starts("keelboot.pair=b quiet panic=10\n");
}

TEST(slot_whose_arrival_cannot_be_written_is_entered)
{
	b_was_charged();
	os_sim_fail("write " STATE_DEV, 0, KB_EIO);
	machine_boots('b');
	machine_told("\"counted\":true");
	machine_told("\"state\":\"unwritable\"");
	assert_true(machine_get().handed != 0);
}

/* Each time the base counts it, so that it ends. */
TEST(charged_slot_goes_back_until_its_tries_are_spent)
{
	unsigned starts_of_b = 0;

	machine_put(machine_trial());
	for (;; starts_of_b++) {
		kernels_load();
		assert_int_equal(machine_boot(), OS_SIM_KEXEC);
		if (os_sim_count("# slot b: starting its kernel") == 0)
			break;
		starts("keelboot.pair=b quiet panic=10\n");
		machine.init[1] = NULL;
		os_sim_fail("write " STATE_DEV, 0, KB_EIO);
		assert_int_equal(machine_boot(), OS_SIM_REBOOT);
		reset();
		machine.init[1] = "/sbin/init";
		assert_true(starts_of_b < 10);
	}
	assert_int_equal(starts_of_b, STATE_TRIES);
	assert_int_equal(machine_get().slot[1].st, STATE_BAD);
}

/* Both regions, or all but what the slots hold: it is made anew, and prefers slot a. */
TEST(state_that_is_lost_behind_the_base_keeps_no_slot_from_its_kernel)
{
	b_was_charged();
	cut_disk_free(&machine.state);
	bdev_sim_init(&machine.state, STORE_MIN_SIZE);
	machine_boots('b');
	machine_told("\"state\":\"blank\"");
	machine_told("\"a: the first kernel chose another slot\"");
}

static bool keep_newest(void *ctx, const struct history_event *e)
{
	*(struct history_event *)ctx = *e;
	return false;
}

static struct history_event newest_event(void)
{
	struct history_event e = { .n = 0 };
	struct store st;

	machine_load(&st);
	OK(store_history_read(&st, 0, keep_newest, &e));
	return e;
}

/* The record that the base read is lost, and the one before rejects the slot. */
TEST(record_that_is_lost_behind_the_base_costs_one_restart)
{
	machine_put(machine_trial_ended(0));
	starts("keelboot.pair=b quiet panic=10\n");
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	EQUAL((machine_get().slot[1].st, STATE_BAD));
	for (unsigned i = 0; i < 2; i++) { /* in each boot; in the history it stands once */
		starts("keelboot.pair=b quiet panic=10\n");
		machine_boots('a');
		machine_told("slot a runs with the kernel of slot b");
		assert_once("# slot a runs with the kernel of slot b");
		EQUAL((newest_event().kind, HISTORY_BOOT), (newest_event().slot, 0),
		      (newest_event().detail, "normal, with the kernel of slot b"));
		assert_int_equal(newest_event().n, 2);
	}
}

TEST_MAIN("trace of the way back to the base", .set_up = kexecs_set_up,
	  .tear_down = machine_tear_down)
