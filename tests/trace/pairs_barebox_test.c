/* SPDX-License-Identifier: Apache-2.0 */
/* Slots whose kernels have partitions, one of which barebox's bootchooser starts. */
#include "tests/trace/pairs.h"

#define LAYOUT "0x27031977:1024,a=system0:0:4,b=system1:8:12"
#define WHERE  "/dev/vda5:" LAYOUT
#define ASKS   "spawn " LOADER " barebox " WHERE " "
#define CONF   SLOTS "[loader]\nkind=barebox\nenvironment=PARTLABEL=state\nlayout=" LAYOUT "\n"

static void set_up(void)
{
	machine_set_up();
	machine.conf = CONF;
	add_partition("state", NULL);
	add_partition("boot-a", "vfat");
	add_partition("boot-b", "vfat");
}

TEST(start_that_was_counted_is_answered)
{
	loader_says("booted", "booted=a,counted\n", 0);
	loader_says("came-up", "default=a once=-\n", 0);
	machine_boots('a');
	assert_order(ASKS "booted", ASKS "came-up");
	assert_once(ASKS "came-up");
	machine_told("\"pair\":\"a\"");
	devices_have("loader barebox " WHERE "\npair a\n");
}

TEST(start_that_nobody_could_answer_is_said)
{
	loader_says("booted", "booted=a,counted\n", 0);
	loader_says("came-up", "/dev/vda5 reads back other bytes than were written\n", 1);
	machine_boots('a');
	machine_told("does not hear that it came up");
}

TEST(trial_is_handed_over_and_its_start_needs_no_answer)
{
	machine_put(machine_trial());
	loader_says("booted", "booted=a,counted\n", 0);
	loader_says("came-up", "default=a once=-\n", 0);
	loader_says("once", "default=a once=b\n", 0);
	loader_says("get", "default=a once=-\n", 0);
	machine_reboots_as("barebox_is_handed_over");
	assert_order(ASKS "came-up", ASKS "once b");
	assert_order(ASKS "once b", "reboot");

	machine_restart();
	loader_says("booted", "booted=b,once\n", 0);
	machine_boots('b');
	assert_once("spawn " LOADER);
	assert_true(machine_get().handed == 0);
}

/* Its three attempts are gone: what came up instead is what is started from now on. */
TEST(preset_that_did_not_come_up_is_one_no_more)
{
	machine_put(machine_good());
	loader_says("booted", "booted=b,instead\n", 0);
	loader_says("default", "default=b once=-\n", 0);
	loader_says("once", "default=b once=a\n", 0);
	loader_says("get", "default=b once=-\n", 0);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_order(ASKS "default b", ASKS "once a");
}

TEST(start_that_barebox_did_not_note_is_said)
{
	loader_says("booted", "booted=a,unsaved\n", 0);
	machine_boots('a');
	assert_once("spawn " LOADER);
	machine_told("barebox did not note that it started this kernel");
}

/* A try that it does not note would be started again and again, if it does not come up. */
TEST(barebox_that_notes_no_start_is_asked_for_no_trial)
{
	machine_put(machine_trial());
	loader_says("booted", "booted=a,unsaved\n", 0);
	loader_says("get", "default=a once=-\n", 0);
	loader_says("once", "default=a once=b\n", 0);
	machine_boots('a');
	assert_absent(ASKS "once");
	assert_int_equal(machine_get().slot[1].tries, STATE_TRIES);
	machine_told("b: the boot loader cannot write its store");
}

TEST(so_barebox_is_asked_for_a_good_slot)
{
	machine_put(machine_good());
	loader_says("booted", "booted=a,unsaved\n", 0);
	loader_says("get", "default=a once=-\n", 0);
	loader_says("once", "default=a once=b\n", 0);
	os_sim_fail("mount " SLOT_A_DEV, 1, KB_EMOUNT);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_once(ASKS "once");
}

TEST(nothing_is_installed_where_nobody_says_it)
{
	machine_put(machine_staged());
	machine.cmdline = "keelboot.pair=a,counted\n"; /* of a line that somebody copied */
	loader_says("booted", "no boot target of a slot is on the command line\n", 1);
	machine_child(apply(0, NULL));
	machine_boots('a');
	assert_absent("spawn " APPLY);
	assert_absent(ASKS "came-up");
	machine_told("barebox does not say which slot's target it started");
}

TEST(damaged_state_costs_no_try)
{
	machine_put(machine_trial());
	loader_says("booted", "booted=a,counted /dev/vda5 holds no state\n", 0);
	loader_says("came-up", "/dev/vda5 holds no state with the magic 0x27031977\n", 1);
	loader_says("get", "/dev/vda5 holds no state with the magic 0x27031977\n", 1);
	machine_boots('a');
	assert_absent("reboot");
	assert_once("# boot loader: booted: /dev/vda5 holds no state");
	machine_told("it counts the starts of this kernel, and does not hear that it came up");
	machine_told("b: the boot loader cannot be asked for its kernel");
}

/* b was started with its last attempt; a goes before it from now on. */
TEST(arrival_that_cannot_be_written_restarts_where_barebox_starts_the_good_slot)
{
	struct state s = machine_trial_ended(2);

	s.handed = s.open_token;
	machine_put(s);
	os_sim_fail("write " STATE_DEV, 0, KB_EIO);
	machine.cmdline = "bootchooser.active=system1\n";
	loader_says("booted", "booted=b,once\n", 0);
	loader_says("get", "default=a once=-\n", 0);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_once("# slot a: restarting with its own kernel");
}

TEST(preset_is_made_safe_before_a_pair_is_written)
{
	machine_put(machine_staged());
	loader_says("booted", "booted=a,counted\n", 0);
	loader_says("came-up", "default=a once=b\n", 0);
	loader_says("get", "default=a once=b\n", 0);
	loader_says("default", "default=a once=-\n", 0);
	machine_child(apply(2, NULL));
	machine_boots('a');
	assert_order(ASKS "default a", "spawn " APPLY);
}

TEST(without_the_partition_of_the_state_nothing_is_asked)
{
	machine.disk.part[4].partlabel = "other";
	machine_put(machine_trial());
	loader_says(
		"booted",
		"no partition here is where system.conf says that its store is: [loader] environment=\n",
		1);
	machine_boots('a');
	assert_absent("reboot");
}

TEST_MAIN("pairs_barebox", .set_up = set_up, .tear_down = machine_tear_down)
