/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/os_sim_here.h"

#include "initramfs/watchdog/wdt.h"
#include "tests/unit/test.h"

static struct wdt w;

static const struct os_wdt_info i6300esb = {
	.options = WDIOF_SETTIMEOUT | WDIOF_KEEPALIVEPING | WDIOF_MAGICCLOSE | WDIOF_CARDRESET,
	.identity = "i6300ESB timer",
};

static const struct os_wdt_info simple = { .options = WDIOF_SETTIMEOUT };

static const struct os_wdt_info softdog = { .options = WDIOF_SETTIMEOUT | WDIOF_MAGICCLOSE,
					    .identity = "Software Watchdog" };

static void bare_machine(void)
{
	memset(&w, 0, sizeof(w));
	os_sim_reset();
	os_sim_log_level(LOG_LEVEL_WARNING);
	os_sim_file("/sys/module/watchdog/parameters/stop_on_reboot", "0\n");
	os_sim_file("/sys/class/watchdog/watchdog0/nowayout", "0\n");
}

/* The only one, and all is well with it. */
static void arm_only(const struct os_wdt_info *info)
{
	os_sim_watchdog("/dev/watchdog0", info);
	OK(wdt_arm(&w, "", 60, 0));
}

/* The only one, which has its ways. */
static void arm_quirk(const struct os_sim_wdt_quirks *q, unsigned timeout_s)
{
	bare_machine();
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	os_sim_watchdog_quirks(q);
	OK(wdt_arm(&w, "", timeout_s, 0));
}

/* As when nobody configured anything. */
static void hand_over_to_the_system(void)
{
	wdt_decide(&w, CONF_HANDOVER_SYSTEM, 300);
	OK(wdt_hand_over(&w, 60, 300));
}

static bool told(const char *what)
{
	const char *text = os_sim_text("/run/systemd/system.conf.d/00-keelboot.conf");

	assert_non_null(text);
	return strstr(text, what) != NULL;
}

TEST(it_is_armed_and_tells_what_it_took)
{
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	OK(wdt_arm(&w, "/dev/watchdog0", 60, 0));
	EQUAL((w.armed, true), (wdt_timeout_s(&w), 60), (w.dev, "/dev/watchdog0"));
	assert_string_equal(os_sim_trace(), "watchdog /dev/watchdog0 60 s\n");
}

static bool found(const char *what)
{
	for (unsigned i = 0; i < w.nfindings; i++)
		if (strstr(w.finding[i].text, what) != NULL)
			return true;
	return false;
}

TEST(hardware_with_a_limit_keeps_its_limit)
{
	struct os_wdt_info bcm = i6300esb;

	bcm.timeout_s = 15;
	arm_only(&bcm);
	assert_int_equal(wdt_timeout_s(&w), 15);
	assert_int_equal(os_sim_count("# watchdog: /dev/watchdog0 counts 15 s, not 60 s"), 1);
	assert_true(found("another timeout"));
}

TEST(a_timeout_that_is_rounded_is_no_finding)
{
	struct os_sim_wdt_quirks minutes = { .step_s = 16 };

	arm_quirk(&minutes, 60);
	EQUAL((wdt_timeout_s(&w), 64), (w.nfindings, 0));
	OK(wdt_set_timeout(&w, 5));
	assert_int_equal(wdt_timeout_s(&w), 16);
}

TEST(hardware_that_refuses_keeps_its_own)
{
	struct os_sim_wdt_quirks fixed = { .fixed_s = 4 };

	arm_quirk(&fixed, 60);
	assert_int_equal(wdt_timeout_s(&w), 4);
	FAILS(wdt_set_timeout(&w, 300), KB_EINVAL);
	assert_int_equal(wdt_timeout_s(&w), 4);
	hand_over_to_the_system();
	assert_true(told("RuntimeWatchdogSec=4s\nRebootWatchdogSec=4s\n"));
}

TEST(hardware_that_tells_nothing_is_fed_often)
{
	struct os_sim_wdt_quirks mute = { .fixed_s = 30, .tells_nothing = true };

	arm_quirk(&mute, 60);
	assert_int_equal(wdt_timeout_s(&w), 0);
	assert_int_equal(os_sim_count("# watchdog: /dev/watchdog0 accepts no timeout"), 1);
	hand_over_to_the_system();
	/* "0" would switch it off. */
	assert_true(told("RuntimeWatchdogSec=10s"));
}

