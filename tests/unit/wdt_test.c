/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/os_sim_here.h"

#include "initramfs/wdt.h"
#include "lib/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct wdt w;

static const struct os_wdt_info i6300esb = {
	.options = WDIOF_SETTIMEOUT | WDIOF_KEEPALIVEPING | WDIOF_MAGICCLOSE | WDIOF_CARDRESET,
	.identity = "i6300ESB timer",
};

static const struct os_wdt_info simple = { .options = WDIOF_SETTIMEOUT };

static const struct os_wdt_info softdog = { .options = WDIOF_SETTIMEOUT | WDIOF_MAGICCLOSE,
					    .identity = "Software Watchdog" };

static int bare_machine(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	os_sim_reset();
	os_sim_log_level(LOG_LEVEL_WARNING);
	os_sim_file("/sys/module/watchdog/parameters/stop_on_reboot", "0\n");
	return 0;
}

static void it_is_armed_and_tells_what_it_took(void **state)
{
	(void)state;
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	assert_int_equal(wdt_arm(&w, "/dev/watchdog0", 60, 0), KB_OK);
	assert_true(w.armed);
	assert_int_equal(wdt_timeout_s(&w), 60);
	assert_string_equal(w.dev, "/dev/watchdog0");
	assert_string_equal(os_sim_trace(), "watchdog /dev/watchdog0 60 s\n");
}

static bool found(const char *what)
{
	for (unsigned i = 0; i < w.nfindings; i++) {
		if (strstr(w.finding[i], what) != NULL)
			return true;
	}
	return false;
}

static void hardware_with_a_limit_keeps_its_limit(void **state)
{
	struct os_wdt_info bcm = i6300esb;

	(void)state;
	bcm.timeout_s = 15;
	os_sim_watchdog("/dev/watchdog0", &bcm);
	assert_int_equal(wdt_arm(&w, "", 60, 0), KB_OK);
	assert_int_equal(wdt_timeout_s(&w), 15);
	assert_int_equal(os_sim_count("# watchdog: /dev/watchdog0 counts 15 s, not 60 s"), 1);
	assert_true(found("another timeout"));
}

static void a_timeout_that_is_rounded_is_no_finding(void **state)
{
	struct os_sim_wdt_quirks minutes = { .step_s = 16 };

	(void)state;
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	os_sim_watchdog_quirks(&minutes);
	assert_int_equal(wdt_arm(&w, "", 60, 0), KB_OK);
	assert_int_equal(wdt_timeout_s(&w), 64);
	assert_int_equal(w.nfindings, 0);
	assert_int_equal(wdt_set_timeout(&w, 5), KB_OK);
	assert_int_equal(wdt_timeout_s(&w), 16);
}

static void hardware_that_refuses_keeps_its_own(void **state)
{
	struct os_sim_wdt_quirks fixed = { .fixed_s = 4 };

	(void)state;
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	os_sim_watchdog_quirks(&fixed);
	assert_int_equal(wdt_arm(&w, "", 60, 0), KB_OK);
	assert_int_equal(wdt_timeout_s(&w), 4);
	assert_int_equal(wdt_set_timeout(&w, 300), KB_EINVAL);
	assert_int_equal(wdt_timeout_s(&w), 4);
	wdt_decide(&w, CONF_HANDOVER_SYSTEM, 300);
	assert_int_equal(wdt_hand_over(&w, 60, 300), KB_OK);
	assert_non_null(strstr(os_sim_trace(), "RuntimeWatchdogSec=4s"));
}

static void hardware_that_tells_nothing_is_fed_often(void **state)
{
	struct os_sim_wdt_quirks mute = { .fixed_s = 30, .tells_nothing = true };

	(void)state;
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	os_sim_watchdog_quirks(&mute);
	assert_int_equal(wdt_arm(&w, "", 60, 0), KB_OK);
	assert_int_equal(wdt_timeout_s(&w), 0);
	assert_int_equal(os_sim_count("# watchdog: /dev/watchdog0 takes no timeout"), 1);
	wdt_decide(&w, CONF_HANDOVER_SYSTEM, 300);
	assert_int_equal(wdt_hand_over(&w, 60, 300), KB_OK);
	/* "0" would switch it off. */
	assert_non_null(strstr(os_sim_trace(), "RuntimeWatchdogSec=10s"));
}

static void identity(const char *node, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/watchdog/%s/identity", node);
	os_sim_file(path, text);
	snprintf(path, sizeof(path), "/dev/%s", node);
	os_sim_file(path, "");
}

