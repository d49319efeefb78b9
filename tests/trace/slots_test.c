/* SPDX-License-Identifier: Apache-2.0 */
/* Boots in which a slot turns out wrong, and what they end in when no slot is right. */
#include "hooks/hook.h"
#include "tests/trace/machine.h"

#define HOOK HOOK_DIR "/post-mount.d/50-check"

/* The manifest of slot b is not its release's. */
static void put_other_manifest(void)
{
	const struct store_manifest m = { .sequence = 33, .version = "3.3", .len = 4 };
	struct store st;

	machine_load(&st);
	OK(store_manifest_write(&st, 1, &m, "blob"));
	bdev_sim_cut(&machine.state, 1);
}

TEST(unmountable_root_gives_way_in_the_same_boot)
{
	machine_put(machine_trial());
	os_sim_fail("mount " SLOT_B_DEV, 0, KB_EMOUNT);
	machine_boots_as("root_does_not_mount_next_candidate", 'a');
	assert_order("mount " SLOT_B_DEV, "mount " SLOT_A_DEV);
	machine_told("\"reason\":\"b: no mount");
	EQUAL((machine_get().slot[1].tries, STATE_TRIES - 1), (machine_get().open, STATE_NONE));
}

TEST(slot_without_a_file_system_is_never_mounted)
{
	machine_put(machine_trial());
	machine.disk.part[2].fstype = NULL;
	machine_boots_as("no_file_system_next_candidate", 'a');
	assert_absent("mount " SLOT_B_DEV);
	machine_told("\"reason\":\"b: no file system\"");
	EQUAL((machine_get().slot[1].reason, "no file system"),
	      (machine_get().slot[1].tries, STATE_TRIES - 1));
}

#define FILESYSTEMS "nodev\tsysfs\nnodev\ttmpfs\n\text4\n\tvfat\n"

TEST(slot_without_its_driver_costs_nothing)
{
	machine_put(machine_trial());
	machine.disk.part[2].fstype = "squashfs";
	for (unsigned boots = 0; boots < 5; boots++) {
		os_sim_file("/proc/filesystems", FILESYSTEMS);
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
		if (boots == 0)
			trace_expect("no_driver_next_candidate");
		assert_absent("mount " SLOT_B_DEV);
		assert_string_equal(os_sim_text("/run/keelboot/slot"), "a\n");
		machine_told("\"reason\":\"b: no squashfs in this kernel\"");
		assert_int_equal(machine_get().slot[1].tries, STATE_TRIES);
		assert_int_equal(machine_get().slot[1].st, STATE_TRIAL);
		machine_restart();
	}
	/* An initramfs that has it boots the slot. */
	os_sim_file("/proc/filesystems", FILESYSTEMS "\tsquashfs\n");
	machine_boots('b');
}

TEST(partitions_of_a_disk_in_an_array_are_no_slots)
{
	machine.disk.member = true;
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_absent("mount " SLOT_A_DEV);
	assert_absent("mount " SLOT_B_DEV);
	assert_once("# devices: slots that are not opened here: a: linux_raid_member on " SLOT_A_DEV
		    ", b: linux_raid_member on " SLOT_B_DEV);
}

/* What is in a container, nobody sees: only its type can be named. */
TEST(slot_that_may_lie_in_a_container_is_missed_with_the_types_that_are_there)
{
	machine.conf = "[system]\ncompatible=trace\n[slot.a]\nroot=PARTLABEL=root-a\n"
		       "[slot.b]\nroot=UUID=1234-5678\n";
	machine.disk.part[2].fstype = "crypto_LUKS";
	machine.disk.part[3].fstype = "LVM2_member";
	machine_boots('a');
	assert_once(
		"# devices: slot b: UUID=1234-5678 not found on /dev/vda; it may lie in what is not opened here: "
		"crypto_LUKS on " SLOT_B_DEV ", LVM2_member on /dev/vda4");
}

/* A name in the table of partitions lies in none. */
TEST(slot_by_a_name_of_the_table_is_missed_without_them)
{
	machine.conf = "[system]\ncompatible=trace\n[slot.a]\nroot=PARTLABEL=root-a\n"
		       "[slot.b]\nroot=PARTLABEL=gone\n";
	machine.disk.part[2].fstype = "crypto_LUKS";
	machine_boots('a');
	assert_once("# devices: slot b: PARTLABEL=gone not found on /dev/vda\n");
}