static void identity(const char *node, const char *text)
{
	os_sim_file(strf("/sys/class/watchdog/%s/identity", node), text);
	os_sim_file(strf("/dev/%s", node), "");
}

TEST(hardware_goes_before_software)
{
	os_sim_watchdog("/dev/watchdog1", &i6300esb);
	identity("watchdog0", "Software Watchdog\n");
	identity("watchdog1", "i6300ESB timer\n");
	wdt_arm_late(&w, "auto", 60);
	assert_true(w.armed);
	OK(wdt_arm(&w, "auto", 60, 0));
	EQUAL((w.dev, "/dev/watchdog1"), (os_sim_count("watchdog /dev/watchdog0"), 0));
	EQUAL((w.soft, false), (w.nfindings, 0));
}

TEST(software_is_better_than_nothing)
{
	os_sim_watchdog("/dev/watchdog0", &softdog);
	identity("watchdog0", "Software Watchdog\n");
	wdt_arm_late(&w, "auto", 60);
	assert_false(w.armed); /* not worth it while other modules are to come */
	assert_string_equal(w.dev, "");
	OK(wdt_arm(&w, "auto", 60, 500));
	EQUAL((os_sim_now(), 0), (w.soft, true), (found("only a software one"), true));
}

/* A BMC's driver makes /dev/watchdog and nothing of the class, which then begins at watchdog1. */
TEST(a_bmc_is_hardware_and_goes_first)
{
	static const char *const others[] = { "", "Software Watchdog\n", "iTCO_wdt\n" };
	static const struct os_wdt_info bmc = { .identity = "IPMI" };

	for (unsigned i = 0; i < 3; i++) {
		bare_machine();
		os_sim_watchdog("/dev/watchdog", &bmc);
		if (i > 0)
			identity("watchdog1", others[i]);
		wdt_arm_late(&w, "auto", 60);
		EQUAL((w.armed, true), (w.dev, "/dev/watchdog"));
		EQUAL((os_sim_count("watchdog /dev/watchdog1"), 0), (w.nfindings, 0));
		bare_machine();
		os_sim_watchdog("/dev/watchdog", &bmc);
		if (i > 0)
			identity("watchdog1", others[i]);
		OK(wdt_arm(&w, "auto", 60, 0));
		EQUAL((w.dev, "/dev/watchdog"), (os_sim_count("watchdog /dev/watchdog1"), 0));
	}
}

TEST(a_bmc_that_is_taken_is_left_for_the_next)
{
	os_sim_file("/dev/watchdog", "");
	identity("watchdog1", "iTCO_wdt\n");
	os_sim_watchdog("/dev/watchdog1", &i6300esb);
	wdt_arm_late(&w, "auto", 60);
	EQUAL((w.armed, true), (w.dev, "/dev/watchdog1"));
	assert_int_equal(os_sim_count("# watchdog: unable to open /dev/watchdog:"), 1);
}

/* Where there is a watchdog0, /dev/watchdog is its other name. */
TEST(the_other_name_of_a_software_one_is_no_hardware)
{
	os_sim_watchdog("/dev/watchdog0", &softdog);
	identity("watchdog0", "Software Watchdog\n");
	os_sim_file("/dev/watchdog", "");
	wdt_arm_late(&w, "auto", 60);
	EQUAL((w.armed, false), (os_sim_trace(), ""));
	os_sim_watchdog("/dev/watchdog1", &i6300esb);
	identity("watchdog1", "i6300ESB timer\n");
	wdt_arm_late(&w, "auto", 60);
	assert_string_equal(w.dev, "/dev/watchdog1");
}

TEST(the_configured_one_is_taken_whatever_it_is)
{
	os_sim_watchdog("/dev/watchdog1", &softdog);
	identity("watchdog0", "i6300ESB timer\n");
	identity("watchdog1", "Software Watchdog\n");
	wdt_arm_late(&w, "/dev/watchdog2", 60);
	assert_string_equal(os_sim_trace(), "");
	wdt_arm_late(&w, "/dev/watchdog1", 60);
	assert_string_equal(w.dev, "/dev/watchdog1");
}

TEST(off_is_off)
{
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	FAILS(wdt_arm(&w, "off", 60, 0), KB_ENOENT);
	assert_int_equal(wdt_timeout_s(&w), 0);
	wdt_feed(&w);
	OK(wdt_set_timeout(&w, 5));
	OK(wdt_hand_over(&w, 60, 300));
	assert_string_equal(os_sim_trace(), "");
}