static void hardware_goes_before_software(void **state)
{
	(void)state;
	os_sim_watchdog("/dev/watchdog1", &i6300esb);
	identity("watchdog0", "Software Watchdog\n");
	identity("watchdog1", "i6300ESB timer\n");
	wdt_watch(&w, "auto", 60);
	assert_true(w.armed);
	assert_int_equal(wdt_arm(&w, "auto", 60, 0), KB_OK);
	assert_string_equal(w.dev, "/dev/watchdog1");
	assert_int_equal(os_sim_count("watchdog /dev/watchdog0"), 0);
	assert_false(w.soft);
	assert_int_equal(w.nfindings, 0);
}

static void software_is_better_than_nothing(void **state)
{
	(void)state;
	os_sim_watchdog("/dev/watchdog0", &softdog);
	identity("watchdog0", "Software Watchdog\n");
	wdt_watch(&w, "auto", 60);
	assert_false(w.armed); /* not worth it while other modules are to come */
	assert_string_equal(w.dev, "");
	assert_int_equal(wdt_arm(&w, "auto", 60, 500), KB_OK);
	assert_int_equal(os_sim_now(), 0);
	assert_true(w.soft);
	assert_true(found("only a software one"));
}

/* A BMC's driver makes /dev/watchdog and nothing of the class, which then begins at watchdog1. */
static void a_bmc_is_hardware_and_goes_first(void **state)
{
	static const char *const others[] = { "", "Software Watchdog\n", "iTCO_wdt\n" };
	static const struct os_wdt_info bmc = { .identity = "IPMI" };

	for (unsigned i = 0; i < 3; i++) {
		bare_machine(state);
		os_sim_watchdog("/dev/watchdog", &bmc);
		if (i > 0)
			identity("watchdog1", others[i]);
		wdt_watch(&w, "auto", 60);
		assert_true(w.armed);
		assert_string_equal(w.dev, "/dev/watchdog");
		assert_int_equal(os_sim_count("watchdog /dev/watchdog1"), 0);
		assert_int_equal(w.nfindings, 0);
		bare_machine(state);
		os_sim_watchdog("/dev/watchdog", &bmc);
		if (i > 0)
			identity("watchdog1", others[i]);
		assert_int_equal(wdt_arm(&w, "auto", 60, 0), KB_OK);
		assert_string_equal(w.dev, "/dev/watchdog");
		assert_int_equal(os_sim_count("watchdog /dev/watchdog1"), 0);
	}
}

static void a_bmc_that_is_taken_is_left_for_the_next(void **state)
{
	(void)state;
	os_sim_file("/dev/watchdog", "");
	identity("watchdog1", "iTCO_wdt\n");
	os_sim_watchdog("/dev/watchdog1", &i6300esb);
	wdt_watch(&w, "auto", 60);
	assert_true(w.armed);
	assert_string_equal(w.dev, "/dev/watchdog1");
	assert_int_equal(os_sim_count("# watchdog: unable to open /dev/watchdog:"), 1);
}

/* Where there is a watchdog0, /dev/watchdog is its other name. */
static void the_other_name_of_a_software_one_is_no_hardware(void **state)
{
	(void)state;
	os_sim_watchdog("/dev/watchdog0", &softdog);
	identity("watchdog0", "Software Watchdog\n");
	os_sim_file("/dev/watchdog", "");
	wdt_watch(&w, "auto", 60);
	assert_false(w.armed);
	assert_string_equal(os_sim_trace(), "");
	os_sim_watchdog("/dev/watchdog1", &i6300esb);
	identity("watchdog1", "i6300ESB timer\n");
	wdt_watch(&w, "auto", 60);
	assert_string_equal(w.dev, "/dev/watchdog1");
}

static void the_configured_one_is_taken_whatever_it_is(void **state)
{
	(void)state;
	os_sim_watchdog("/dev/watchdog1", &softdog);
	identity("watchdog0", "i6300ESB timer\n");
	identity("watchdog1", "Software Watchdog\n");
	wdt_watch(&w, "/dev/watchdog2", 60);
	assert_string_equal(os_sim_trace(), "");
	wdt_watch(&w, "/dev/watchdog1", 60);
	assert_string_equal(w.dev, "/dev/watchdog1");
}

static void off_is_off(void **state)
{
	(void)state;
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	assert_int_equal(wdt_arm(&w, "off", 60, 0), KB_ENOENT);
	assert_int_equal(wdt_timeout_s(&w), 0);
	wdt_feed(&w);
	assert_int_equal(wdt_set_timeout(&w, 5), KB_OK);
	assert_int_equal(wdt_hand_over(&w, 60, 300), KB_OK);
	assert_string_equal(os_sim_trace(), "");
}

static void the_wait_for_a_node_is_bounded(void **state)
{
	(void)state;
	assert_int_equal(wdt_arm(&w, "/dev/watchdog0", 60, 500), KB_ENODEV);
	assert_in_range(os_sim_now(), 500, 520);
	assert_int_equal(wdt_timeout_s(&w), 0);
	assert_int_equal(os_sim_count("# watchdog: none"), 1);
	assert_true(found("watchdog: none"));
}

