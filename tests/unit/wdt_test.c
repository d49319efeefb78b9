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

static int bare_machine(void **state)
{
	(void)state;
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

static void hardware_with_a_limit_keeps_its_limit(void **state)
{
	struct os_wdt_info bcm = i6300esb;

	(void)state;
	bcm.timeout_s = 15;
	os_sim_watchdog("/dev/watchdog0", &bcm);
	assert_int_equal(wdt_arm(&w, "", 60, 0), KB_OK);
	assert_int_equal(wdt_timeout_s(&w), 15);
}

static void off_is_off(void **state)
{
	(void)state;
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	assert_int_equal(wdt_arm(&w, "off", 60, 0), KB_ENOENT);
	assert_int_equal(wdt_timeout_s(&w), 0);
	wdt_feed(&w);
	assert_int_equal(wdt_set_timeout(&w, 5), KB_OK);
	assert_int_equal(wdt_handover_system(&w, 60), KB_OK);
	assert_string_equal(os_sim_trace(), "");
}

static void the_wait_for_a_node_is_bounded(void **state)
{
	(void)state;
	assert_int_equal(wdt_arm(&w, "/dev/watchdog0", 60, 500), KB_ENODEV);
	assert_in_range(os_sim_now(), 500, 520);
	assert_int_equal(wdt_timeout_s(&w), 0);
	assert_int_equal(os_sim_count("# watchdog: none"), 1);
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
}

static void the_hand_over_leaves_it_counting_and_tells_systemd(void **state)
{
	(void)state;
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	assert_int_equal(wdt_arm(&w, "", 60, 0), KB_OK);
	assert_int_equal(wdt_handover_system(&w, 120), KB_OK);
	assert_int_equal(wdt_timeout_s(&w), 0);
	assert_string_equal(os_sim_trace(),
			    "watchdog /dev/watchdog0 60 s\n"
			    "watchdog timeout 120 s\n"
			    "mkdir /run/systemd\n"
			    "mkdir /run/systemd/system.conf.d\n"
			    "write /run/systemd/system.conf.d/00-keelboot.conf\n"
			    "    | # Written by keelboot: the watchdog was counting already.\n"
			    "    | [Manager]\n"
			    "    | WatchdogDevice=/dev/watchdog0\n"
			    "    | RuntimeWatchdogSec=60s\n"
			    "    | RebootWatchdogSec=300s\n"
			    "close watchdog\n");
}

static void a_driver_that_stops_on_close_is_made_to_go_on(void **state)
{
	struct os_wdt_info simple = { .options = WDIOF_SETTIMEOUT };

	(void)state;
	os_sim_watchdog("/dev/watchdog", &simple);
	assert_int_equal(wdt_arm(&w, "/dev/watchdog", 60, 0), KB_OK);
	assert_int_equal(wdt_handover_system(&w, 60), KB_OK);
	assert_int_equal(os_sim_count("write /sys/class/watchdog/watchdog0/nowayout 1"), 1);
	assert_int_equal(os_sim_count("close watchdog"), 1);
}

static void a_driver_that_cannot_go_on_is_told_and_still_handed_over(void **state)
{
	struct os_wdt_info simple = { .options = WDIOF_SETTIMEOUT };

	(void)state;
	os_sim_watchdog("/dev/watchdog1", &simple);
	os_sim_fail("write /sys/class/watchdog/watchdog1/nowayout", 0, KB_EPERM);
	assert_int_equal(wdt_arm(&w, "/dev/watchdog1", 60, 0), KB_OK);
	assert_int_equal(wdt_handover_system(&w, 60), KB_EPERM);
	assert_int_equal(os_sim_count("close watchdog"), 1);
	assert_int_equal(os_sim_count("# watchdog: /dev/watchdog1 stops when it is closed"), 1);
}

static void a_run_that_cannot_be_written_stops_nothing(void **state)
{
	(void)state;
	os_sim_watchdog("/dev/watchdog0", &i6300esb);
	os_sim_fail("mkdir /run/systemd", 0, KB_ENOSPC);
	os_sim_fail("watchdog timeout", 0, KB_EINVAL);
	assert_int_equal(wdt_arm(&w, "", 60, 0), KB_OK);
	assert_int_equal(wdt_handover_system(&w, 120), KB_OK);
	assert_int_equal(os_sim_count("close watchdog"), 1);
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
		T(off_is_off),
		T(the_wait_for_a_node_is_bounded),
		T(a_late_node_is_waited_for),
		T(another_one_is_better_than_none),
		T(one_that_does_not_open_is_told),
		T(who_does_not_feed_is_reset),
		T(a_kernel_that_would_stop_it_is_warned_of),
		T(the_hand_over_leaves_it_counting_and_tells_systemd),
		T(a_driver_that_stops_on_close_is_made_to_go_on),
		T(a_driver_that_cannot_go_on_is_told_and_still_handed_over),
		T(a_run_that_cannot_be_written_stops_nothing),
		T(evidence_comes_from_the_hardware),
	};

	return cmocka_run_group_tests_name("wdt", tests, NULL, NULL);
}