TEST(the_wait_for_a_node_is_bounded)
{
	FAILS(wdt_arm(&w, "/dev/watchdog0", 60, 500), KB_ENODEV);
	assert_in_range(os_sim_now(), 500, 520);
	EQUAL((wdt_timeout_s(&w), 0), (os_sim_count("# watchdog: none"), 1));
	assert_true(found("watchdog: none"));
}

static void node_appears(void *ctx)
{
	os_sim_watchdog("/dev/watchdog1", &i6300esb);
}

TEST(a_late_node_is_waited_for)
{
	os_sim_at(300, node_appears, NULL);
	OK(wdt_arm(&w, "/dev/watchdog1", 60, 500));
	assert_in_range(os_sim_now(), 300, 320);
}

TEST(another_one_is_better_than_none)
{
	os_sim_watchdog("/dev/watchdog1", &i6300esb);
	OK(wdt_arm(&w, "/dev/watchdog7", 60, 100));
	assert_string_equal(w.dev, "/dev/watchdog1");
	assert_int_equal(os_sim_count("# watchdog: no /dev/watchdog7; /dev/watchdog1 is used"), 1);
}

/* A disk, say: lib/os refuses it. */
TEST(what_is_named_and_is_no_watchdog_is_left_for_one_that_is)
{
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	os_sim_file("/dev/vda3", "a slot");
	os_sim_fail("watchdog", 1, KB_EINVAL);
	OK(wdt_arm(&w, "/dev/vda3", 60, 0));
	EQUAL((w.armed, true), (w.dev, "/dev/watchdog0"));
	assert_int_equal(os_sim_count("# watchdog: no /dev/vda3; /dev/watchdog0 is used"), 1);
	assert_true(found("not the one"));
}

/* Only the one of os_sim_watchdog() opens; the others are taken. */
TEST(one_that_is_taken_is_left_for_the_next)
{
	static const char *const named[] = { "/dev/watchdog0", "/dev/watchdog", "auto" };

	for (unsigned i = 0; i < 3; i++) {
		bare_machine();
		identity("watchdog", "");
		identity("watchdog0", "i6300ESB timer\n");
		identity("watchdog1", "Software Watchdog\n");
		identity("watchdog2", "iTCO_wdt\n");
		os_sim_watchdog("/dev/watchdog2", &i6300esb);
		OK(wdt_arm(&w, named[i], 60, 0));
		EQUAL((w.armed, true), (w.dev, "/dev/watchdog2"));
		assert_int_equal(os_sim_count("watchdog /dev/watchdog1"), 0);
		assert_int_equal(os_sim_count("watchdog /dev/watchdog0"), 1);
		assert_int_equal(os_sim_count("# watchdog: unable to open /dev/watchdog0"), 1);
		assert_int_equal(found("not the one"), i < 2);
	}
}

TEST(one_that_is_taken_is_left_for_software_in_the_end)
{
	identity("watchdog0", "Software Watchdog\n");
	identity("watchdog1", "i6300ESB timer\n");
	os_sim_watchdog("/dev/watchdog0", &softdog);
	OK(wdt_arm(&w, "/dev/watchdog1", 60, 0));
	assert_string_equal(w.dev, "/dev/watchdog0");
	assert_true(w.soft && found("only a software one") && found("not the one"));
}

TEST(each_one_is_tried_once)
{
	identity("watchdog0", "i6300ESB timer\n");
	identity("watchdog1", "Software Watchdog\n");
	os_sim_watchdog("/dev/watchdog", &simple);
	os_sim_fail("watchdog", 0, KB_EBUSY);
	FAILS(wdt_arm(&w, "/dev/watchdog0", 60, 0), KB_EBUSY);
	EQUAL((w.armed, false), (os_sim_count("watchdog "), 2));
	EQUAL((os_sim_count("# watchdog: unable to open"), 2));
	EQUAL((os_sim_count("# watchdog: unable to open /dev/watchdog1: busy; a hang"), 1));
	EQUAL((w.nfindings, 1), (found("cannot be opened"), true));
}