static void node_appears(void *ctx)
{
	(void)ctx;
	os_sim_watchdog("/dev/watchdog1", &i6300esb);
}

static void a_late_node_is_waited_for(void **state)
{
	(void)state;
	os_sim_at(300, node_appears, NULL);
	assert_int_equal(wdt_arm(&w, "/dev/watchdog1", 60, 500), KB_OK);
	assert_in_range(os_sim_now(), 300, 320);
}

static void another_one_is_better_than_none(void **state)
{
	(void)state;
	os_sim_watchdog("/dev/watchdog1", &i6300esb);
	assert_int_equal(wdt_arm(&w, "/dev/watchdog7", 60, 100), KB_OK);
	assert_string_equal(w.dev, "/dev/watchdog1");
	assert_int_equal(os_sim_count("# watchdog: no /dev/watchdog7; /dev/watchdog1 is used"), 1);
}

/* A disk, say: lib/os refuses it. */
static void what_is_named_and_is_no_watchdog_is_left_for_one_that_is(void **state)
{
	(void)state;
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	os_sim_file("/dev/vda3", "a slot");
	os_sim_fail("watchdog", 1, KB_EINVAL);
	assert_int_equal(wdt_arm(&w, "/dev/vda3", 60, 0), KB_OK);
	assert_true(w.armed);
	assert_string_equal(w.dev, "/dev/watchdog0");
	assert_int_equal(os_sim_count("# watchdog: no /dev/vda3; /dev/watchdog0 is used"), 1);
	assert_true(found("not the one"));
}

/* Only the one of os_sim_watchdog() opens; the others are taken. */
static void one_that_is_taken_is_left_for_the_next(void **state)
{
	static const char *const named[] = { "/dev/watchdog0", "/dev/watchdog", "auto" };

	for (unsigned i = 0; i < 3; i++) {
		bare_machine(state);
		identity("watchdog", "");
		identity("watchdog0", "i6300ESB timer\n");
		identity("watchdog1", "Software Watchdog\n");
		identity("watchdog2", "iTCO_wdt\n");
		os_sim_watchdog("/dev/watchdog2", &i6300esb);
		assert_int_equal(wdt_arm(&w, named[i], 60, 0), KB_OK);
		assert_true(w.armed);
		assert_string_equal(w.dev, "/dev/watchdog2");
		assert_int_equal(os_sim_count("watchdog /dev/watchdog1"), 0);
		assert_int_equal(os_sim_count("watchdog /dev/watchdog0"), 1);
		assert_int_equal(os_sim_count("# watchdog: unable to open /dev/watchdog0"), 1);
		assert_int_equal(found("not the one"), i < 2);
	}
}

static void one_that_is_taken_is_left_for_software_in_the_end(void **state)
{
	(void)state;
	identity("watchdog0", "Software Watchdog\n");
	identity("watchdog1", "i6300ESB timer\n");
	os_sim_watchdog("/dev/watchdog0", &softdog);
	assert_int_equal(wdt_arm(&w, "/dev/watchdog1", 60, 0), KB_OK);
	assert_string_equal(w.dev, "/dev/watchdog0");
	assert_true(w.soft && found("only a software one") && found("not the one"));
}

static void each_one_is_tried_once(void **state)
{
	(void)state;
	identity("watchdog0", "i6300ESB timer\n");
	identity("watchdog1", "Software Watchdog\n");
	os_sim_watchdog("/dev/watchdog", &simple);
	os_sim_fail("watchdog", 0, KB_EBUSY);
	assert_int_equal(wdt_arm(&w, "/dev/watchdog0", 60, 0), KB_EBUSY);
	assert_false(w.armed);
	assert_int_equal(os_sim_count("watchdog "), 2);
	assert_int_equal(os_sim_count("# watchdog: unable to open"), 2);
	assert_int_equal(os_sim_count("# watchdog: unable to open /dev/watchdog1: busy; a hang"),
			 1);
	assert_int_equal(w.nfindings, 1);
	assert_true(found("cannot be opened"));
}

