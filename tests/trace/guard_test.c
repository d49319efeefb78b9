/* SPDX-License-Identifier: Apache-2.0 */
/* When a boot starts the guardian, and with what. */
#include "tests/trace/machine.h"

#define STARTED "detach @keelboot-guardian"

static void boot_with(struct state s)
{
	machine_put(s);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
}

TEST(trial_gets_a_guardian)
{
	boot_with(machine_trial());
	trace_expect("guardian_of_a_trial");
	assert_order("open " STATE_DEV,
		     STARTED " b 3 trial 300 600 300 0 keep 65; descriptors 34567-");
	assert_order("write /run/keelboot/devices", STARTED);
	assert_order(STARTED, "write /run/keelboot/boot.json");
	machine_told("\"guardian\":{\"pid\":164,\"mode\":\"trial\",\"deadline\":300,\"due\":300,"
		     "\"stable\":600}");
	assert_order(STARTED, "write /run/keelboot/guardian 164");
	assert_order("write /run/sendsigs.omit.d/keelboot 164", "close watchdog");
	assert_order("close watchdog", "switch_root");
	assert_false(machine.boot.wdt.kept);
}

TEST(deadlines_of_system_conf_are_passed_on)
{
	machine.conf = "[system]\ncompatible=trace\ncommit-deadline=20\nshutdown-deadline=40\n";
	boot_with(machine_trial());
	assert_once(STARTED " b 3 trial 20 600 40 0 keep");
}

TEST(keelboot_log_rules_the_guardian_too)
{
	static const char *const line[][2] = {
		{ "quiet\n", "65" },
		{ "quiet keelboot.log=quiet\n", "55" },
		{ "quiet keelboot.log=info\n", "66" },
		{ "keelboot.log=debug\n", "77" },
	};

	for (unsigned i = 0; i < sizeof(line) / sizeof(line[0]); i++) {
		machine_restart();
		machine.cmdline = line[i][0];
		boot_with(machine_trial());
		assert_once(strf(STARTED " b %u trial 300 600 300 0 keep %s;",
				 (unsigned)machine.boot.attempt.token, line[i][1]));
	}
}

TEST(good_slot_needs_none)
{
	boot_with(machine_good());
	assert_absent("detach");
	assert_null(os_sim_text("/run/keelboot/guardian"));
	machine_told("\"guardian\":null");
}

TEST(counted_good_slot_has_to_prove_itself)
{
	machine.conf = "[system]\ncompatible=trace\ncount=always\nstable-after=90\n";
	boot_with(machine_good());
	assert_once(STARTED " a 3 good 0 90 300 0 keep 65; descriptors 34567-");
	machine_told("\"mode\":\"stable\",\"deadline\":null,\"due\":null,\"stable\":90}");
	machine_restart();
	machine.conf = "[system]\ncompatible=trace\ncount=always\nstable-after=0\n";
	boot_with(machine_good());
	assert_absent("detach"); /* its report proves it */
}

TEST(good_slot_that_crashed_has_to_prove_itself)
{
	struct state s = machine_good();

	s.slot[0].streak = 1;
	boot_with(s);
	assert_once(STARTED " a 0 good 0 600 300 0 keep 65; descriptors 34567-");
	machine_restart();
	s.slot[0].streak = 0;
	s.slot[0].doubt = 1;
	boot_with(s);
	assert_once(STARTED " a 0 good 0 600 300 0 keep");
	machine_restart();
	machine.cmdline = "keelboot.slot=a\n"; /* a person decided, and nothing is written */
	boot_with(s);
	assert_absent("detach");
}

TEST(trial_without_another_slot_is_not_held_to_a_deadline)
{
	struct state s = machine_trial();

	s.slot[0].st = STATE_BAD;
	boot_with(s);
	assert_once(STARTED " b 3 trial 0 600 300 0 keep");
	machine_restart();
	s = machine_trial();
	machine.disk.part[1].fstype = NULL; /* good, it says; but nothing is there to be booted */
	boot_with(s);
	assert_once(STARTED " b 6 trial 0 600 300 0 keep");
}

TEST(two_trials_are_something_to_fall_back_to)
{
	struct state s = machine_trial();

	states_set(&s, 0, STATE_TRIAL, 10);
	boot_with(s);
	assert_once(STARTED " b 3 trial 300 600 300");
}

TEST(forced_slot_is_not_held_to_a_deadline)
{
	machine.cmdline = "keelboot.slot=b\n";
	boot_with(machine_trial());
	assert_absent("detach");
}

TEST(uncounted_trial_is_not_held_to_a_deadline)
{
	struct state s = machine_trial();

	s.slot[0].st = STATE_TRIAL;
	s.slot[0].tries = 3;
	machine_put(s);
	os_sim_reset();
	machine_lay_out();
	os_sim_fail("write " STATE_DEV, 0, KB_EIO);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_absent("detach");
}