/* The hardware's module is behind softdog in the list. */
TEST(what_is_refused_gives_way_to_hardware_alone_while_modules_come)
{
	static const char *const named[] = { "/dev/null", "/dev/watchdog0", "/dev/watchdog" };

	for (unsigned i = 0; i < 3; i++) {
		bare_machine();
		os_sim_file("/dev/null", "");
		identity("watchdog", "");
		identity("watchdog0", "i6300ESB timer\n");
		wdt_arm_late(&w, named[i], 60);
		assert_int_equal(os_sim_count("# watchdog: unable to open"), i == 1 ? 1 : 2);
		identity("watchdog1", "Software Watchdog\n");
		os_sim_watchdog("/dev/watchdog1", &softdog);
		for (unsigned modules = 0; modules < 3; modules++)
			wdt_arm_late(&w, named[i], 60);
		EQUAL((w.armed, false), (os_sim_count("watchdog /dev/watchdog1"), 0));
		assert_int_equal(os_sim_count("# watchdog: "), i == 1 ? 1 : 2);
		identity("watchdog2", "iTCO_wdt\n");
		os_sim_watchdog("/dev/watchdog2", &i6300esb);
		wdt_arm_late(&w, named[i], 60);
		EQUAL((w.armed, true), (w.dev, "/dev/watchdog2"), (found("not the one"), true));
		assert_int_equal(w.nfindings, 1);
		wdt_arm_late(&w, named[i], 60);
		assert_int_equal(os_sim_count("watchdog /dev/watchdog2"), 1);
	}
}

TEST(one_that_does_not_open_is_told)
{
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	os_sim_fail("watchdog", 1, KB_EBUSY);
	FAILS(wdt_arm(&w, "", 60, 0), KB_EBUSY);
	assert_false(w.armed);
}

TEST(who_does_not_feed_is_reset)
{
	arm_only(&i6300esb);
	os_sim_advance(59000);
	wdt_feed(&w);
	os_sim_advance(59000);
	assert_int_equal(os_sim_ended(), OS_SIM_RUNS);
	os_sim_advance(2000);
	assert_int_equal(os_sim_ended(), OS_SIM_WATCHDOG);
}

TEST(a_kernel_that_would_stop_it_is_warned_of)
{
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	os_sim_file("/sys/module/watchdog/parameters/stop_on_reboot", "-1\n");
	OK(wdt_arm(&w, "", 60, 0));
	assert_int_equal(os_sim_count("# watchdog: the kernel may stop it"), 1);
	assert_true(found("stop it at a reboot"));
}

TEST(the_hand_over_leaves_it_counting_and_tells_systemd)
{
	arm_only(&i6300esb);
	wdt_decide(&w, CONF_HANDOVER_SYSTEM, 240);
	assert_int_equal(w.nfindings, 0);
	OK(wdt_hand_over(&w, 120, 240));
	assert_int_equal(wdt_timeout_s(&w), 0);
	assert_string_equal(os_sim_trace(),
			    "watchdog /dev/watchdog0 60 s\n"
			    "watchdog timeout 240 s\n" /* is that taken? */
			    "watchdog timeout 60 s\n"
			    "watchdog timeout 120 s\n"
			    "mkdir /run/systemd\n"
			    "mkdir /run/systemd/system.conf.d\n"
			    "write /run/systemd/system.conf.d/00-keelboot.conf\n"
			    "    | # Written by keelboot: the watchdog was counting already.\n"
			    "    | [Manager]\n"
			    "    | WatchdogDevice=/dev/watchdog0\n"
			    "    | RuntimeWatchdogSec=60s\n"
			    "    | RebootWatchdogSec=240s\n"
			    "    | KExecWatchdogSec=240s\n"
			    "close watchdog\n");
}

static void arm(const struct os_wdt_info *info, enum conf_handover wanted)
{
	os_sim_watchdog("/dev/watchdog0", info);
	OK(wdt_arm(&w, "/dev/watchdog0", 60, 0));
	wdt_decide(&w, wanted, 300);
}

TEST(a_driver_that_stops_on_close_is_made_to_go_on)
{
	os_sim_watchdog("/dev/watchdog", &simple);
	os_sim_file("/dev/watchdog0", "");
	OK(wdt_arm(&w, "/dev/watchdog", 60, 0));
	hand_over_to_the_system();
	EQUAL((w.handover, CONF_HANDOVER_SYSTEM), (w.nfindings, 0));
	EQUAL((os_sim_count("write /sys/class/watchdog/watchdog0/nowayout 1"), 1));
	assert_int_equal(os_sim_count("close watchdog"), 1);
}

TEST(a_driver_that_is_nowayout_already_is_left_alone)
{
	os_sim_file("/sys/class/watchdog/watchdog0/nowayout", "1\n");
	arm(&simple, CONF_HANDOVER_SYSTEM);
	OK(wdt_hand_over(&w, 60, 300));
	EQUAL((os_sim_count("write /sys/class/watchdog"), 0), (os_sim_count("close watchdog"), 1));
}