/* The hardware's module is behind softdog in the list. */
static void what_is_refused_gives_way_to_hardware_alone_while_modules_come(void **state)
{
	static const char *const named[] = { "/dev/null", "/dev/watchdog0", "/dev/watchdog" };

	for (unsigned i = 0; i < 3; i++) {
		bare_machine(state);
		os_sim_file("/dev/null", "");
		identity("watchdog", "");
		identity("watchdog0", "i6300ESB timer\n");
		wdt_watch(&w, named[i], 60);
		assert_int_equal(os_sim_count("# watchdog: unable to open"), i == 1 ? 1 : 2);
		identity("watchdog1", "Software Watchdog\n");
		os_sim_watchdog("/dev/watchdog1", &softdog);
		for (unsigned modules = 0; modules < 3; modules++)
			wdt_watch(&w, named[i], 60);
		assert_false(w.armed);
		assert_int_equal(os_sim_count("watchdog /dev/watchdog1"), 0);
		assert_int_equal(os_sim_count("# watchdog: "), i == 1 ? 1 : 2);
		identity("watchdog2", "iTCO_wdt\n");
		os_sim_watchdog("/dev/watchdog2", &i6300esb);
		wdt_watch(&w, named[i], 60);
		assert_true(w.armed);
		assert_string_equal(w.dev, "/dev/watchdog2");
		assert_true(found("not the one") && w.nfindings == 1);
		wdt_watch(&w, named[i], 60);
		assert_int_equal(os_sim_count("watchdog /dev/watchdog2"), 1);
	}
}

static void one_that_does_not_open_is_told(void **state)
{
	(void)state;
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	os_sim_fail("watchdog", 1, KB_EBUSY);
	assert_int_equal(wdt_arm(&w, "", 60, 0), KB_EBUSY);
	assert_false(w.armed);
}

static void who_does_not_feed_is_reset(void **state)
{
	(void)state;
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	assert_int_equal(wdt_arm(&w, "", 60, 0), KB_OK);
	os_sim_advance(59000);
	wdt_feed(&w);
	os_sim_advance(59000);
	assert_int_equal(os_sim_ended(), OS_SIM_RUNS);
	os_sim_advance(2000);
	assert_int_equal(os_sim_ended(), OS_SIM_WATCHDOG);
}

static void a_kernel_that_would_stop_it_is_warned_of(void **state)
{
	(void)state;
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	os_sim_file("/sys/module/watchdog/parameters/stop_on_reboot", "-1\n");
	assert_int_equal(wdt_arm(&w, "", 60, 0), KB_OK);
	assert_int_equal(os_sim_count("# watchdog: the kernel may stop it"), 1);
	assert_true(found("stop it at a reboot"));
}

static void the_hand_over_leaves_it_counting_and_tells_systemd(void **state)
{
	(void)state;
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	assert_int_equal(wdt_arm(&w, "", 60, 0), KB_OK);
	wdt_decide(&w, CONF_HANDOVER_SYSTEM, 240);
	assert_int_equal(w.nfindings, 0);
	assert_int_equal(wdt_hand_over(&w, 120, 240), KB_OK);
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
	assert_int_equal(wdt_arm(&w, "/dev/watchdog0", 60, 0), KB_OK);
	wdt_decide(&w, wanted, 300);
}

static void a_driver_that_stops_on_close_is_made_to_go_on(void **state)
{
	(void)state;
	os_sim_watchdog("/dev/watchdog", &simple);
	assert_int_equal(wdt_arm(&w, "/dev/watchdog", 60, 0), KB_OK);
	wdt_decide(&w, CONF_HANDOVER_SYSTEM, 300);
	assert_int_equal(w.handover, CONF_HANDOVER_SYSTEM);
	assert_int_equal(wdt_hand_over(&w, 60, 300), KB_OK);
	assert_int_equal(os_sim_count("write /sys/class/watchdog/watchdog0/nowayout 1"), 1);
	assert_int_equal(os_sim_count("close watchdog"), 1);
	assert_int_equal(w.nfindings, 0);
}

static void a_driver_that_is_nowayout_already_is_left_alone(void **state)
{
	(void)state;
	os_sim_file("/sys/class/watchdog/watchdog0/nowayout", "1\n");
	arm(&simple, CONF_HANDOVER_SYSTEM);
	assert_int_equal(wdt_hand_over(&w, 60, 300), KB_OK);
	assert_int_equal(os_sim_count("write /sys/class/watchdog"), 0);
	assert_int_equal(os_sim_count("close watchdog"), 1);
}

static void a_bmc_goes_on_though_its_driver_announces_nothing(void **state)
{
	static const struct os_wdt_info bmc = { .identity = "IPMI" };

	(void)state;
	os_sim_fail("write /sys/class/watchdog/watchdog0/nowayout", 0, KB_ENOENT);
	arm(&bmc, CONF_HANDOVER_SYSTEM);
	assert_int_equal(w.handover, CONF_HANDOVER_SYSTEM);
	assert_int_equal(w.nfindings, 0);
	assert_int_equal(wdt_hand_over(&w, 60, 300), KB_OK);
	assert_int_equal(os_sim_count("close watchdog"), 1);
}