/* What the distribution's initramfs opens is not this one's; it costs no try, and is named. */
TEST(slot_in_a_container_is_named_and_passed_over)
{
	static const char *const types[] = { "crypto_LUKS", "LVM2_member", "linux_raid_member" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(types); i++) {
		char text[96];

		machine_anew();
		machine.conf = "[system]\ncompatible=trace\nroot-filesystem=ext4\n";
		machine_put(machine_trial());
		machine.disk.part[2].fstype = types[i];
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
		if (i == 0)
			trace_expect("container_next_candidate");
		assert_absent("mount " SLOT_B_DEV);
		snprintf(text, sizeof(text), "\"reason\":\"b: holds %s\"", types[i]);
		machine_told(text);
		machine_told("{\"id\":\"slot-container\"");
		snprintf(text, sizeof(text), "not opened here: b: %s on " SLOT_B_DEV ";", types[i]);
		machine_told(text);
		EQUAL((machine_get().slot[1].tries, STATE_TRIES),
		      (machine_get().slot[1].st, STATE_TRIAL));
	}
}

/* A device of the kernel's that no disk has: the slot is missing, and its kind is told. */
TEST(slot_on_a_loop_device_is_told_by_its_kind)
{
	static const char *const kinds[][2] = { { "/dev/nbd0p1", "a network block device" },
						{ "/dev/loop0", "a loop device" } };
	char text[128];

	for (unsigned i = 0; i < KB_ARRAY_LEN(kinds); i++) {
		machine_anew();
		snprintf(text, sizeof(text),
			 "[system]\ncompatible=trace\n[slot.a]\nroot=PARTLABEL=root-a\n"
			 "[slot.b]\nroot=%s\n",
			 kinds[i][0]);
		machine.conf = text;
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
		machine_told(kinds[i][1]);
	}
}

/* It is written only by whoever opens it: neither a state nor an update is looked for in it. */
TEST(state_and_data_in_a_container_are_left_alone)
{
	struct state s = machine_good();

	s.staged.source = STATE_SRC_DATA;
	machine_put(s);
	machine.disk.part[0].fstype = "crypto_LUKS";
	machine.disk.part[3].fstype = "LVM2_member";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("# devices: state: " STATE_DEV " holds crypto_LUKS, which is not opened here");
	assert_once("# devices: data: /dev/vda4 holds LVM2_member, which is not opened here");
	assert_absent("spawn keelboot-apply");
	assert_int_equal(machine.state.own.ops, 0);
}

/* system.conf names the wrong partition, say. One that has a record is the state all the same. */
TEST(record_is_not_made_anew_over_a_file_system)
{
	machine.disk.part[0].fstype = "ext4";
	machine.disk.part[0].pin = "";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_absent("# devices: state: ");
	machine_restart();
	machine.disk.part[0].pin = NULL;
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("# devices: state: " STATE_DEV " holds ext4 and no record: it is not touched");
	machine_told("\"state\":\"missing\"");
	assert_int_equal(machine.state.own.ops, 0);
}

TEST(good_slot_without_its_driver_keeps_its_trust)
{
	machine.disk.part[1].fstype = "squashfs";
	os_sim_file("/proc/filesystems", FILESYSTEMS);
	machine_boots('b');
	EQUAL((machine_get().slot[0].streak, 0), (machine_get().slot[0].st, STATE_GOOD));
}

/* It waits for a medium, restarts, and says each time what is missing. */
TEST(no_driver_for_any_slot_ends_in_a_rescue_that_ends)
{
	struct state after;

	machine_put(machine_trial());
	machine.disk.part[1].fstype = machine.disk.part[2].fstype = "squashfs";
	os_sim_file("/proc/filesystems", FILESYSTEMS);
	machine_reboots_as("no_driver_for_any_slot");
	assert_absent("mount " SLOT_A_DEV);
	assert_absent("mount " SLOT_B_DEV);
	assert_true(os_now_ms() > 600000);
	after = machine_get();
	EQUAL((after.slot[0].st, STATE_GOOD), (after.slot[0].streak, 0));
	assert_int_equal(after.slot[1].tries, STATE_TRIES);
}

/* The record is right, and what it holds back is half a slot: it is not made anew for that. */
TEST(no_driver_is_no_reason_to_forget_the_state)
{
	struct state s = machine_good();

	states_set(&s, 1, STATE_WRITING, 0);
	machine_put(s);
	machine.disk.part[1].fstype = "squashfs";
	os_sim_file("/proc/filesystems", FILESYSTEMS);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_absent("rebuilt from");
	assert_absent("mount " SLOT_B_DEV);
	EQUAL((machine_get().slot[0].st, STATE_GOOD), (machine_get().slot[1].st, STATE_WRITING));
}

