/* SPDX-License-Identifier: Apache-2.0 */
/* Boots on which nothing mounts, or nothing can be trusted: what comes while the device waits. */
#include "selector/store_internal.h"
#include "tests/trace/applies.h"
#include "tests/unit/stuck_sticks.h"

/* From now on slot b mounts. */
static void install(void *ctx, const char *const *argv)
{
	applies_whole(PLAN_RESCUE);
	os_sim_fs("/dev/vda3", "ext4");
}

/* The power is gone in the middle. */
static void begin_install(void *ctx, const char *const *argv)
{
	applies_half();
}

/* Apply with this option or source finds what to install. */
static void repairs(const char *arg)
{
	struct os_sim_child fixes = apply(0, arg);

	fixes.run = install;
	os_sim_child(&fixes);
}

/* Slots that the prober finds whole and that do not mount nevertheless. */
static void nothing_mounts(void)
{
	os_sim_fail("mount /dev/vda2", 0, KB_EMOUNT);
	os_sim_fail("mount /dev/vda3", 1, KB_EMOUNT);
}

static void plug(unsigned at_ms)
{
	struct os_sim_disk stick = machine_stick();

	stick.at_ms = at_ms;
	machine_plug(stick);
}

TEST(a_stick_that_comes_while_it_waits_repairs_and_boots_at_once)
{
	nothing_mounts();
	plug(95000);
	repairs("--rescue");
	machine_boots_as("rescue_by_a_stick_that_comes_later", 'b');
	assert_once("# rescue: a medium has appeared");
	assert_once(NODES " --mountable 3 --rescue --source usb:/dev/sda");
	assert_in_range(os_now_ms(), 95000, 101000);
}

static void has_come(void *ctx)
{
	(void)ctx;
	os_sim_file("/proc/filesystems", "nodev\tsysfs\n\text4\n");
}

/* Its init took so long that nobody waited for it any more. */
TEST(a_file_system_that_comes_late_ends_the_wait)
{
	os_sim_file("/proc/filesystems", "nodev\tsysfs\n");
	os_sim_at(70000, has_come, NULL);
	machine_boots('a');
	assert_once("# rescue: ext4 has come late");
	assert_in_range(os_now_ms(), 70000, 73000);
}

TEST(an_sd_card_does_it_too)
{
	struct os_sim_disk card = { .name = "mmcblk0",
				    .path = "/devices/pci0/mmc_host/mmc0/mmc0:0001/block/mmcblk0",
				    .size = 64 * MIB,
				    .fstype = "vfat",
				    .at_ms = 20000 };

	nothing_mounts();
	os_sim_disk(&card);
	os_sim_file("/sys/class/block/mmcblk0/device/type", "SD\n");
	repairs("--rescue");
	machine_boots_as("rescue_by_an_sd_card", 'b');
	assert_once(NODES " --mountable 3 --rescue --source sd:/dev/mmcblk0");
}

/* Nothing acceptable on the first stick, then another one comes. */
TEST(a_stick_that_does_not_help_is_followed_by_another)
{
	struct os_sim_disk second = machine_stick();

	nothing_mounts();
	plug(12000);
	second.name = "sdb";
	second.path = "/devices/pci0000:00/0000:00:05.0/usb1/1-2/1-2:1.0/host1/block/sdb";
	second.at_ms = 55000;
	os_sim_disk(&second);
	os_sim_disk_gone("sda", 40000);
	machine_child(apply(2, "usb:/dev/sda"));
	repairs("usb:/dev/sdb");
	machine_boots_as("rescue_by_the_second_stick", 'b');
	assert_int_equal(os_sim_count("# rescue: a medium has appeared"), 2);
}

/* So many slots of a card reader hang, one after the other, and a good stick comes at good_ms. */
static void hang_and_repair(unsigned n, unsigned step_ms, unsigned good_ms)
{
	struct os_sim_disk hangs = machine_stick(), good = machine_stick();

	machine_anew();
	machine_put(machine_good());
	nothing_mounts();
	hangs.at_ms = 12000;
	stuck_sticks(hangs, n, step_ms);
	good.name = "sdx";
	good.path = "/devices/pci0000:00/0000:00:05.0/usb1/1-2/1-2:1.0/host9/block/sdx";
	good.at_ms = good_ms;
	machine_plug(good);
	repairs("usb:/dev/sdx");
	machine_boots('b');
}

/* A card reader whose slots hang, as many as one claims to have, hides no good stick. */
TEST(media_that_hang_hide_no_stick)
{
	for (unsigned n = 2; n <= 8; n += 2)
		hang_and_repair(n, 0, 95000);
}

/* Their probers stay, for the kernel holds them; but none has a place that another one needs. */
TEST(media_that_hang_for_long_use_nothing_up)
{
	hang_and_repair(8, 40000, 580000);
}