static void a_driver_that_cannot_go_on_is_for_the_guardian(void **state)
{
	(void)state;
	os_sim_fail("write /sys/class/watchdog/watchdog0/nowayout", 0, KB_EPERM);
	arm(&simple, CONF_HANDOVER_SYSTEM);
	assert_int_equal(w.handover, CONF_HANDOVER_KEEPER);
	assert_true(w.armed);
	assert_true(found("stops on close; handover=keeper is used"));
	assert_int_equal(os_sim_count("# watchdog: /dev/watchdog0 stops when it is closed"), 1);
	w.kept = true;
	assert_int_equal(wdt_hand_over(&w, 60, 300), KB_OK);
	assert_int_equal(os_sim_count("close watchdog"), 1);
	assert_int_equal(os_sim_count("watchdog release"), 0);
	assert_int_equal(os_sim_count("write /run/systemd"), 0); /* it would get EBUSY */
}

static void a_keeper_has_it_and_no_time_is_set(void **state)
{
	(void)state;
	arm(&i6300esb, CONF_HANDOVER_KEEPER);
	assert_int_equal(w.handover, CONF_HANDOVER_KEEPER);
	w.kept = true;
	assert_int_equal(wdt_hand_over(&w, 120, 240), KB_OK);
	assert_false(w.armed);
	assert_string_equal(os_sim_trace(), "watchdog /dev/watchdog0 60 s\nclose watchdog\n");
}

static void a_keeper_that_could_die_with_it_is_a_finding(void **state)
{
	(void)state;
	os_sim_fail("write /sys/class/watchdog/watchdog0/nowayout", 0, KB_EPERM);
	arm(&simple, CONF_HANDOVER_KEEPER);
	assert_int_equal(w.handover, CONF_HANDOVER_KEEPER);
	assert_true(found("stops when the guardian is killed"));
}

static void without_a_guardian_nobody_is_reset_for_not_feeding(void **state)
{
	(void)state;
	arm(&i6300esb, CONF_HANDOVER_KEEPER);
	assert_int_equal(wdt_hand_over(&w, 60, 300), KB_EPERM);
	assert_int_equal(os_sim_count("watchdog release"), 1);
	assert_int_equal(os_sim_count("# watchdog: no guardian; /dev/watchdog0 is stopped"), 1);
	assert_false(w.armed);
}

static void without_a_guardian_nowayout_is_left_to_the_system(void **state)
{
	(void)state;
	os_sim_file("/sys/class/watchdog/watchdog0/nowayout", "1\n");
	arm(&i6300esb, CONF_HANDOVER_KEEPER);
	assert_int_equal(wdt_hand_over(&w, 60, 300), KB_OK);
	assert_int_equal(os_sim_count("watchdog release"), 0);
	assert_int_equal(os_sim_count("write /run/systemd/system.conf.d"), 1);
	assert_int_equal(os_sim_count("close watchdog"), 1);
}

static void release_stops_it(void **state)
{
	(void)state;
	arm(&i6300esb, CONF_HANDOVER_RELEASE);
	assert_int_equal(wdt_hand_over(&w, 60, 300), KB_OK);
	assert_string_equal(os_sim_trace(), "watchdog /dev/watchdog0 60 s\nwatchdog release\n");
}

static void release_of_a_trial_is_the_guardians(void **state)
{
	(void)state;
	arm(&i6300esb, CONF_HANDOVER_RELEASE);
	w.kept = true;
	assert_int_equal(wdt_hand_over(&w, 60, 300), KB_OK);
	assert_string_equal(os_sim_trace(), "watchdog /dev/watchdog0 60 s\nclose watchdog\n");
}

static void release_is_refused_with_nowayout(void **state)
{
	(void)state;
	os_sim_file("/sys/class/watchdog/watchdog0/nowayout", "1\n");
	arm(&i6300esb, CONF_HANDOVER_RELEASE);
	assert_int_equal(w.handover, CONF_HANDOVER_KEEPER);
	assert_true(found("nowayout; handover=keeper is used, not release"));
	assert_int_equal(os_sim_count("# watchdog: handover=release is refused"), 1);
}

static void a_run_that_cannot_be_written_stops_nothing(void **state)
{
	(void)state;
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	os_sim_fail("mkdir /run/systemd", 0, KB_ENOSPC);
	os_sim_fail("watchdog timeout", 0, KB_EINVAL);
	assert_int_equal(wdt_arm(&w, "", 60, 0), KB_OK);
	assert_int_equal(wdt_hand_over(&w, 120, 240), KB_OK);
	assert_int_equal(os_sim_count("close watchdog"), 1);
}

static void before_linux_5_8_it_may_be_stopped_at_a_reboot(void **state)
{
	(void)state;
	os_sim_remove("/sys/module/watchdog/parameters/stop_on_reboot");
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	assert_int_equal(wdt_arm(&w, "", 60, 0), KB_OK);
	assert_int_equal(os_sim_count("# watchdog: this kernel cannot be told"), 1);
	assert_true(found("it has no watchdog.stop_on_reboot (Linux 5.8)"));
}

