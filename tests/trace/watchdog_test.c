/* SPDX-License-Identifier: Apache-2.0 */
/* The watchdog's part of a boot: armed first, fed where work is done, handed over last. */
#include "hooks/hook.h"
#include "tests/trace/machine.h"

TEST(device_without_a_watchdog_boots)
{
	machine.no_watchdog = true;
	machine_boots_as("no_watchdog", 'a');
	assert_int_equal(machine.state.writes, 1); /* the charge: nothing can tell a hang */
	assert_once("# watchdog: none");
	assert_in_range(os_now_ms(), 500, 600);
	machine_told("\"watchdog\":{\"device\":\"\",\"timeout\":0,\"handover\":\"system\","
		     "\"feeder\":\"nobody\"}");
	machine_told("\"watchdog: none; a hang does not end in a restart\"");
}

static void make_watchdog(void)
{
	os_sim_watchdog("/dev/watchdog0", &machine.watchdog);
}

TEST(watchdog_is_armed_before_the_other_modules_load)
{
	machine.no_watchdog = true;
	os_sim_file("/lib/modules/i6300esb.ko", "");
	os_sim_module_brings("/lib/modules/i6300esb.ko", make_watchdog);
	os_sim_file("/etc/keelboot/modules",
		    "/lib/modules/i6300esb.ko\n/lib/modules/xhci-hcd.ko\n");
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_order("finit_module /lib/modules/i6300esb.ko", "watchdog /dev/watchdog0");
	assert_order("watchdog /dev/watchdog0", "finit_module /lib/modules/xhci-hcd.ko");
}

static void make_bmc(void)
{
	static const struct os_wdt_info bmc = { .options = WDIOF_SETTIMEOUT, .identity = "IPMI" };

	os_sim_watchdog("/dev/watchdog", &bmc);
}

/* Its driver makes no watchdog0, and leaves it to softdog if that loads before it is seen. */
TEST(a_bmc_is_armed_before_softdog_loads)
{
	machine.no_watchdog = true;
	os_sim_file("/lib/modules/ipmi_watchdog.ko", "");
	os_sim_module_brings("/lib/modules/ipmi_watchdog.ko", make_bmc);
	os_sim_file("/etc/keelboot/modules",
		    "/lib/modules/ipmi_watchdog.ko\n/lib/modules/softdog.ko\n");
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_order("finit_module /lib/modules/ipmi_watchdog.ko", "watchdog /dev/watchdog 60 s");
	assert_order("watchdog /dev/watchdog 60 s", "finit_module /lib/modules/softdog.ko");
	machine_told("\"watchdog\":{\"device\":\"/dev/watchdog\",\"timeout\":60,");
	machine_told("\"warnings\":[]");
}

/* Hardware may come with the next module; and nobody reads the same line once for each of them. */
TEST(what_is_named_and_is_no_watchdog_waits_for_hardware_and_is_told_twice)
{
	machine.cmdline = "keelboot.watchdog=/dev/null\n";
	strcpy(machine.watchdog.identity, "Software Watchdog");
	os_sim_file("/dev/null", "");
	os_sim_file("/sys/class/watchdog/watchdog0/identity", "Software Watchdog\n");
	os_sim_file("/etc/keelboot/modules",
		    "/lib/modules/a.ko\n/lib/modules/b.ko\n/lib/modules/c.ko\n");
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_order("finit_module /lib/modules/c.ko", "watchdog /dev/watchdog0");
	assert_int_equal(os_sim_count("watchdog /dev/null"), 2);
	assert_int_equal(os_sim_count("# watchdog: unable to open /dev/null"), 2);
	machine_told("not the one");

	machine_restart();
	machine.no_watchdog = true;
	os_sim_file("/dev/null", "");
	os_sim_file("/etc/keelboot/modules",
		    "/lib/modules/a.ko\n/lib/modules/b.ko\n/lib/modules/c.ko\n");
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_int_equal(os_sim_count("# watchdog: unable to open /dev/null"), 2);
	machine_told("\"watchdog: cannot be opened: a hang does not end in a restart\"");
}

static void watchdog_appears(void *ctx)
{
	os_sim_watchdog("/dev/watchdog0", ctx);
}

TEST(watchdog_that_comes_with_the_devices_is_armed)
{
	struct os_wdt_info info = machine.watchdog;

	machine.no_watchdog = true;
	machine.disk.at_ms = 3000;
	info.bootstatus = WDIOF_CARDRESET;
	os_sim_at(2000, watchdog_appears, &info);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("# watchdog: none");
	assert_order("watchdog /dev/watchdog0 60 s", "mount " SLOT_A_DEV);
	/* In time to be asked why the device was reset, and no warning any more. */
	machine_told("\"cause\":\"crash\"");
	machine_told("\"timeout\":60,\"handover\":\"system\",\"feeder\":\"system\"}");
	machine_told("\"warnings\":[]");
}

TEST(driver_that_stops_on_close_is_told_in_the_verdict)
{
	machine.watchdog.options = WDIOF_SETTIMEOUT | WDIOF_CARDRESET;
	os_sim_fail("write /sys/class/watchdog/watchdog0/nowayout", 0, KB_EPERM);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	machine_told("stops it on close; handover=keeper is used");
	assert_once("detach @keelboot-guardian");
	assert_absent("watchdog release");
	assert_absent("write /run/systemd");
}

