/* SPDX-License-Identifier: Apache-2.0 */
/* Between the calls of keelboot-select somebody may be typing a passphrase. */
#include "tests/trace/machine.h"

#include "initramfs/select/handout.h"
#include "initramfs/select/select.h"
#include "initramfs/select/unlock.h"
#include "initramfs/settings.h"
#include "initramfs/watchdog.h"

#define FEEDER "detach keelboot-select feed"
#define CONF   "[system]\ncompatible=trace\ntimeout=10\n"
#define SLOTS  "[slot.a]\nroot=/dev/mapper/root-a\n[slot.b]\nroot=/dev/mapper/root-b\n"
#define DATA   "[source.data]\npartition=/dev/mapper/data\n[data]\nkeep=ids\n"
#define ASKS   "[initramfs]\nunlock-timeout=300\n"

static void power_on(void)
{
	if (!machine.has_state)
		machine_put(machine_good());
	machine_lay_out();
}

static struct boot *fresh_call(void)
{
	memset(&machine.boot, 0, sizeof(machine.boot));
	return &machine.boot;
}

static void arms_with(bool asks, const char *line, const char *conf, unsigned feeders)
{
	machine.cmdline = line;
	machine.conf = conf;
	power_on();
	if (asks)
		os_sim_file(UNLOCK_FILE, "");
	assert_int_equal(select_arm(fresh_call()), SELECT_DONE);
	assert_int_equal(os_sim_count(FEEDER), feeders);
	assert_int_equal(os_sim_text(UNLOCK_FEEDS_FILE) != NULL, feeders);
	machine_anew();
}

TEST(watchdog_is_fed_between_the_calls_only_where_somebody_may_be_asked)
{
	arms_with(false, "root=/dev/vda2\n", CONF, 0);
	arms_with(false, "quip=1 root=/dev/vda2 chip=2\n", CONF, 0);
	arms_with(true, "root=/dev/vda2\n", CONF, 1);
	arms_with(false, "root=/dev/vda2 ip=dhcp\n", CONF, 1);
	arms_with(false, "quip=1 ip=dhcp\n", CONF, 1);
	arms_with(false, "rd.luks.uuid=x root=/dev/vda2\n", CONF, 1);
	arms_with(false, "boot=nfs root=/dev/nfs\n", CONF, 1);
	arms_with(false, "root=/dev/vda2 cryptopts=source=/dev/vda3\n", CONF, 1);
	arms_with(false, "root=/dev/vda2 cryptopts=\n", CONF, 0);
	arms_with(false, "cryptopts= root=/dev/vda2 cryptopts=source=/dev/vda3\n", CONF, 1);
	arms_with(true, "root=/dev/vda2\n", CONF "[initramfs]\nunlock-timeout=0\n", 0);
	arms_with(true, "root=/dev/vda2\n", CONF "[watchdog]\ndevice=off\n", 0);
}

TEST(time_counts_from_the_start_of_the_kernel)
{
	machine.conf = CONF "[initramfs]\nunlock-timeout=30\n";
	power_on();
	os_sim_file(UNLOCK_FILE, "");
	os_sim_advance(31000);
	assert_int_equal(select_arm(fresh_call()), SELECT_DONE);
	assert_absent(FEEDER);
}

TEST(what_cannot_be_started_leaves_no_sign_of_it)
{
	power_on();
	os_sim_file(UNLOCK_FILE, "");
	os_sim_fail("detach", 1, KB_EEXEC);
	assert_int_equal(select_arm(fresh_call()), SELECT_DONE);
	assert_null(os_sim_text(UNLOCK_FEEDS_FILE));
	assert_once("# watchdog: unable to start what feeds it");
}

/* ---------------------------------------------------------------- the process */

static void feeds(void)
{
	machine.conf = CONF "[initramfs]\nunlock-timeout=300\n[watchdog]\ntimeout=20\n";
	power_on();
	os_sim_file(UNLOCK_FILE, "");
	os_sim_file(UNLOCK_FEEDS_FILE, "");
}

TEST(feeding_ends_when_the_time_is_over_and_the_watchdog_counts_on)
{
	feeds();
	unlock_feed(fresh_call());
	assert_in_range(os_now_ms(), 300000, 301000);
	assert_in_range(os_sim_watchdog_pause(), 500, 2000);
	assert_once("close watchdog");
	assert_absent("watchdog release");
	assert_once(
		"# watchdog: [initramfs] unlock-timeout=300 has passed: a restart follows in 20 s");
	assert_null(os_sim_text(UNLOCK_FEEDS_FILE));
}

static void ask_to_end(void *ctx)
{
	(void)ctx;
	os_sim_file(UNLOCK_STOP_FILE, "");
}

TEST(feeding_ends_at_once_when_a_call_wants_the_watchdog)
{
	feeds();
	os_sim_at(5000, ask_to_end, NULL);
	unlock_feed(fresh_call());
	assert_in_range(os_now_ms(), 5000, 5500);
	assert_order("close watchdog", "unlink " UNLOCK_FEEDS_FILE);
	assert_absent("watchdog release");
	assert_absent("# watchdog: [initramfs]");
}

/* ---------------------------------------------------------------- the calls */

static void has_ended(void *ctx)
{
	(void)ctx;
	os_sim_remove(UNLOCK_FEEDS_FILE);
}