static void no_hardware_though_drivers_are_packed_is_told(void **state)
{
	(void)state;
	os_sim_file(WDT_ABSENT_LIST, "i6300esb\niTCO_wdt\nit87_wdt\n");
	os_sim_file("/sys/bus/platform/devices/serial8250/driver", "");
	assert_int_equal(wdt_arm(&w, "auto", 60, 0), KB_ENODEV);
	assert_true(found("none; a hang"));
	assert_true(found("of 3 packed drivers none found its hardware"));
	assert_int_equal(os_sim_count("# watchdog: of 3 packed drivers"), 1);
	assert_int_equal(os_sim_count("# watchdog: none; a hang is not noticed"), 1);
	/* It comes late: all that is forgotten. */
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	wdt_watch(&w, "auto", 60);
	assert_true(w.armed);
	assert_int_equal(w.nfindings, 0);
}

/* Intel's, which the firmware has locked: the device is there, the driver refuses it. */
static void hardware_that_its_driver_does_not_take_is_named(void **state)
{
	static const char *const others[] = { "iTCO_wdt_x", "iTCO", "xiTCO_wdt" };
	char path[96];

	(void)state;
	os_sim_file(WDT_ABSENT_LIST, "i6300esb\niTCO_wdt\n");
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "/sys/bus/platform/devices/%s/uevent", others[i]);
		os_sim_file(path, "");
	}
	os_sim_file("/sys/bus/platform/devices/iTCO_wdt.0/driver/there", "");
	assert_int_equal(wdt_arm(&w, "auto", 60, 0), KB_ENODEV);
	assert_false(found("did not take"));
	os_sim_file("/sys/bus/platform/devices/iTCO_wdt.1.auto/uevent", "");
	assert_int_equal(wdt_arm(&w, "auto", 60, 0), KB_ENODEV);
	assert_true(found("its driver iTCO_wdt did not take the hardware's"));
	assert_int_equal(os_sim_count("# watchdog: its driver iTCO_wdt did not take"), 1);
}

/* AMD's, Kontron's and Arm's devices have a '-' where the modules' names have a '_', or the other
 * way round. */
static void a_dash_and_an_underscore_are_the_same_in_a_drivers_name(void **state)
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
	char path[96], text[96];

	(void)state;
	for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		bare_machine(state);
		os_sim_file(WDT_ABSENT_LIST, odd[i].driver);
		snprintf(path, sizeof(path), "/sys/bus/platform/devices/%s/uevent", odd[i].device);
		os_sim_file(path, "");
		assert_int_equal(wdt_arm(&w, "auto", 60, 0), KB_ENODEV);
		snprintf(text, sizeof(text), "its driver %s did not take", odd[i].driver);
		assert_true(found(text));
		snprintf(path, sizeof(path), "/sys/bus/platform/devices/%s/driver/there",
			 odd[i].device);
		os_sim_file(path, "");
		assert_int_equal(wdt_arm(&w, "auto", 60, 0), KB_ENODEV);
		assert_true(found("or the firmware has switched it off"));
	}
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		bare_machine(state);
		os_sim_file(WDT_ABSENT_LIST, "sp5100_tco");
		snprintf(path, sizeof(path), "/sys/bus/platform/devices/%s/uevent", others[i]);
		os_sim_file(path, "");
		assert_int_equal(wdt_arm(&w, "auto", 60, 0), KB_ENODEV);
		assert_false(found("did not take"));
	}
}

static void software_in_place_of_packed_hardware_says_why(void **state)
{
	(void)state;
	os_sim_file(WDT_ABSENT_LIST, "i6300esb\n");
	os_sim_watchdog("/dev/watchdog0", &softdog);
	identity("watchdog0", "Software Watchdog\n");
	assert_int_equal(wdt_arm(&w, "auto", 60, 0), KB_OK);
	assert_true(w.soft && found("only a software one") && found("of 1 packed drivers none"));
}

static void list_of_drivers_may_be_empty_or_rubbish(void **state)
{
	static const char *const lists[] = { "", "\n", "\n\n\n" };
	static char long_one[9000];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		os_sim_file(WDT_ABSENT_LIST, lists[i]);
		assert_int_equal(wdt_arm(&w, "auto", 60, 0), KB_ENODEV);
		assert_int_equal(w.nfindings, 1);
		assert_string_equal(w.absent, "");
	}
	memset(long_one, 'x', sizeof(long_one) - 1);
	os_sim_file(WDT_ABSENT_LIST, long_one);
	assert_int_equal(wdt_arm(&w, "auto", 60, 0), KB_ENODEV);
	assert_true(found("of 1 packed drivers none"));
}