/* What is not known for certain is left to the mount, which is charged. */
TEST(driver_that_may_be_there_is_tried)
{
	static const struct {
		const char *fstype, *list, *conf;
		bool modprobe;
	} c[] = {
		{ "squashfs", NULL, "[system]\ncompatible=trace\n", false },
		{ "squashfs", FILESYSTEMS, "[system]\ncompatible=trace\n", true },
		{ "ext3", FILESYSTEMS, "[system]\ncompatible=trace\nroot-filesystem=ext4\n",
		  false },
		{ "ext4", "\text4", "[system]\ncompatible=trace\n", false },
	};

	for (unsigned i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		machine_restart();
		machine_put(machine_trial());
		machine.disk.part[2].fstype = c[i].fstype;
		machine.conf = c[i].conf;
		if (c[i].list != NULL)
			os_sim_file("/proc/filesystems", c[i].list);
		if (c[i].modprobe)
			os_sim_exec("/sbin/modprobe");
		machine_boots('b');
	}
}

TEST(missing_partition_costs_nothing)
{
	machine_put(machine_trial());
	machine.disk.part[2].partlabel = "other";
	machine_boots_as("partition_of_a_slot_is_missing", 'a');
	machine_told("\"reason\":\"b: no partition\"");
	assert_int_equal(machine_get().slot[1].tries, STATE_TRIES);
}

TEST(manifest_of_another_release_is_not_booted)
{
	machine_put(machine_trial());
	put_other_manifest();
	machine_boots_as("manifest_of_another_release", 'a');
	assert_absent("mount " SLOT_B_DEV);
}

TEST(failing_hook_rejects_the_slot)
{
	struct os_sim_child fails = { .argv0 = HOOK, .status = 1 << 8, .times = 1 };

	machine_put(machine_trial());
	os_sim_exec(HOOK);
	fails.say[0] = (struct os_sim_say){ 0, "no licence on this device\n", 0 };
	os_sim_child(&fails);
	machine_child((struct os_sim_child){ .argv0 = HOOK });
	os_sim_log_level(LOG_LEVEL_INFO);
	machine_boots_as("post_mount_hook_fails_next_candidate", 'a');
	assert_once("# hook 50-check: no licence on this device");
	assert_order("umount /sysroot", "mount " SLOT_A_DEV);
	assert_string_equal(machine_get().slot[1].reason, "hook 50-check: exit 1");
}

TEST(hook_that_hangs_is_killed)
{
	machine_put(machine_trial());
	machine.conf = "[hooks]\ntimeout=200\n[watchdog]\ntimeout=10\n";
	os_sim_exec(HOOK);
	machine_child((struct os_sim_child){ .argv0 = HOOK, .hangs = true, .times = 1 });
	machine_child((struct os_sim_child){ .argv0 = HOOK });
	machine_boots_as("hook_times_out", 'a'); /* the watchdog had 10 s */
	assert_order("kill " HOOK, "umount /sysroot");
	assert_order("umount /sysroot", "mount " SLOT_A_DEV);
	assert_in_range(os_now_ms(), 200000, 202000);
	assert_string_equal(machine_get().slot[1].reason, "hook 50-check: timed out");
}

TEST(root_without_init_is_left)
{
	machine_put(machine_trial());
	machine.init[1] = NULL;
	machine_boots_as("no_init_in_root", 'a');
	assert_order("umount /sysroot", "mount " SLOT_A_DEV);
	assert_string_equal(machine_get().slot[1].reason, "no /sbin/init");
}

TEST(nothing_mounts_waits_and_reboots)
{
	os_sim_fail("mount /dev/vda", 0, KB_EMOUNT);
	machine_reboots_as("nothing_mounts_backs_off_and_reboots");
	assert_absent("exec");
	/* Ten minutes in rounds that double, then the restart. */
	assert_in_range(os_now_ms(), 600000, 606000);
	assert_once("# rescue: no slot can be booted");
	assert_in_range(os_sim_count("# rescue: waiting for a USB stick or an SD card"), 20, 28);
	EQUAL((machine_get().slot[0].streak, 1), (machine_get().slot[1].streak, 1));
}

/* Whatever is wrong, the device does not stop trying, and not in a tight loop either. */
TEST(nothing_ever_mounts_never_ends_and_never_hurries)
{
	uint64_t before = 0;

	for (int i = 0; i < 24; i++) {
		os_sim_fail("mount /dev/vda", 0, KB_EMOUNT);
		assert_int_equal(machine_boot(), OS_SIM_REBOOT);
		assert_true(os_now_ms() >= 600000);
		assert_true(os_now_ms() >= before);
		before = os_now_ms();
		machine_restart();
	}
	assert_in_range(before, 1200000, 3 * 600000 + 31000);
	/* It mounts again: it boots, if only as a last resort. */
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	machine_told("\"tier\":\"last-resort\"");
}