TEST(a_bmc_goes_on_though_its_driver_announces_nothing)
{
	static const struct os_wdt_info bmc = { .identity = "IPMI" };

	os_sim_fail("write /sys/class/watchdog/watchdog0/nowayout", 0, KB_ENOENT);
	arm(&bmc, CONF_HANDOVER_SYSTEM);
	EQUAL((w.handover, CONF_HANDOVER_SYSTEM), (w.nfindings, 0));
	OK(wdt_hand_over(&w, 60, 300));
	assert_int_equal(os_sim_count("close watchdog"), 1);
}

TEST(a_driver_that_cannot_go_on_is_for_the_guardian)
{
	os_sim_fail("write /sys/class/watchdog/watchdog0/nowayout", 0, KB_EPERM);
	arm(&simple, CONF_HANDOVER_SYSTEM);
	EQUAL((w.handover, CONF_HANDOVER_KEEPER), (w.armed, true));
	assert_true(found("stops it on close; handover=keeper is used"));
	assert_int_equal(
		os_sim_count("# watchdog: unable to set /sys/class/watchdog/watchdog0/nowayout"),
		1);
	w.kept = true;
	OK(wdt_hand_over(&w, 60, 300));
	EQUAL((os_sim_count("close watchdog"), 1), (os_sim_count("watchdog release"), 0));
	assert_int_equal(os_sim_count("write /run/systemd"), 0); /* it would get EBUSY */
}

TEST(a_keeper_has_it_and_no_time_is_set)
{
	arm(&i6300esb, CONF_HANDOVER_KEEPER);
	assert_int_equal(w.handover, CONF_HANDOVER_KEEPER);
	w.kept = true;
	OK(wdt_hand_over(&w, 120, 240));
	EQUAL((w.armed, false), (os_sim_trace(), "watchdog /dev/watchdog0 60 s\nclose watchdog\n"));
}

TEST(a_keeper_that_could_die_with_it_is_a_finding)
{
	os_sim_fail("write /sys/class/watchdog/watchdog0/nowayout", 0, KB_EPERM);
	arm(&simple, CONF_HANDOVER_KEEPER);
	assert_int_equal(w.handover, CONF_HANDOVER_KEEPER);
	assert_true(found("stops it when the guardian is killed"));
}

TEST(without_a_guardian_nobody_is_reset_for_not_feeding)
{
	arm(&i6300esb, CONF_HANDOVER_KEEPER);
	FAILS(wdt_hand_over(&w, 60, 300), KB_EPERM);
	assert_int_equal(os_sim_count("watchdog release"), 1);
	assert_int_equal(os_sim_count("# watchdog: no guardian; /dev/watchdog0 is stopped"), 1);
	assert_false(w.armed);
}

TEST(without_a_guardian_nowayout_is_left_to_the_system)
{
	os_sim_file("/sys/class/watchdog/watchdog0/nowayout", "1\n");
	arm(&i6300esb, CONF_HANDOVER_KEEPER);
	OK(wdt_hand_over(&w, 60, 300));
	assert_int_equal(os_sim_count("watchdog release"), 0);
	assert_int_equal(os_sim_count("write /run/systemd/system.conf.d"), 1);
	assert_int_equal(os_sim_count("close watchdog"), 1);
}

TEST(release_stops_it)
{
	arm(&i6300esb, CONF_HANDOVER_RELEASE);
	OK(wdt_hand_over(&w, 60, 300));
	assert_string_equal(os_sim_trace(), "watchdog /dev/watchdog0 60 s\nwatchdog release\n");
}

TEST(release_of_a_trial_is_the_guardians)
{
	arm(&i6300esb, CONF_HANDOVER_RELEASE);
	w.kept = true;
	OK(wdt_hand_over(&w, 60, 300));
	assert_string_equal(os_sim_trace(), "watchdog /dev/watchdog0 60 s\nclose watchdog\n");
}

TEST(release_is_refused_with_nowayout)
{
	os_sim_file("/sys/class/watchdog/watchdog0/nowayout", "1\n");
	arm(&i6300esb, CONF_HANDOVER_RELEASE);
	assert_int_equal(w.handover, CONF_HANDOVER_KEEPER);
	assert_true(found("nowayout; handover=keeper is used, not release"));
	assert_int_equal(os_sim_count("# watchdog: handover=release is refused"), 1);
}