static bool told(const char *what)
{
	const char *text = os_sim_text("/run/systemd/system.conf.d/00-keelboot.conf");

	assert_non_null(text);
	return strstr(text, what) != NULL;
}

static void arm_quirk(const struct os_sim_wdt_quirks *q, unsigned timeout_s)
{
	memset(&w, 0, sizeof(w));
	os_sim_reset();
	os_sim_log_level(LOG_LEVEL_WARNING);
	os_sim_file("/sys/module/watchdog/parameters/stop_on_reboot", "0\n");
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	os_sim_watchdog_quirks(q);
	assert_int_equal(wdt_arm(&w, "", timeout_s, 0), KB_OK);
}

/* systemd stops a watchdog that refuses what it is told: it is told what the driver takes. */
static void a_driver_is_asked_for_the_time_of_a_reboot(void **state)
{
	static const unsigned longest[] = { 15, 16, 31, 60, 61, 128, 255, 299, 300, 1000 };
	char line[64];

	(void)state;
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
		assert_int_equal(wdt_hand_over(&w, 60, 300), KB_OK);
		snprintf(line, sizeof(line), "RebootWatchdogSec=%us\nKExecWatchdogSec=%us\n", want,
			 want);
		assert_true(told(line));
	}
}

static void after_the_question_its_time_is_as_before(void **state)
{
	const struct os_sim_wdt_quirks q = { .longest_s = 120 };

	(void)state;
	arm_quirk(&q, 20);
	wdt_decide(&w, CONF_HANDOVER_SYSTEM, 300);
	wdt_feed(&w);
	os_sim_advance(19000);
	assert_int_equal(os_sim_ended(), OS_SIM_RUNS);
	os_sim_advance(2000);
	assert_int_equal(os_sim_ended(), OS_SIM_WATCHDOG);
}

static void one_time_only_is_what_systemd_is_told(void **state)
{
	const struct os_sim_wdt_quirks q = { .fixed_s = 4 };

	(void)state;
	arm_quirk(&q, 60);
	wdt_decide(&w, CONF_HANDOVER_SYSTEM, 300);
	assert_int_equal(wdt_hand_over(&w, 60, 300), KB_OK);
	assert_true(told("RuntimeWatchdogSec=4s\nRebootWatchdogSec=4s\n"));
}

/* bcm2835: of 64 s its register makes 0, and that is a reset. */
static void a_register_that_cuts_seconds_is_found_out(void **state)
{
	static const unsigned wanted[] = { 15, 16, 17, 30, 32, 49, 60, 64, 65, 240, 4096, 65535 };
	const struct os_sim_wdt_quirks q = { .tells_left = true, .register_s = 15 };

	(void)state;
	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		arm_quirk(&q, wanted[i]);
		assert_int_equal(wdt_timeout_s(&w), 15);
		assert_int_equal(found("does not have"), wanted[i] > 15);
		assert_int_equal(os_sim_count("# watchdog: the driver of /dev/watchdog0 takes"),
				 wanted[i] > 15);
		wdt_decide(&w, CONF_HANDOVER_SYSTEM, 300);
		assert_int_equal(wdt_hand_over(&w, wanted[i], 300), KB_OK);
		assert_true(told("RuntimeWatchdogSec=15s\nRebootWatchdogSec=15s\n"));
		/* What it is left with is one that it has, too. */
		assert_int_equal(os_sim_count("close watchdog"), 1);
		assert_null(strstr(os_sim_trace(), "watchdog timeout 64 s"));
		assert_int_equal(os_sim_ended(), OS_SIM_RUNS);
	}
}

static void a_short_time_is_had_by_a_register_that_cuts(void **state)
{
	const struct os_sim_wdt_quirks q = { .tells_left = true, .register_s = 15 };

	(void)state;
	arm_quirk(&q, 10);
	assert_int_equal(wdt_timeout_s(&w), 10);
	assert_int_equal(w.nfindings, 0);
}

/* The core of Linux feeds for hardware that counts less: nothing is wrong with it. */
static void hardware_that_the_kernel_feeds_keeps_its_time(void **state)
{
	const struct os_sim_wdt_quirks q = { .tells_left = true, .feeds_s = 16 };

	(void)state;
	arm_quirk(&q, 60);
	assert_int_equal(wdt_timeout_s(&w), 60);
	assert_int_equal(w.nfindings, 0);
	wdt_decide(&w, CONF_HANDOVER_SYSTEM, 300);
	assert_int_equal(w.reboot_s, 300);
	assert_int_equal(wdt_timeout_s(&w), 60);
}