TEST(last_resort_takes_turns_and_its_delays_grow)
{
	static const char *const delay[] = { "5", "10", "20", "40", "80", "160", "320", "600" };
	struct state s = machine_good();
	char slot = 0;

	s.slot[0].st = s.slot[1].st = STATE_BAD;
	machine_put(s);
	for (unsigned i = 0; i < sizeof(delay) / sizeof(delay[0]); i++) {
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
		if (i == 1)
			trace_expect("last_resort_delays_grow");
		assert_non_null(strstr(os_sim_trace(), strf("in %s s\n", delay[i])));
		assert_once("# rescue: no slot can be trusted");
		machine_line("write " STATE_DEV);
		assert_int_not_equal(os_sim_text("/run/keelboot/slot")[0], slot);
		slot = os_sim_text("/run/keelboot/slot")[0];
		assert_in_range(os_now_ms(), 1000u * (unsigned)atoi(delay[i]),
				1000u * (unsigned)atoi(delay[i]) + 600);
		machine_restart();
	}
}

TEST(init_that_does_not_start_reboots_and_costs_trust)
{
	for (int i = 1; i <= STATE_STREAK_LIMIT; i++) {
		os_sim_fail("exec /sbin/init", 0, KB_EEXEC);
		assert_int_equal(machine_boot(), OS_SIM_REBOOT);
		if (i == 1)
			trace_expect("exec_of_init_fails_reboots");
		assert_int_equal(machine_get().slot[0].streak, i);
		machine_restart();
	}
	machine_boots('b');
}

TEST(root_that_cannot_be_entered_reboots)
{
	os_sim_fail("switch_root", 0, KB_EMOUNT);
	machine_reboots_as("switch_root_fails_reboots");
	assert_absent("exec");
	assert_int_equal(machine_get().slot[0].streak, 1);
}

TEST(early_mount_that_fails_reboots)
{
	static const char *const mounts[] = { "mount proc", "mount sysfs", "mount devtmpfs" };

	for (unsigned i = 0; i < 3; i++) {
		machine_anew();
		machine_put(machine_good());
		os_sim_fail(mounts[i], 0, KB_EPERM);
		assert_int_equal(machine_boot(), OS_SIM_REBOOT);
		assert_in_range(os_now_ms(), 5000, 30000);
	}
	trace_expect("early_mount_fails_reboots");
}

/* A kernel without devtmpfs says that there is no such device; for no disk was waited yet. */
TEST(kernel_without_devtmpfs_is_not_restarted_at_once)
{
	os_sim_fail("mount devtmpfs", 0, KB_ENODEV);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_in_range(os_now_ms(), 30000, 30999);
	assert_once("# unable to mount /dev: no such device");
}

/* What it has to say gets lost; the device does not. */
TEST(boot_without_run_still_boots)
{
	os_sim_fail("mount tmpfs", 0, KB_EIO);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("mount " SLOT_A_DEV);
}

TEST(what_is_mounted_already_is_no_failure)
{
	static const char *const mounts[] = { "mount proc", "mount sysfs", "mount devtmpfs",
					      "mount tmpfs" };

	for (unsigned i = 0; i < 4; i++)
		os_sim_fail(mounts[i], 0, KB_EBUSY);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("mount " SLOT_A_DEV);
}

TEST(manifest_of_another_release_boots_when_nothing_else_does)
{
	struct state s = machine_trial();

	s.slot[0].st = STATE_EMPTY;
	s.slot[1].st = STATE_BAD;
	s.slot[1].tries = 0;
	machine_put(s);
	put_other_manifest();
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("mount " SLOT_B_DEV);
}

TEST(kernel_that_refuses_to_reboot_gets_the_end_of_process_1)
{
	machine.no_disk = true;
	machine.conf = "[system]\ntimeout=2\n";
	os_sim_fail("reboot", 0, KB_EPERM);
	/* boot_recover() returned, so main() does: the kernel panics, and panic= restarts it. */
	assert_int_equal(machine_boot(), OS_SIM_RUNS);
	trace_expect("kernel_refuses_to_reboot");
	assert_once("write /proc/sys/kernel/panic 10");
}

TEST_MAIN("trace of the slots", .set_up = machine_set_up, .tear_down = machine_tear_down)