static const struct os_wdt_info ipmi = { .options = WDIOF_SETTIMEOUT, .identity = "IPMI" };

/* Its driver is not of the class, and says it elsewhere. */
TEST(release_of_a_bmc_goes_by_its_drivers_own_parameter)
{
	static const char *const says[] = { "Y\n", "N\n" };

	for (unsigned i = 0; i < 2; i++) {
		bare_machine();
		os_sim_file("/sys/module/ipmi_watchdog/parameters/nowayout", says[i]);
		os_sim_watchdog("/dev/watchdog", &ipmi);
		OK(wdt_arm(&w, "auto", 60, 0));
		wdt_decide(&w, CONF_HANDOVER_RELEASE, 300);
		EQUAL((w.handover, i == 0 ? CONF_HANDOVER_KEEPER : CONF_HANDOVER_RELEASE));
		EQUAL((found("nowayout; handover=keeper is used, not release"), i == 0));
		assert_int_equal(w.nfindings, i == 0);
	}
}

/* A kernel without WATCHDOG_SYSFS. */
TEST(release_is_refused_where_nothing_says_whether_it_can_be_stopped)
{
	os_sim_remove("/sys/class/watchdog/watchdog0/nowayout");
	arm(&i6300esb, CONF_HANDOVER_RELEASE);
	assert_int_equal(w.handover, CONF_HANDOVER_KEEPER);
	assert_true(found("no word whether it can be stopped; handover=keeper is used"));
	assert_int_equal(os_sim_count("# watchdog: handover=release is refused"), 1);
}

TEST(a_bmc_that_loads_no_class_goes_on_at_a_reboot)
{
	os_sim_remove("/sys/module/watchdog");
	os_sim_watchdog("/dev/watchdog", &ipmi);
	OK(wdt_arm(&w, "auto", 60, 0));
	EQUAL((w.nfindings, 0), (os_sim_count("# watchdog: "), 0));
}

TEST(another_driver_outside_of_the_class_may_stop_at_a_reboot)
{
	os_sim_watchdog("/dev/watchdog", &simple);
	OK(wdt_arm(&w, "auto", 60, 0));
	assert_true(found("its driver may stop it at a reboot; no parameter changes that"));
	assert_int_equal(os_sim_count("# watchdog: the driver of /dev/watchdog may stop it"), 1);
}

TEST(a_run_that_cannot_be_written_stops_nothing)
{
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	os_sim_fail("mkdir /run/systemd", 0, KB_ENOSPC);
	os_sim_fail("watchdog timeout", 0, KB_EINVAL);
	OK(wdt_arm(&w, "", 60, 0));
	OK(wdt_hand_over(&w, 120, 240));
	assert_int_equal(os_sim_count("close watchdog"), 1);
}

TEST(before_linux_5_8_it_may_be_stopped_at_a_reboot)
{
	os_sim_remove("/sys/module/watchdog/parameters/stop_on_reboot");
	arm_only(&i6300esb);
	assert_int_equal(os_sim_count("# watchdog: this kernel may stop it at a reboot"), 1);
	assert_true(found("it has no watchdog.stop_on_reboot (Linux 5.8)"));
}

TEST(no_hardware_though_drivers_are_packed_is_told)
{
	os_sim_file(WDT_ABSENT_LIST, "i6300esb\niTCO_wdt\nit87_wdt\n");
	os_sim_file("/sys/bus/platform/devices/serial8250/driver", "");
	FAILS(wdt_arm(&w, "auto", 60, 0), KB_ENODEV);
	EQUAL((found("none; a hang"), true), (found("3 packed drivers found no hardware"), true));
	assert_int_equal(os_sim_count("# watchdog: 3 packed drivers"), 1);
	assert_int_equal(os_sim_count("# watchdog: none; a hang does not end in a restart"), 1);
	/* It comes late: all that is forgotten. */
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	wdt_arm_late(&w, "auto", 60);
	EQUAL((w.armed, true), (w.nfindings, 0));
}