/* What was installed does not mount either: the stick is not tried again and again. */
TEST(an_install_that_does_not_mount_is_no_tight_loop)
{
	struct os_sim_child none = apply(2, NULL);

	os_sim_fail("mount /dev/vda", 0, KB_EMOUNT);
	plug(0);
	repairs("--rescue");
	os_sim_child(&none);
	machine_reboots_as("rescue_that_does_not_mount");
	assert_in_range(os_sim_count("spawn " APPLY), 2, 9);
	assert_true(os_now_ms() >= 600000);
}

TEST(without_a_state_partition_it_says_that_no_stick_helps)
{
	machine_blank();
	machine.no_state_bdev = true;
	nothing_mounts();
	os_sim_fail("mount /dev/vda", 0, KB_EMOUNT);
	plug(5000);
	machine_child(apply(0, NULL));
	machine_reboots_as("rescue_without_a_state_partition");
	assert_absent("spawn " APPLY);
	assert_in_range(os_sim_count("# rescue: no update can be installed: no usable state"), 2,
			6);
	assert_in_range(os_now_ms(), 60000, 67000);
}

TEST(a_lost_state_does_not_stop_it)
{
	machine_blank();
	nothing_mounts();
	plug(30000);
	repairs("--rescue");
	machine_boots_as("rescue_with_a_lost_state", 'b');
}

TEST(media_none_waits_and_restarts)
{
	machine.cmdline = "keelboot.sources=none\n";
	os_sim_fail("mount /dev/vda", 0, KB_EMOUNT);
	plug(5000);
	machine_child(apply(0, NULL));
	machine_reboots_as("rescue_without_media");
	assert_absent("spawn " APPLY);
}

TEST(the_wait_can_be_shorter)
{
	machine.conf = "[rescue]\nwait=45\n";
	os_sim_fail("mount /dev/vda", 0, KB_EMOUNT);
	machine_reboots_as("rescue_with_a_short_wait");
	assert_in_range(os_now_ms(), 45000, 51000);
}

TEST(a_short_watchdog_is_fed_while_it_waits)
{
	machine.conf = "[watchdog]\ntimeout=2\n";
	os_sim_fail("mount /dev/vda", 0, KB_EMOUNT);
	machine_reboots_as("rescue_feeds_a_short_watchdog");
}

static void both_bad(void)
{
	struct state s = machine_both_bad();

	s.lr_count = 3; /* 40 s */
	machine_put(s);
}

/* Both slots are bad, but mount: a stick that comes before the last resort goes before it. */
TEST(a_stick_that_comes_before_a_last_resort_repairs)
{
	both_bad();
	plug(21000);
	repairs("--last-resort");
	machine_reboots_as("last_resort_gives_way_to_a_stick");
	assert_absent("mount /dev/vda");
	machine_restart();
	machine_boots('b');
	machine_told("\"status\":\"trial\"");
}

/* The install before a last resort fails in the middle: that slot is not booted half-written, and
 * what is known of it is not overwritten by the charge of the other. */
TEST(an_install_that_fails_before_a_last_resort_is_not_forgotten)
{
	struct os_sim_child fails = apply(1, "--last-resort");

	both_bad();
	plug(21000);
	fails.run = begin_install;
	os_sim_child(&fails);
	machine_boots_as("last_resort_after_a_failed_install", 'a');
	assert_absent("mount /dev/vda3");
	assert_int_equal(machine_get().slot[1].st, STATE_WRITING);
}

/* Slot b is as a trial that ended badly leaves it; slot a had so many ends without a report, and
 * one of the two does not mount. */
static void a_was_counted(uint8_t streak, const char *fails, unsigned stick_ms)
{
	struct state s = machine_good();

	s.slot[0].streak = streak;
	s.slot[1].st = STATE_BAD;
	s.pref = 1;
	s.lr_count = 3; /* 40 s, and then 80 s */
	machine_put(s);
	os_sim_fail(fails, 0, KB_EMOUNT);
	plug(stick_ms);
	machine_child(apply(2, "--last-resort"));
}

/* What failed in this boot is nothing to fall back to, though the prober finds it whole: else the
 * only slot that mounts would be the one to overwrite. */
TEST(a_slot_that_did_not_mount_is_not_protected_before_the_next_one)
{
	a_was_counted(STATE_STREAK_LIMIT, "mount " SLOT_B_DEV, 71000);
	machine_boots('a');
	assert_once(NODES " --mountable 1 --last-resort --source usb:/dev/sda");
}

/* But one failure is no reason to overwrite a good slot, not even the third. */
TEST(a_good_slot_that_did_not_mount_counts_all_the_same)
{
	a_was_counted(STATE_STREAK_LIMIT - 1, "mount " SLOT_A_DEV, 21000);
	machine_boots('b');
	assert_once(NODES " --mountable 3 --last-resort --source usb:/dev/sda");
}

TEST_MAIN("trace of the rescue", .set_up = machine_set_up, .tear_down = machine_tear_down)