static void hardware_that_tells_what_is_left_and_has_it_keeps_its_time(void **state)
{
	const struct os_sim_wdt_quirks q = { .tells_left = true, .longest_s = 613 };
	const struct os_sim_wdt_quirks rounded = { .tells_left = true, .step_s = 16 };
	const struct os_sim_wdt_quirks fixed = { .tells_left = true, .fixed_s = 4 };

	(void)state;
	arm_quirk(&q, 60);
	assert_int_equal(wdt_timeout_s(&w), 60);
	arm_quirk(&q, 600); /* 1023, which would be tried, is refused */
	assert_int_equal(wdt_timeout_s(&w), 600);
	assert_int_equal(w.nfindings, 0);
	arm_quirk(&rounded, 60);
	assert_int_equal(wdt_timeout_s(&w), 64);
	assert_int_equal(w.nfindings, 0);
	arm_quirk(&fixed, 60);
	assert_int_equal(wdt_timeout_s(&w), 4);
}

static void evidence_comes_from_the_hardware(void **state)
{
	struct reset_evidence ev = { .orderly = true };
	struct os_wdt_info info = i6300esb;

	(void)state;
	info.bootstatus = WDIOF_CARDRESET;
	os_sim_watchdog("/dev/watchdog0", &info);
	assert_int_equal(wdt_arm(&w, "", 60, 0), KB_OK);
	wdt_evidence(&w, &ev);
	assert_true(ev.watchdog_fired && ev.can_tell_watchdog && ev.orderly);
	assert_false(ev.power_cause);
	memset(&w, 0, sizeof(w));
	wdt_evidence(&w, &ev);
	assert_false(ev.watchdog_fired || ev.can_tell_watchdog);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, bare_machine)
	const struct CMUnitTest tests[] = {
		T(it_is_armed_and_tells_what_it_took),
		T(hardware_with_a_limit_keeps_its_limit),
		T(a_timeout_that_is_rounded_is_no_finding),
		T(hardware_that_refuses_keeps_its_own),
		T(hardware_that_tells_nothing_is_fed_often),
		T(hardware_goes_before_software),
		T(software_is_better_than_nothing),
		T(a_bmc_is_hardware_and_goes_first),
		T(a_bmc_that_is_taken_is_left_for_the_next),
		T(the_other_name_of_a_software_one_is_no_hardware),
		T(the_configured_one_is_taken_whatever_it_is),
		T(off_is_off),
		T(the_wait_for_a_node_is_bounded),
		T(a_late_node_is_waited_for),
		T(another_one_is_better_than_none),
		T(what_is_named_and_is_no_watchdog_is_left_for_one_that_is),
		T(one_that_is_taken_is_left_for_the_next),
		T(one_that_is_taken_is_left_for_software_in_the_end),
		T(each_one_is_tried_once),
		T(what_is_refused_gives_way_to_hardware_alone_while_modules_come),
		T(one_that_does_not_open_is_told),
		T(who_does_not_feed_is_reset),
		T(a_kernel_that_would_stop_it_is_warned_of),
		T(the_hand_over_leaves_it_counting_and_tells_systemd),
		T(a_driver_that_stops_on_close_is_made_to_go_on),
		T(a_driver_that_is_nowayout_already_is_left_alone),
		T(a_bmc_goes_on_though_its_driver_announces_nothing),
		T(a_driver_that_cannot_go_on_is_for_the_guardian),
		T(a_keeper_has_it_and_no_time_is_set),
		T(a_keeper_that_could_die_with_it_is_a_finding),
		T(without_a_guardian_nobody_is_reset_for_not_feeding),
		T(without_a_guardian_nowayout_is_left_to_the_system),
		T(release_stops_it),
		T(release_of_a_trial_is_the_guardians),
		T(release_is_refused_with_nowayout),
		T(a_run_that_cannot_be_written_stops_nothing),
		T(before_linux_5_8_it_may_be_stopped_at_a_reboot),
		T(no_hardware_though_drivers_are_packed_is_told),
		T(hardware_that_its_driver_does_not_take_is_named),
		T(a_dash_and_an_underscore_are_the_same_in_a_drivers_name),
		T(software_in_place_of_packed_hardware_says_why),
		T(list_of_drivers_may_be_empty_or_rubbish),
		T(a_driver_is_asked_for_the_time_of_a_reboot),
		T(after_the_question_its_time_is_as_before),
		T(one_time_only_is_what_systemd_is_told),
		T(a_register_that_cuts_seconds_is_found_out),
		T(a_short_time_is_had_by_a_register_that_cuts),
		T(hardware_that_the_kernel_feeds_keeps_its_time),
		T(hardware_that_tells_what_is_left_and_has_it_keeps_its_time),
		T(evidence_comes_from_the_hardware),
	};

	return cmocka_run_group_tests_name("wdt", tests, NULL, NULL);
}