/* Intel's, which the firmware has locked: the device is there, the driver refuses it. */
TEST(hardware_that_its_driver_does_not_take_is_named)
{
	static const char *const others[] = { "iTCO_wdt_x", "iTCO", "xiTCO_wdt" };

	os_sim_file(WDT_ABSENT_LIST, "i6300esb\niTCO_wdt\n");
	for (unsigned i = 0; i < 3; i++)
		os_sim_file(strf("/sys/bus/platform/devices/%s/uevent", others[i]), "");
	os_sim_file("/sys/bus/platform/devices/iTCO_wdt.0/driver/there", "");
	FAILS(wdt_arm(&w, "auto", 60, 0), KB_ENODEV);
	assert_false(found("refused the hardware"));
	os_sim_file("/sys/bus/platform/devices/iTCO_wdt.1.auto/uevent", "");
	FAILS(wdt_arm(&w, "auto", 60, 0), KB_ENODEV);
	assert_true(found("driver iTCO_wdt refused the hardware"));
	assert_int_equal(os_sim_count("# watchdog: driver iTCO_wdt refused the hardware"), 1);
}

/* AMD's, Kontron's and Arm's devices have a '-' where the modules' names have a '_', or the other
 * way round. */
TEST(a_dash_and_an_underscore_are_the_same_in_a_drivers_name)
{
	static const struct {
		const char *driver, *device;
	} odd[] = {
		{ "sp5100_tco", "sp5100-tco" },	  { "kempld_wdt", "kempld-wdt" },
		{ "kempld_wdt", "kempld-wdt.0" }, { "sbsa_gwdt", "sbsa-gwdt.3" },
		{ "qcom-wdt", "qcom_wdt" },
	};
	static const char *const others[] = { "sp5100.tco", "sp5100-tcx", "sp5100-tco-x", "sp5100",
					      "sp5100-" };

	for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		bare_machine();
		os_sim_file(WDT_ABSENT_LIST, odd[i].driver);
		os_sim_file(strf("/sys/bus/platform/devices/%s/uevent", odd[i].device), "");
		FAILS(wdt_arm(&w, "auto", 60, 0), KB_ENODEV);
		assert_true(found(strf("driver %s refused the hardware", odd[i].driver)));
		os_sim_file(strf("/sys/bus/platform/devices/%s/driver/there", odd[i].device), "");
		FAILS(wdt_arm(&w, "auto", 60, 0), KB_ENODEV);
		assert_true(found("or switch it on in the firmware"));
	}
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		bare_machine();
		os_sim_file(WDT_ABSENT_LIST, "sp5100_tco");
		os_sim_file(strf("/sys/bus/platform/devices/%s/uevent", others[i]), "");
		FAILS(wdt_arm(&w, "auto", 60, 0), KB_ENODEV);
		assert_false(found("refused the hardware"));
	}
}

TEST(software_in_place_of_packed_hardware_says_why)
{
	os_sim_file(WDT_ABSENT_LIST, "i6300esb\n");
	os_sim_watchdog("/dev/watchdog0", &softdog);
	identity("watchdog0", "Software Watchdog\n");
	OK(wdt_arm(&w, "auto", 60, 0));
	assert_true(w.soft && found("only a software one") && found("1 packed drivers found"));
}

TEST(list_of_drivers_may_be_empty_or_rubbish)
{
	static const char *const lists[] = { "", "\n", "\n\n\n" };
	static char long_one[9000];

	for (unsigned i = 0; i < 3; i++) {
		os_sim_file(WDT_ABSENT_LIST, lists[i]);
		FAILS(wdt_arm(&w, "auto", 60, 0), KB_ENODEV);
		EQUAL((w.nfindings, 1), (w.absent, ""));
	}
	memset(long_one, 'x', sizeof(long_one) - 1);
	os_sim_file(WDT_ABSENT_LIST, long_one);
	FAILS(wdt_arm(&w, "auto", 60, 0), KB_ENODEV);
	assert_true(found("1 packed drivers found"));
}

/* systemd stops a watchdog that refuses what it is told: it is told what the driver takes. */
TEST(a_driver_is_asked_for_the_time_of_a_reboot)
{
	static const unsigned longest[] = { 15, 16, 31, 60, 61, 128, 255, 299, 300, 1000 };

	for (unsigned i = 0; i < sizeof(longest) / sizeof(longest[0]); i++) {
		const struct os_sim_wdt_quirks q = { .longest_s = longest[i] };
		unsigned want = longest[i] < 300 ? longest[i] : 300;

		arm_quirk(&q, 60);
		wdt_decide(&w, CONF_HANDOVER_SYSTEM, 300);
		assert_int_equal(w.reboot_s, want);
		assert_int_equal(found("longest time is below shutdown-deadline="), want < 300);
		assert_in_range(os_sim_count("watchdog timeout "), 1, 20);
		/* And it counts as it did. */
		assert_int_equal(wdt_timeout_s(&w), longest[i] < 60 ? 15 : 60);
		assert_int_equal(os_sim_count("# watchdog: unable to set"), 0);
		OK(wdt_hand_over(&w, 60, 300));
		assert_true(
			told(strf("RebootWatchdogSec=%us\nKExecWatchdogSec=%us\n", want, want)));
	}
}