static enum select_end call(unsigned which)
{
	switch (which) {
	case 0:
		return select_arm(fresh_call());
	case 1:
		return select_choose(fresh_call());
	case 2:
		return select_enter(fresh_call(), "/root");
	default:
		return select_fail(fresh_call(), "no root");
	}
}

TEST(each_call_opens_the_watchdog_when_that_process_has_ended)
{
	for (unsigned which = 0; which < 4; which++) {
		power_on();
		os_sim_file(UNLOCK_FEEDS_FILE, "");
		os_sim_at(700, has_ended, NULL);
		(void)call(which);
		assert_once("write " UNLOCK_STOP_FILE);
		assert_once("unlink " UNLOCK_STOP_FILE);
		assert_absent("# watchdog: the process that feeds it does not end");
		if (which < 2)
			assert_order("unlink " UNLOCK_STOP_FILE, "watchdog /dev/watchdog0");
		machine_anew();
	}
}

TEST(process_that_does_not_end_holds_no_boot_up)
{
	power_on();
	os_sim_file(UNLOCK_FEEDS_FILE, "");
	assert_int_equal(call(1), SELECT_DONE);
	assert_once("# watchdog: the process that feeds it does not end");
	/* Whenever it looks, it ends. */
	assert_non_null(os_sim_text(UNLOCK_STOP_FILE));
}

TEST(sign_for_a_process_that_did_not_end_is_not_for_the_next_one)
{
	power_on();
	os_sim_file(UNLOCK_FILE, "");
	os_sim_file(UNLOCK_FEEDS_FILE, "");
	assert_int_equal(call(0), SELECT_DONE);
	assert_int_equal(os_sim_count(FEEDER), 1);
	assert_null(os_sim_text(UNLOCK_STOP_FILE));
}

TEST(second_choice_of_a_boot_leaves_that_process_alone)
{
	power_on();
	assert_int_equal(call(1), SELECT_DONE);
	os_sim_file(UNLOCK_FEEDS_FILE, "");
	assert_int_equal(call(1), SELECT_DONE);
	assert_absent("write " UNLOCK_STOP_FILE);
}

/* Of another partition: systemd asks behind the choice. */
TEST(watchdog_is_fed_behind_the_choice_too_unless_the_guardian_has_it)
{
	for (unsigned keeper = 0; keeper <= 1; keeper++) {
		machine.conf = keeper ? CONF "[watchdog]\nhandover=keeper\n" : CONF;
		power_on();
		os_sim_file(UNLOCK_FILE, "");
		assert_int_equal(call(1), SELECT_DONE);
		assert_int_equal(os_sim_count(FEEDER), !keeper);
		machine_anew();
	}
}

/* ---------------------------------------------------------------- slots that are opened late */

static void opens_a(void *ctx)
{
	(void)ctx;
	os_sim_file("/sys/block/dm-0/size", "8\n");
	os_sim_file("/sys/class/block/dm-0/dm/name", "root-a\n");
}

static void opens_b(void *ctx)
{
	(void)ctx;
	os_sim_file("/sys/block/dm-1/size", "8\n");
	os_sim_file("/sys/class/block/dm-1/dm/name", "root-b\n");
}

static void opens_data(void *ctx)
{
	(void)ctx;
	os_sim_file("/sys/block/dm-2/size", "8\n");
	os_sim_file("/sys/class/block/dm-2/dm/name", "data\n");
}

/* Seconds until the wait is over. */
static uint64_t awaits_with(const char *conf, bool asks, unsigned a_ms, unsigned b_ms)
{
	struct boot *b;
	uint64_t end;

	machine.conf = conf;
	power_on();
	if (asks)
		os_sim_file(UNLOCK_FILE, "");
	os_sim_at(1000, opens_data, NULL);
	os_sim_at(a_ms, opens_a, NULL);
	os_sim_at(b_ms, opens_b, NULL);
	b = fresh_call();
	settings_peek(b);
	watchdog_arm(b);
	unlock_await(b);
	end = os_now_ms();
	assert_true(os_sim_watchdog_pause() < 1000);
	machine_anew();
	return end / 1000;
}

static uint64_t awaits(bool asks, unsigned a_ms, unsigned b_ms)
{
	return awaits_with(CONF SLOTS ASKS, asks, a_ms, b_ms);
}

TEST(choice_waits_for_a_passphrase_but_not_long_for_the_second)
{
	assert_in_range(awaits(true, 45000, 52000), 52, 53);
	assert_in_range(awaits(true, 45000, 900000), 55, 56);
	assert_in_range(awaits(true, 900000, 900000), 300, 301);
	assert_int_equal(awaits(false, 45000, 52000), 0);
}

/* A key file opens the data, and a person the slots. */
TEST(data_that_is_open_is_no_slot_that_is_open)
{
	assert_in_range(awaits_with(CONF SLOTS DATA ASKS, true, 45000, 900000), 55, 56);
	assert_in_range(awaits_with(CONF SLOTS DATA ASKS, true, 900000, 900000), 300, 301);
}

/* The kernel of slot b, say, is not its root. */
TEST(slot_that_is_open_in_part_is_not_open)
{
	assert_in_range(
		awaits_with(CONF SLOTS "boot=/dev/mapper/data\n" ASKS, true, 900000, 900000), 300,
		301);
}

TEST_MAIN("trace of what is unlocked", .set_up = machine_set_up, .tear_down = machine_tear_down)
