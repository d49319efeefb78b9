/* SPDX-License-Identifier: Apache-2.0 */
/* Boots whose disks are late, gone, odd, or somebody else's. */
#include "tests/trace/machine.h"

#include <signal.h>

#define PROBER "keelboot-prober"

static void labels_of_the_device(struct os_sim_disk *d)
{
	d->nparts = machine.disk.nparts;
	memcpy(d->part, machine.disk.part, sizeof(d->part));
	d->size = machine.disk.size;
}

static void late_disk_is_waited_for(void **ctx)
{
	struct state s = machine_good();

	(void)ctx;
	machine_put(&s);
	machine.disk.at_ms = 12000;
	machine.conf = "[watchdog]\ntimeout=5\n";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("late_disk");
	assert_in_range(os_now_ms(), 12000, 12500);
	assert_int_equal(machine.state.ops, 0);
}

static void disk_that_never_comes_ends_in_a_restart(void **ctx)
{
	(void)ctx;
	machine.no_disk = true;
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	trace_expect("no_disk_restarts");
	assert_in_range(os_now_ms(), 60000, 60500);
	assert_absent("exec");
}

static void state_goes(void *ctx)
{
	(void)ctx;
	machine.state.off = true;
}

static void disk_that_vanishes_ends_in_a_restart(void **ctx)
{
	struct os_sim_child apply = { .argv0 = "keelboot-apply",
				      .duration_ms = 5000,
				      .status = 512 };
	struct state s = machine_good();

	(void)ctx;
	s.staged.source = STATE_SRC_DATA;
	machine_put(&s);
	os_sim_child(&apply);
	machine_lay_out();
	machine.no_disk = machine.no_state_bdev = machine.no_watchdog = true;
	machine.init[0] = machine.init[1] = NULL;
	os_sim_disk_gone("vda", 2000);
	os_sim_at(2000, state_goes, NULL);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	trace_expect("disk_vanishes");
	assert_absent("exec");
	assert_once("reboot");
}

static void stick_with_the_same_labels_is_not_the_device(void **ctx)
{
	struct os_sim_disk stick = machine_stick();
	struct os_sim_child apply = { .argv0 = "keelboot-apply", .status = 512 };
	struct state s = machine_good();

	(void)ctx;
	machine_put(&s);
	labels_of_the_device(&stick);
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	os_sim_disk(&stick);
	os_sim_child(&apply);
	machine.disk.at_ms = 3000;
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("stick_with_same_labels_is_not_the_device");
	assert_absent("mount /dev/sda");
	assert_absent("open /dev/sda");
	assert_once("mount " SLOT_A_DEV);
}

static void stick_alone_is_not_the_device_either(void **ctx)
{
	struct os_sim_disk stick = machine_stick();

	(void)ctx;
	labels_of_the_device(&stick);
	os_sim_disk(&stick);
	machine.no_disk = true;
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	trace_expect("stick_alone_is_not_the_device");
	assert_absent("mount /dev/sda");
}

static void crashing_prober_costs_no_boot(void **ctx)
{
	struct os_sim_child crashes = { .argv0 = PROBER, .status = SIGSEGV };
	struct state s = machine_good();

	(void)ctx;
	machine_put(&s);
	machine.disk.no_answer = true;
	os_sim_child(&crashes);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("prober_crashes");
	assert_int_equal(os_sim_count("spawn " PROBER), 2);
	assert_string_equal(os_sim_text("/run/keelboot/slot"), "a\n");
	assert_int_equal(machine.state.ops, 0);
}

static void hanging_prober_costs_time_but_no_boot(void **ctx)
{
	struct os_sim_child hangs = { .argv0 = PROBER, .hangs = true, .stuck = true };
	struct state s = machine_good();

	(void)ctx;
	machine_put(&s);
	machine.disk.no_answer = true;
	machine.conf = "[watchdog]\ntimeout=4\n";
	os_sim_child(&hangs);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("prober_hangs");
	assert_string_equal(os_sim_text("/run/keelboot/slot"), "a\n");
	assert_in_range(os_now_ms(), 20000, 21000);
}

static void missing_prober_costs_no_boot(void **ctx)
{
	struct state s = machine_trial();

	(void)ctx;
	machine_put(&s);
	machine.disk.no_answer = true;
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("prober_cannot_be_started");
	assert_string_equal(os_sim_text("/run/keelboot/slot"), "b\n");
}

static void slow_prober_after_a_late_disk_still_boots(void **ctx)
{
	struct os_sim_child hangs = { .argv0 = PROBER, .hangs = true };
	struct state s = machine_good();

	(void)ctx;
	machine_put(&s);
	machine.disk.at_ms = 25000;
	machine.disk.no_answer = true;
	os_sim_child(&hangs);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("prober_hangs_on_a_late_disk");
	assert_string_equal(os_sim_text("/run/keelboot/slot"), "a\n");
}

static void late_stick_is_waited_for_while_it_settles(void **ctx)
{
	struct os_sim_child apply = { .argv0 = "keelboot-apply", .status = 512 };
	struct os_sim_disk stick = machine_stick();
	struct state s = machine_good();

	(void)ctx;
	machine_put(&s);
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	os_sim_file("/sys/bus/usb/drivers/usb-storage/bind", "");
	os_sim_file("/sys/bus/usb/drivers/usb-storage/1-1:1.0/bInterfaceClass", "08\n");
	stick.at_ms = 2500;
	os_sim_disk(&stick);
	os_sim_child(&apply);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("late_stick_is_seen");
	assert_once("spawn keelboot-apply");
	assert_in_range(os_now_ms(), 2500, 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(late_disk_is_waited_for),
		T(disk_that_never_comes_ends_in_a_restart),
		T(disk_that_vanishes_ends_in_a_restart),
		T(stick_with_the_same_labels_is_not_the_device),
		T(stick_alone_is_not_the_device_either),
		T(crashing_prober_costs_no_boot),
		T(hanging_prober_costs_time_but_no_boot),
		T(missing_prober_costs_no_boot),
		T(slow_prober_after_a_late_disk_still_boots),
		T(late_stick_is_waited_for_while_it_settles),
	};

	return cmocka_run_group_tests_name("trace of the devices", tests, NULL, NULL);
}