TEST(keeper_runs_on_every_boot)
{
	machine.conf = "[system]\ncompatible=trace\n[watchdog]\nhandover=keeper\n";
	boot_with(machine_good());
	trace_expect("guardian_keeps_the_watchdog");
	assert_once(STARTED " - 0 good 0 0 300 60 keep 65; descriptors -45678");
	assert_true(machine.boot.wdt.kept);
	machine_told("\"handover\":\"keeper\",\"feeder\":\"guardian\"},\"guardian\":{\"pid\":164,"
		     "\"mode\":\"keeper\",\"deadline\":null,\"due\":null,\"stable\":0}");
}

TEST(keeper_of_a_trial_has_the_deadline_too)
{
	machine.conf = "[system]\ncompatible=trace\n[watchdog]\nhandover=keeper\n";
	boot_with(machine_trial());
	assert_once(STARTED " b 3 trial 300 600 300 60 keep 65; descriptors 345678");
	machine_told("\"mode\":\"keeper\",\"deadline\":300,\"due\":300,\"stable\":600}");
}

TEST(release_feeds_a_trial_until_its_verdict)
{
	machine.conf = "[system]\ncompatible=trace\n[watchdog]\nhandover=release\n";
	boot_with(machine_trial());
	assert_once(STARTED " b 3 trial 300 600 300 60 release 65; descriptors 345678");
	machine_told("\"handover\":\"release\",\"feeder\":\"guardian\"},\"guardian\":{\"pid\":164,"
		     "\"mode\":\"release\",\"deadline\":300,\"due\":300,\"stable\":600}");
	machine_restart();
	boot_with(machine_good());
	assert_absent("detach");
}

/* The factory's first boot. */
TEST(release_feeds_a_trial_without_another_slot)
{
	struct state s = machine_trial();

	machine.conf = "[system]\ncompatible=trace\n[watchdog]\nhandover=release\n";
	s.slot[0].st = STATE_BAD;
	boot_with(s);
	assert_once(STARTED " b 3 trial 0 600 300 60 release 65; descriptors 345678");
	assert_absent("to be marked good");
	assert_true(machine.boot.wdt.kept);
	machine_told("\"handover\":\"release\",\"feeder\":\"guardian\"},\"guardian\":{\"pid\":164,"
		     "\"mode\":\"release\",\"deadline\":null,\"due\":null,\"stable\":600}");
}

TEST(release_feeds_a_trial_that_somebody_forced)
{
	machine.conf = "[system]\ncompatible=trace\n[watchdog]\nhandover=release\n";
	machine.cmdline = "keelboot.slot=b\n";
	boot_with(machine_trial());
	assert_once(STARTED " b 0 trial 0 0 300 60 release 65; descriptors 345678");
}

/* "Never disarm on failure": it is booted since nothing else is left. */
TEST(release_feeds_a_bad_slot)
{
	struct state s = machine_good();

	machine.conf = "[system]\ncompatible=trace\n[watchdog]\nhandover=release\n";
	s.slot[0].st = s.slot[1].st = STATE_BAD;
	boot_with(s);
	assert_once(STARTED " a 3 trial 0 600 300 60 release 65; descriptors 345678");
	assert_absent("# watchdog: /dev/watchdog0 is stopped");
	assert_true(machine.boot.wdt.kept);
	machine_told("\"handover\":\"release\",\"feeder\":\"guardian\"},\"guardian\":{\"pid\":");
	machine_restart();
	machine.conf = "[system]\ncompatible=trace\n"; /* nor is it held to a deadline */
	boot_with(s);
	assert_once(STARTED " a 6 trial 0 600 300 0 keep");
}

/* Its watchdog was stopped before it began: nothing is left to be released. */
TEST(counted_good_slot_proves_itself_with_release_as_well)
{
	machine.conf = "[system]\ncompatible=trace\ncount=always\n[watchdog]\nhandover=release\n";
	boot_with(machine_good());
	assert_once(STARTED " a 3 good 0 600 300 0 keep 65; descriptors 34567-");
}

TEST(keeper_without_a_watchdog_needs_no_guardian)
{
	machine.conf = "[system]\ncompatible=trace\n[watchdog]\nhandover=keeper\n";
	machine.no_watchdog = true;
	boot_with(machine_good());
	assert_absent(" keeper");
	assert_once(STARTED " a 3 good 0 600 300 0 keep"); /* since nothing tells a hang, now */
}

TEST(guardian_that_cannot_be_started_does_not_stop_the_boot)
{
	machine_put(machine_trial());
	os_sim_fail("detach", 0, KB_EEXEC);
	machine_boots_as("guardian_cannot_be_started", 'b');
	assert_once("# guardian: unable to start");
	assert_false(machine.boot.wdt.kept);
	assert_null(os_sim_text("/run/keelboot/guardian"));
	machine_told("\"guardian\":null");
	machine_told("\"guardian: not started: ");
}

TEST(kernel_without_sysrq_gets_a_guardian_all_the_same)
{
	os_sim_fail("open /proc/sysrq-trigger", 0, KB_EIO);
	boot_with(machine_trial());
	assert_once(STARTED " b 3 trial 300 600 300 0 keep 65; descriptors 3456--");
}

TEST_MAIN("guard", .set_up = machine_set_up, .tear_down = machine_tear_down)
