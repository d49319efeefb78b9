/* SPDX-License-Identifier: Apache-2.0 */
/* keelboot.shell=1: where there is a shell, and that nothing but a restart waits for it. */
#include "tests/trace/applies.h"

#define SHELL "spawn sh -i; on "

static struct os_sim_child shell(unsigned duration_ms)
{
	return (struct os_sim_child){ .argv0 = "sh",
				      .duration_ms = duration_ms,
				      .hangs = duration_ms == 0 };
}

/* An initramfs of --debug-shell, with the key. */
static void debug_image(void)
{
	machine.cmdline = "console=tty0 console=ttyS0 keelboot.shell=1\n";
	os_sim_file(SHELL_MARKER, "");
	os_sim_file("/sys/class/tty/console/active", "tty0 ttyS0\n");
	os_sim_file("/dev/ttyS0", "");
}

static void nothing_mounts(void)
{
	machine_put(machine_good());
	machine.conf = "[system]\ncompatible=trace\n[rescue]\nwait=20\n";
	os_sim_fail("mount /dev/vda", 0, KB_EMOUNT);
}

TEST(rescue_opens_a_shell_on_the_console_and_its_end_ends_the_wait)
{
	debug_image();
	nothing_mounts();
	machine_child(shell(100000));
	machine_reboots_as("debug_shell_in_rescue");
	assert_once(SHELL "/dev/ttyS0");
	assert_order("# rescue: no slot can be booted", SHELL);
	/* The rescue went on beside it: its 20 s, and what it waits for. */
	assert_order(SHELL, "# rescue: waiting for");
	assert_in_range(os_now_ms(), 100000, 106000);
}

TEST(shell_that_nobody_leaves_is_ended_and_the_device_restarts)
{
	debug_image();
	nothing_mounts();
	machine_child(shell(0));
	/* The watchdog is fed all the time, else this would be its end. */
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_once(SHELL);
	assert_order("# shell: stopped after 30 min", "kill sh");
	assert_order("kill sh", "reboot");
	assert_in_range(os_now_ms(), SHELL_LIMIT_S * 1000u, SHELL_LIMIT_S * 1000u + 20000);
}

TEST(shell_that_was_left_is_not_opened_again)
{
	debug_image();
	nothing_mounts();
	machine_child(shell(1000));
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_once(SHELL);
	assert_in_range(os_now_ms(), 20000, 35000);
}

static void install(void *ctx, const char *const *argv)
{
	applies_whole(PLAN_RESCUE);
}

/* Slot b mounts at the second look, after a medium came: what was installed is booted at once. */
TEST(slot_that_a_rescue_repaired_does_not_wait_for_the_shell)
{
	struct os_sim_child sh = shell(0), fixes = { .argv0 = "keelboot-apply", .duration_ms = 10 };
	struct os_sim_disk stick = machine_stick();

	debug_image();
	os_sim_fail("mount /dev/vda2", 0, KB_EMOUNT);
	os_sim_fail("mount /dev/vda3", 1, KB_EMOUNT);
	stick.at_ms = 30000;
	machine_plug(stick);
	os_sim_child(&sh);
	fixes.run = install;
	os_sim_child(&fixes);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once(SHELL);
	assert_order("kill sh", "switch_root");
	assert_in_range(os_now_ms(), 30000, 40000);
}

TEST(device_without_its_disk_opens_one_before_it_restarts)
{
	debug_image();
	machine.no_disk = true;
	machine_child(shell(5000));
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_order("# unable to boot:", SHELL "/dev/ttyS0");
}

TEST(console_without_a_terminal_of_its_own)
{
	debug_image();
	os_sim_remove("/dev/ttyS0");
	nothing_mounts();
	machine_child(shell(1000));
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_once(SHELL "/dev/console");
}

TEST(shell_that_cannot_be_started_stops_nothing)
{
	debug_image();
	nothing_mounts();
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_once("# shell: unable to start /bin/sh on /dev/ttyS0");
	assert_in_range(os_now_ms(), 20000, 35000);
}

TEST(healthy_boot_of_a_debug_image_only_warns)
{
	debug_image();
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("# this initramfs has a debug shell");
	assert_absent(SHELL);
	machine_told("\"shell\":true,\"warnings\":[]");
}

TEST(debug_image_without_the_key_has_no_shell)
{
	debug_image();
	machine.cmdline = "keelboot.shell=0\n";
	nothing_mounts();
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_absent(SHELL);
}

TEST(release_image_names_the_key_and_has_no_shell)
{
	machine.cmdline = "keelboot.shell=1\n";
	os_sim_exec(SHELL_PROGRAM); /* busybox, for hooks */
	machine_child(shell(0));
	nothing_mounts();
	machine_reboots_as("no_debug_shell_in_a_release");
	assert_once("# keelboot.shell=1: this initramfs has no shell; ignored");
	assert_absent("spawn sh");
	machine_restart();
	machine_put(machine_good());
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	machine_told(
		"\"warnings\":[{\"id\":\"shell-missing\",\"text\":\"keelboot.shell=1: this initramfs has no shell; ignored");
	assert_null(strstr(os_sim_text("/run/keelboot/boot.json"), "\"shell\":"));
}

TEST_MAIN("trace of the debug shell", .set_up = machine_set_up, .tear_down = machine_tear_down)
