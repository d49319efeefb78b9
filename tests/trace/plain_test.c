/* SPDX-License-Identifier: Apache-2.0 */
/* keelboot.enable=0: root= as it stands. */
#include "tests/trace/machine.h"

TEST(plain_root_is_mounted_and_nothing_counted)
{
	machine_put(machine_trial());
	machine.cmdline = "keelboot.enable=0 root=PARTLABEL=root-a quiet\n";
	machine.state.writes = 0;
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	trace_expect("plain_root");
	assert_once("mount " SLOT_A_DEV " /sysroot ext4 ro");
	assert_absent("spawn keelboot-apply");
	assert_order("close watchdog", "switch_root");
	assert_int_equal(machine.state.writes, 0);
}

TEST(plain_root_is_writable_only_if_asked)
{
	machine.cmdline = "keelboot.enable=0 root=" SLOT_B_DEV " ro rw\n";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_absent("mount " SLOT_B_DEV " /sysroot ext4 ro");
	assert_once("mount " SLOT_B_DEV " /sysroot ext4");
}

/* A stick with a copy of the device's partitions is no device, here as everywhere. */
TEST(plain_root_is_never_on_a_stick)
{
	struct os_sim_disk stick = machine_stick();

	os_sim_disk(&stick);
	machine.cmdline = "keelboot.enable=0 root=/dev/sda keelboot.timeout=3\n";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_absent("mount /dev/sda");
	assert_once("# keelboot.enable=0: root=/dev/sda was only on USB for 3 s; "
		    "[system] usb-disk=yes");
}

/* Threat 27: nor from a card, as long as the device may still have it. */
TEST(plain_root_is_never_on_a_card)
{
	struct os_sim_disk card = machine.disk;

	card.name = "vdb";
	card.path = "/devices/pci0000:00/0000:00:01.0/virtio0/block/vdb";
	card.removable = true;
	os_sim_disk(&card);
	machine.disk.at_ms = 3000;
	machine.cmdline = "keelboot.enable=0 root=PARTLABEL=root-a\n";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("mount " SLOT_A_DEV " /sysroot ext4 ro");
	assert_absent("mount /dev/vdb");
}

TEST(plain_root_on_a_card_is_taken_where_nothing_else_has_it)
{
	machine.disk.removable = true;
	machine.cmdline = "keelboot.enable=0 root=PARTLABEL=root-a\n";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("mount " SLOT_A_DEV " /sysroot ext4 ro");
	assert_in_range(os_now_ms(), 5000, 5200);
}

/* The same partitions once more, on a fixed disk at this path. */
static void add_twin(const char *path, unsigned prober_ms)
{
	struct os_sim_disk twin = machine.disk;

	twin.name = "vdb";
	twin.path = path;
	twin.prober_ms = prober_ms;
	os_sim_disk(&twin);
	os_sim_fs_file("/dev/vdb2", "/sbin/init", NULL);
}

TEST(plain_root_is_on_the_disk_that_disk_names)
{
	add_twin("/devices/pci0000:00/0000:00:09.0/virtio9/block/vdb", 0);
	machine.conf = "[system]\ndisk=*/virtio9/*\n";
	machine.cmdline = "keelboot.enable=0 root=PARTLABEL=root-a\n";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("mount /dev/vdb2 /sysroot ext4 ro");
}

TEST(plain_root_that_is_only_where_disk_does_not_allow_it_is_told)
{
	machine.conf = "[system]\ndisk=*/virtio9/*\n";
	machine.cmdline = "keelboot.enable=0 root=PARTLABEL=root-a keelboot.timeout=3\n";
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_absent("mount " SLOT_A_DEV);
	assert_once("# keelboot.enable=0: root=PARTLABEL=root-a was only where [system] disk= "
		    "does not allow it for 3 s");
}

/* Also if its prober is the slower one. */
TEST(plain_root_is_on_the_first_by_path_of_two_disks)
{
	add_twin("/devices/pci0000:00/0000:00:01.0/virtio0/block/vdb", 700);
	machine.cmdline = "keelboot.enable=0 root=PARTLABEL=root-a\n";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("mount /dev/vdb2 /sysroot ext4 ro");
	assert_in_range(os_now_ms(), 700, 1000);
}

TEST(plain_root_on_usb_is_taken_if_allowed)
{
	struct os_sim_disk stick = machine_stick();

	os_sim_disk(&stick);
	os_sim_fs_file("/dev/sda", "/sbin/init", NULL);
	machine.conf = "[system]\nusb-disk=yes\n";
	machine.cmdline = "keelboot.enable=0 root=/dev/sda\n";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("mount /dev/sda /sysroot vfat ro");
}

TEST(plain_root_that_never_comes_gives_way_to_a_slot)
{
	machine.cmdline = "keelboot.enable=0 root=PARTLABEL=gone keelboot.timeout=3\n";
	machine_boots_as("plain_root_never_comes", 'a');
	assert_in_range(os_now_ms(), 3000, 10000);
}

TEST(plain_boot_without_root_says_so)
{
	machine.cmdline = "keelboot.enable=0\n";
	machine_boots_as("plain_root_not_named", 'a');
	assert_once("# keelboot.enable=0 needs root=");
}

/* How a boot came to it is left out, what it decided and what is wrong is not. */
TEST(quiet_log_tells_what_is_wrong_only)
{
	os_sim_log_level(LOG_LEVEL_DEBUG);
	machine.cmdline = "keelboot.enable=0 keelboot.log=quiet\n";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_absent("# Keelboot ");
	assert_once("# keelboot.enable=0 needs root=");
}

TEST(log_of_a_boot_begins_with_the_version)
{
	os_sim_log_level(LOG_LEVEL_INFO);
	machine.cmdline = "keelboot.enable=0 keelboot.log=info\n";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("# Keelboot ");
}

TEST_MAIN("trace of a plain boot", .set_up = machine_set_up, .tear_down = machine_tear_down)