TEST(after_the_question_its_time_is_as_before)
{
	const struct os_sim_wdt_quirks q = { .longest_s = 120 };

	arm_quirk(&q, 20);
	wdt_decide(&w, CONF_HANDOVER_SYSTEM, 300);
	wdt_feed(&w);
	os_sim_advance(19000);
	assert_int_equal(os_sim_ended(), OS_SIM_RUNS);
	os_sim_advance(2000);
	assert_int_equal(os_sim_ended(), OS_SIM_WATCHDOG);
}

/* bcm2835: of 64 s its register makes 0, and that is a reset. */
TEST(a_register_that_cuts_seconds_is_found_out)
{
	static const unsigned wanted[] = { 15, 16, 17, 30, 32, 49, 60, 64, 65, 240, 4096, 65535 };
	const struct os_sim_wdt_quirks q = { .tells_left = true, .register_s = 15 };

	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		arm_quirk(&q, wanted[i]);
		EQUAL((wdt_timeout_s(&w), 15), (found("does not have"), wanted[i] > 15));
		assert_int_equal(os_sim_count("# watchdog: the driver of /dev/watchdog0 accepts"),
				 wanted[i] > 15);
		wdt_decide(&w, CONF_HANDOVER_SYSTEM, 300);
		OK(wdt_hand_over(&w, wanted[i], 300));
		assert_true(told("RuntimeWatchdogSec=15s\nRebootWatchdogSec=15s\n"));
		/* What it is left with is one that it has, too. */
		assert_int_equal(os_sim_count("close watchdog"), 1);
		assert_null(strstr(os_sim_trace(), "watchdog timeout 64 s"));
		assert_int_equal(os_sim_ended(), OS_SIM_RUNS);
	}
}

TEST(a_short_time_is_had_by_a_register_that_cuts)
{
	const struct os_sim_wdt_quirks q = { .tells_left = true, .register_s = 15 };

	arm_quirk(&q, 10);
	EQUAL((wdt_timeout_s(&w), 10), (w.nfindings, 0));
}

/* The core of Linux feeds for hardware that counts less: nothing is wrong with it. */
TEST(hardware_that_the_kernel_feeds_keeps_its_time)
{
	const struct os_sim_wdt_quirks q = { .tells_left = true, .feeds_s = 16 };

	arm_quirk(&q, 60);
	EQUAL((wdt_timeout_s(&w), 60), (w.nfindings, 0));
	wdt_decide(&w, CONF_HANDOVER_SYSTEM, 300);
	EQUAL((w.reboot_s, 300), (wdt_timeout_s(&w), 60));
}

TEST(hardware_that_tells_what_is_left_and_has_it_keeps_its_time)
{
	const struct os_sim_wdt_quirks q = { .tells_left = true, .longest_s = 613 };
	const struct os_sim_wdt_quirks rounded = { .tells_left = true, .step_s = 16 };
	const struct os_sim_wdt_quirks fixed = { .tells_left = true, .fixed_s = 4 };

	arm_quirk(&q, 60);
	assert_int_equal(wdt_timeout_s(&w), 60);
	arm_quirk(&q, 600); /* 1023, which would be tried, is refused */
	EQUAL((wdt_timeout_s(&w), 600), (w.nfindings, 0));
	arm_quirk(&rounded, 60);
	EQUAL((wdt_timeout_s(&w), 64), (w.nfindings, 0));
	arm_quirk(&fixed, 60);
	assert_int_equal(wdt_timeout_s(&w), 4);
}

TEST(evidence_comes_from_the_hardware)
{
	struct reset_evidence ev = { .orderly = true };
	struct os_wdt_info info = i6300esb;

	info.bootstatus = WDIOF_CARDRESET;
	arm_only(&info);
	wdt_evidence(&w, &ev);
	assert_true(ev.watchdog_fired && ev.can_report_watchdog && ev.orderly);
	assert_false(ev.power_cause);
	memset(&w, 0, sizeof(w));
	wdt_evidence(&w, &ev);
	assert_false(ev.watchdog_fired || ev.can_report_watchdog);
}

TEST_MAIN("wdt", .set_up = bare_machine)
