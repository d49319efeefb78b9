/* SPDX-License-Identifier: Apache-2.0 */
/* Slots whose kernels have partitions, one of which a Raspberry Pi's firmware tries. */
#include "tests/trace/pairs.h"

#define WHERE "/dev/vda5,a=/dev/vda6,b=/dev/vda7"
#define ASKS  "spawn " LOADER " tryboot " WHERE " "
#define CONF  SLOTS "[loader]\nkind=tryboot\nenvironment=PARTLABEL=autoboot\n"

static void set_up(void)
{
	machine_set_up();
	machine.conf = CONF;
	add_partition("autoboot", "vfat");
	add_partition("boot-a", "vfat");
	add_partition("boot-b", "vfat");
}

TEST(device_tree_says_whose_kernel_runs_and_a_healthy_boot_asks_no_more)
{
	machine_put(machine_good());
	loader_says("booted", "booted=a\n", 0);
	machine_boots('a');
	assert_once("spawn " LOADER);
	assert_once(ASKS "booted");
	assert_absent("write " STATE_DEV);
	machine_told("\"pair\":\"a\"");
	devices_have("loader tryboot " WHERE "\npair a\n");
}

TEST(nothing_is_installed_where_nobody_says_it)
{
	machine_put(machine_staged());
	machine.cmdline = "keelboot.pair=a\n"; /* of a line that somebody copied */
	loader_says("booted", "the firmware came from another disk\n", 1);
	machine_child(apply(0, NULL));
	machine_boots('a');
	assert_absent("spawn " APPLY);
	machine_told("the firmware does not say that it started a slot's kernel from this disk");
}

/* The restart itself asks for the try: without these words the firmware starts its preset. */
TEST(trial_is_handed_over_by_a_restart_that_asks_for_it)
{
	machine_put(machine_trial());
	loader_says("booted", "booted=a\n", 0);
	loader_says("once", "default=a once=b\n", 0);
	loader_says("get", "default=a once=-\n", 0);
	machine_reboots_as("tryboot_is_handed_over");
	assert_order(ASKS "once b", "reboot \"0 tryboot\"");

	machine_restart();
	loader_says("booted", "booted=b\n", 0);
	machine_boots('b');
	assert_true(machine_get().handed == 0);
}

/* Power was cut in between, or the kernel does not know the words: the preset comes up. */
TEST(try_that_the_firmware_forgot_is_asked_for_again)
{
	machine_put(machine_trial());
	for (unsigned tries = STATE_TRIES; tries > 0; tries--) {
		loader_says("booted", "booted=a\n", 0);
		loader_says("once", "default=a once=b\n", 0);
		loader_says("get", "default=a once=b\n", 0);
		assert_int_equal(machine_boot(), OS_SIM_REBOOT);
		assert_int_equal(machine_get().slot[1].tries, tries - 1);
		machine_restart();
	}
	loader_says("booted", "booted=a\n", 0);
	machine_boots('a');
	machine_told("\"reason\":\"b: its kernel did not come up\"");
}

TEST(damaged_file_costs_no_try)
{
	machine_put(machine_trial());
	loader_says("booted", "booted=a\n", 0);
	loader_says("get", "autoboot.txt lacks tryboot_a_b=1\n", 1);
	machine_boots('a');
	assert_absent("reboot");
	machine_told("b: the boot loader cannot be asked for its kernel");
}

/* What tryboot would start is no kernel that the install writes. */
TEST(preset_and_what_is_tried_are_made_safe_before_a_pair_is_written)
{
	machine_put(machine_staged());
	loader_says("booted", "booted=a\n", 0);
	loader_says("get", "default=a once=b\n", 0);
	loader_says("default", "default=a once=-\n", 0);
	machine_child(apply(2, NULL));
	machine_boots('a');
	assert_order(ASKS "default a", "spawn " APPLY);
}

TEST(without_the_partition_of_the_file_nothing_is_asked)
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

TEST_MAIN("pairs_tryboot", .set_up = set_up, .tear_down = machine_tear_down)