TEST(without_its_guardian_it_is_stopped_so_that_nobody_is_reset)
{
	machine.conf = "[watchdog]\nhandover=keeper\n";
	os_sim_fail("detach", 0, KB_EEXEC);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("watchdog release");
	assert_order("watchdog release", "switch_root");
}

TEST(release_stops_it_before_the_root_of_a_good_slot)
{
	machine.conf = "[watchdog]\nhandover=release\n";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("watchdog release");
	assert_order("watchdog release", "switch_root");
	assert_absent("write /run/systemd");
}

TEST(hand_over_is_the_last_thing_before_the_root)
{
	const char *drop_in;

	machine.conf = "[watchdog]\ntimeout=90\n";
	machine_boots_as("watchdog_handover_order", 'a');
	assert_order("watchdog /dev/watchdog0 90 s", "spawn keelboot-prober");
	assert_order("mount " SLOT_A_DEV, "watchdog timeout 90 s");
	assert_order("watchdog timeout 90 s", "write /run/systemd/system.conf.d/00-keelboot.conf");
	assert_order("write /run/systemd/system.conf.d/00-keelboot.conf", "close watchdog");
	assert_order("close watchdog", "switch_root");
	drop_in = os_sim_text("/run/systemd/system.conf.d/00-keelboot.conf");
	assert_non_null(strstr(drop_in, "RuntimeWatchdogSec=90s\n"));
}

/* sunxi, bcm2835: 300 s get EINVAL, and systemd would stop the watchdog for good. */
TEST(driver_with_a_short_longest_time_is_told_and_systemd_gets_what_it_takes)
{
	const struct os_sim_wdt_quirks sunxi = { .longest_s = 16 };
	const char *drop_in;

	machine.conf = "[watchdog]\ntimeout=16\n";
	os_sim_watchdog_quirks(&sunxi);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	drop_in = os_sim_text("/run/systemd/system.conf.d/00-keelboot.conf");
	assert_non_null(strstr(drop_in, "RuntimeWatchdogSec=16s\nRebootWatchdogSec=16s\n"
					"KExecWatchdogSec=16s\n"));
	assert_once("# watchdog: /dev/watchdog0 counts 16 s at most: one step of a shutdown");
	machine_told("its longest time is below shutdown-deadline=");
	assert_order("watchdog timeout 16 s", "close watchdog");
}

TEST(hardware_that_counts_less_than_its_driver_says_is_told)
{
	const struct os_sim_wdt_quirks bcm2835 = { .tells_left = true, .register_s = 15 };

	os_sim_watchdog_quirks(&bcm2835);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	machine_told("accepts times that the hardware does not have");
	machine_told("\"timeout\":15,");
	assert_once(
		"# watchdog: the driver of /dev/watchdog0 accepts 60 s, but its hardware counts");
}

TEST(command_line_sets_the_time_of_the_hand_over_too)
{
	machine.cmdline = "keelboot.watchdog=/dev/watchdog0,240\n";
	machine_boots_as("watchdog_of_the_command_line", 'a');
	assert_once("watchdog /dev/watchdog0 240 s");
	assert_int_equal(os_sim_count("watchdog timeout 240 s"), 2); /* behind the question */
}

TEST(off_is_off)
{
	machine.cmdline = "keelboot.watchdog=off\n";
	machine_boots_as("watchdog_off", 'a');
	assert_absent("watchdog");
	assert_absent("write /run/systemd");
}

TEST(install_is_fed_on_progress_only)
{
	/* Each step within the deadline of 40 s, and the whole far beyond the watchdog's 60 s. */
	struct os_sim_child c = {
		.argv0 = "keelboot-apply",
		.duration_ms = 180000,
		.status = 512,
		.say = { { 30000, "P 1 check 50 100\n", 0 },
			 { 65000, "P 1 check 100 100\n", 0 },
			 { 100000, "P 1 write 10 100\n", 0 },
			 { 130000, "P 1 write 90 100\n", 0 },
			 { 160000, "P 1 read-back 90 100\n", 0 } },
	};

	machine_put(machine_staged());
	os_sim_child(&c);
	os_sim_log_level(LOG_LEVEL_INFO);
	machine_boots_as("watchdog_fed_on_progress_only", 'a');
	assert_absent("kill");
	assert_in_range(os_now_ms(), 180000, 180500);
}

/* Apply makes no progress and process 1 were to wait on: the simulated watchdog would fire, as it
 * does here for a mount that never comes back. */
static void mount_hangs(void *ctx)
{
	os_sim_advance(100000);
}

TEST(mount_that_never_returns_is_the_watchdogs)
{
	machine_put(machine_trial());
	os_sim_exec(HOOK_DIR "/post-mount.d/10-x");
	machine_child(
		(struct os_sim_child){ .argv0 = HOOK_DIR "/post-mount.d/10-x", .duration_ms = 10 });
	os_sim_at(5, mount_hangs, NULL);
	assert_int_equal(machine_boot(), OS_SIM_WATCHDOG);
	trace_expect("watchdog_ends_a_hang");
	assert_once("WATCHDOG FIRES");
	assert_absent("exec");
	/* And the next boot knows: the trial was charged before. */
	machine_restart();
	EQUAL((machine_get().slot[1].tries, STATE_TRIES - 1), (machine_get().open, 1));
}

TEST_MAIN("trace of the watchdog", .set_up = machine_set_up, .tear_down = machine_tear_down)
