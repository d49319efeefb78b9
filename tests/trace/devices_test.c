/* SPDX-License-Identifier: Apache-2.0 */
/* Boots whose disks are late, gone, odd, or somebody else's. */
#include "initramfs/disks/probe_id.h"
#include "tests/trace/machine.h"
#include "tests/unit/plug_in.h"
#include "tests/unit/stuck_sticks.h"
#include "update/wire/kexec_end.h"

#define PROBER "keelboot-prober"

static void labels_of_the_device(struct os_sim_disk *d)
{
	d->nparts = machine.disk.nparts;
	memcpy(d->part, machine.disk.part, sizeof(d->part));
	d->size = machine.disk.size;
}

TEST(late_disk_is_waited_for)
{
	machine.disk.at_ms = 12000;
	machine.conf = "[watchdog]\ntimeout=5\n";
	machine_boots_as("late_disk", 'a');
	assert_in_range(os_now_ms(), 12000, 12500);
	assert_int_equal(machine.state.own.ops, 0);
}

/* A Debian with an encrypted LVM, as its installer makes it. */
TEST(disk_with_a_container_in_place_of_slots_is_told_so)
{
	machine.disk.nparts = 2;
	machine.disk.part[0].partlabel = NULL;
	machine.disk.part[1].partlabel = NULL;
	machine.disk.part[1].fstype = "crypto_LUKS";
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_int_equal(
		os_sim_count("# devices: /dev/vda2 holds crypto_LUKS, which is not opened"), 2);
}

TEST(disk_that_is_a_container_as_a_whole_is_told_so)
{
	static const char *const types[] = { "crypto_LUKS", "LVM2_member", "linux_raid_member" };
	char text[96];

	for (unsigned i = 0; i < KB_ARRAY_LEN(types); i++) {
		machine_anew();
		machine.disk.nparts = 0;
		machine.disk.fstype = types[i];
		assert_int_equal(machine_boot(), OS_SIM_REBOOT);
		snprintf(text, sizeof(text), "# devices: /dev/vda holds %s, which is not",
			 types[i]);
		assert_int_equal(os_sim_count(text), 2);
	}
}

/* multipathd of a distribution has it; a slot on one path would be written behind the map's back.
 */
TEST(path_of_a_multipath_map_is_named)
{
	machine.disk.nparts = 2;
	machine.disk.part[0].partlabel = machine.disk.part[1].partlabel = NULL;
	os_sim_file("/sys/class/block/vda/holders/dm-0/dev", "254:0\n");
	os_sim_file("/sys/class/block/dm-0/dm/uuid", "mpath-0QEMU_QEMU_HARDDISK_disk\n");
	os_sim_file("/sys/class/block/vda/holders/dm-1/dev", "254:1\n");
	os_sim_file("/sys/class/block/dm-1/dm/uuid", "LVM-x\n");
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_int_equal(
		os_sim_count(
			"# devices: /dev/vda is a path of the multipath map dm-0 (mpath_member), which is not opened"),
		2);
	assert_absent("map dm-1");
}

TEST(disk_that_never_comes_ends_in_a_restart)
{
	machine.no_disk = true;
	machine_reboots_as("no_disk_restarts");
	assert_in_range(os_now_ms(), 60000, 61500);
	assert_absent("exec");
}

/* A clock that no module drives: the disk's controller waits for it, and so do many others. */
TEST(devices_that_wait_for_a_supplier_are_named)
{
	char text[1024] = "fe2c0000.mmc\tplatform: supplier fdd20000.clk not ready\nfe310000.mmc\n";

	for (unsigned i = 0; i < 10; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "fe8a0%u00.usb2phy\tcut \x1b[2J off\n", i);
	machine.no_disk = true;
	os_sim_file("/sys/kernel/debug/devices_deferred", text);
	machine_reboots_as("devices_wait_for_a_supplier");
	assert_int_equal(os_sim_count("# devices: the driver of fe"), 8);
	assert_once("# devices: and at least 4 more");
}

/* The system's own may be the one whose host waits; what sound waits for comes behind it. */
TEST(host_that_waits_is_named_beside_another_disk)
{
	char text[1024] = "";

	for (unsigned i = 0; i < 9; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "ff%u0000.i2s\n", i);
	strcat(text, "fe2c0000.mmc\tplatform: supplier fdd20000.clk not ready\n");
	machine.disk.nparts = 0;
	os_sim_file("/sys/kernel/debug/devices_deferred", text);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_once("# devices: the driver of fe2c0000.mmc waits for another device: platform");
	assert_int_equal(os_sim_count("# devices: the driver of ff"), 7);
	assert_once("# devices: and at least 2 more");
}

/* The kernel has no debugfs, or Secure Boot keeps it closed: nothing is known, and nothing said. */
TEST(without_debugfs_no_device_is_said_to_wait)
{
	machine.no_disk = true;
	os_sim_file("/sys/kernel/debug/devices_deferred", "fe2c0000.mmc\n");
	os_sim_fail("mount debugfs", 0, KB_EMOUNT);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_absent("waits for another device");
}

TEST(damaged_partition_table_is_named)
{
	machine.disk.nparts = 0;
	machine.disk.gpt_backup = true;
	machine_reboots_as("damaged_partition_table");
}

/* With `gpt` on the command line it boots, and says that there is only one table left. */
TEST(copy_of_the_partition_table_is_told_of)
{
	machine.disk.gpt_backup = true;
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	machine_told("the partition table of /dev/vda is damaged");
	assert_once("# devices: the partition table of /dev/vda is damaged");
}

/* One warning does not wipe the other. */
TEST(damaged_table_of_a_copied_disk_is_told_with_both)
{
	machine.disk.gpt_backup = true;
	machine.disk.part[0].pin = "wwid-eui.9";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	machine_told("\"the partition table of /dev/vda is damaged");
	machine_told("\"the state on /dev/vda belongs to disk wwid-eui.9, which is missing");
	assert_once("# devices: the partition table of /dev/vda is damaged");
	assert_once("# devices: the state on /dev/vda belongs to disk wwid-eui.9");
}

TEST(disk_that_comes_after_its_time_is_taken_nevertheless)
{
	machine.disk.at_ms = 40000;
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_in_range(os_now_ms(), 40000, 40500);
	assert_once("mount " SLOT_A_DEV);
}

/* mdadm starts one that lacks a disk after 30 s: as long as we wait for anything else. */
TEST(array_that_nobody_has_started_yet_is_waited_for_longer)
{
	static const char *const types[] = { "ext4", "linux_raid_member" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(types); i++) {
		machine_anew();
		machine.conf = "[system]\ncompatible=trace\n[slot.a]\nroot=/dev/md/root-a\n"
			       "[slot.b]\nroot=PARTLABEL=root-b\n";
		machine.disk.part[1].fstype = types[i];
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
		assert_in_range(os_now_ms(), 30000 + 20000 * i, 30500 + 20000 * i);
	}
}

static void state_goes(void *ctx)
{
	machine.state.own.off = true;
}

/* vda is pulled out after 2 s. */
static void lose_disk(void)
{
	machine_lay_out();
	machine.no_disk = machine.no_state_bdev = machine.no_watchdog = true;
	machine.init[0] = machine.init[1] = NULL;
	os_sim_disk_gone("vda", 2000);
	os_sim_at(2000, state_goes, NULL);
}

/* While an update is applied. */
static void pull_out(struct state s)
{
	s.staged.source = STATE_SRC_DATA;
	machine_put(s);
	machine_child((struct os_sim_child){
		.argv0 = "keelboot-apply", .duration_ms = 5000, .status = 512 });
	lose_disk();
}

TEST(disk_that_vanishes_ends_in_a_restart)
{
	pull_out(machine_good());
	machine_reboots_as("disk_vanishes");
	assert_absent("exec");
	assert_once("reboot");
}

static void state_comes(void *ctx)
{
	machine.state.own.off = false;
}

/* And it comes back after 20 s as vdb. */
static void plug(const char *path, bool card)
{
	struct os_sim_disk back = machine.disk;

	back.name = "vdb";
	back.path = path;
	back.removable = card;
	back.at_ms = 20000;
	os_sim_disk(&back);
	os_sim_at(20000, state_comes, NULL);
	os_sim_bdev("/dev/vdb1", &machine.state.bdev);
	os_sim_fs_file("/dev/vdb2", "/sbin/init", NULL);
	os_sim_fs_file("/dev/vdb3", "/sbin/init", NULL);
}

static void pull_out_and_plug(struct state s, const char *path, bool card)
{
	pull_out(s);
	plug(path, card);
}

static void pull_out_and_plug_in(struct state s, const char *path)
{
	pull_out_and_plug(s, path, false);
}

#define VDB_PATH "/devices/pci0000:00/0000:00:04.0/virtio1/block/vdb"

/* What failed when the disk went is kept again when it is back, whatever it is worth. */
TEST(what_failed_with_the_disk_is_looked_at_anew)
{
	struct state s = machine_good();

	s.slot[0].st = STATE_TRIAL;
	s.slot[0].tries = STATE_TRIES;
	pull_out_and_plug_in(s, VDB_PATH);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("spawn keelboot-apply --state /dev/vdb1 --slot a:root=/dev/vdb2 "
		    "--slot b:root=/dev/vdb3 --mountable 3 --source data:/dev/vdb4");
}

TEST(disk_that_comes_back_boots_without_a_restart)
{
	struct state s = machine_good();

	pull_out_and_plug_in(s, VDB_PATH);
	machine_boots_as("disk_comes_back", 'a');
	assert_once("mount /dev/vdb2");
	assert_absent("reboot");
	assert_in_range(os_now_ms(), 20000, 27000);
	/* As after a restart, what it went in is tried once more. */
	assert_int_equal(os_sim_count("spawn keelboot-apply"), 2);
	s = machine_get();
	EQUAL((s.apply[STATE_SRC_DATA].open, false), (s.slot[0].st, STATE_GOOD));
	assert_int_equal(s.slot[1].st, STATE_GOOD);
}

/* Its store is written once. */
TEST(loader_is_answered_once_though_the_disk_comes_back)
{
	for (unsigned i = 0; i < 2; i++) {
		machine_anew();
		machine.conf = "[system]\ncompatible=trace\n"
			       "[slot.a]\nroot=PARTLABEL=root-a\nboot=PARTLABEL=boot-a\n"
			       "[slot.b]\nroot=PARTLABEL=root-b\nboot=PARTLABEL=boot-b\n"
			       "[loader]\nkind=grub\nenvironment=PARTLABEL=grubenv\n";
		machine.cmdline =
			i == 0 ? "keelboot.pair=a,counted\n" : "keelboot.pair=a,instead\n";
		machine_child_says("keelboot-loader", NULL,
				   i == 0 ? "default=- once=-\n" : "default=a once=-\n", 0);
		pull_out_and_plug_in(machine_good(), VDB_PATH);
		machine_boots('a');
		assert_once("# rescue: the disk is back");
		machine_told(i == 0 ? "or never written. From now on it starts that of slot a"
				    : "did not come up: it started that of slot a instead");
		assert_once(i == 0 ? "spawn keelboot-loader grub  came-up"
				   : "spawn keelboot-loader grub  default a");
	}
}

#define LOAD_LIMIT "/proc/sys/kernel/kexec_load_limit_reboot"

static void uses_up_the_load(void *ctx, const char *const *argv)
{
	(void)ctx, (void)argv;
	os_sim_file(LOAD_LIMIT, "0\n");
}

/* A reset has a fresh one: stage and install must not refuse, nor this rescue its media. */
TEST(load_that_went_with_the_disk_leaves_a_first_kernel_that_starts_others)
{
	machine.conf = "[system]\ncompatible=trace\n[loader]\nkind=kexec\n";
	machine_put(machine_good());
	machine_child((struct os_sim_child){ .argv0 = "keelboot-kexec",
					     .arg = "a",
					     .duration_ms = 5000,
					     .status = KEXEC_OF_SLOT << 8,
					     .run = uses_up_the_load });
	lose_disk();
	plug(VDB_PATH, false);
	os_sim_file(LOAD_LIMIT, "1\n");
	machine_boots('a');
	assert_once("# rescue: no slot can be booted");
	assert_once("# rescue: the disk is back");
	assert_once("spawn keelboot-kexec");
	assert_absent("# boot loader: this kernel cannot start that of a slot");
	assert_non_null(strstr(os_sim_text("/run/keelboot/devices"), "loader kexec \npair -\n"));
}

/* Nor do slots of a card reader that hang keep it from being seen. */
TEST(disk_that_comes_back_is_seen_beside_media_that_hang)
{
	struct os_sim_disk hangs = machine_stick();

	pull_out_and_plug_in(machine_good(), VDB_PATH);
	hangs.at_ms = 8000;
	stuck_sticks(hangs, 8, 0);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("mount /dev/vdb2");
	assert_in_range(os_now_ms(), 20000, 75000);
}

/* What the reset was is not settled a second time: the trial loses the try that its boot costs. */
TEST(disk_that_comes_back_costs_a_trial_no_more_than_its_boot)
{
	struct state s = machine_trial_ended(2);

	pull_out_and_plug_in(s, VDB_PATH);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("mount /dev/vdb3");
	s = machine_get();
	EQUAL((s.slot[1].tries, 1), (s.open, 1));
}

/* Nor does what takes the disk away each time do so forever: it is counted as if it had taken the
 * device down. */
TEST(update_in_which_the_disk_goes_is_counted)
{
	struct state s = machine_good();

	s.apply[STATE_SRC_DATA].count = STATE_APPLY_LIMIT - 1;
	pull_out_and_plug_in(s, VDB_PATH);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("spawn keelboot-apply");
	assert_once("# update: source data is skipped: its updates crashed the device 3 times");
}

/* But of a state that this boot could not read, or not write, the reset is settled when it is back.
 */
TEST(disk_that_comes_back_unread_is_settled_then)
{
	pull_out_and_plug_in(machine_trial_ended(0), VDB_PATH);
	machine.state.own.off = true;
	os_sim_fail("mount /dev/vda", 0, KB_EMOUNT);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("# slot b is rejected: reset before it was marked good");
	assert_once("mount /dev/vdb2");
	assert_int_equal(machine_get().slot[1].st, STATE_BAD);
}

#define OTHER_PORT "/devices/pci0000:00/0000:00:09.0/virtio1/block/vdb"

TEST(disk_that_comes_back_in_another_port_is_the_device)
{
	pull_out_and_plug_in(machine_good(), OTHER_PORT);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("mount /dev/vdb2");
}

/* Its state names the disk that went: a restart waits for that one first. */
TEST(copy_is_not_mistaken_for_the_disk_that_went)
{
	static char id[STATE_STR_MAX + 1];

	probe_id_path(id, VDA_PATH);
	machine.disk.part[0].pin = id;
	pull_out_and_plug_in(machine_good(), OTHER_PORT);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_absent("mount /dev/vdb");
	assert_absent("open /dev/vdb");
}

/* Threat 27: nor is a card, whatever its state says. */
TEST(card_is_not_mistaken_for_the_disk_that_went)
{
	pull_out_and_plug(machine_good(), OTHER_PORT, true);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_absent("mount /dev/vdb");
	assert_absent("open /dev/vdb");
}

TEST(stick_with_the_same_labels_is_not_the_device)
{
	struct os_sim_disk stick = machine_stick();

	labels_of_the_device(&stick);
	machine_plug(stick);
	machine_child((struct os_sim_child){ .argv0 = "keelboot-apply", .status = 512 });
	machine.disk.at_ms = 3000;
	machine_boots_as("stick_with_same_labels_is_not_the_device", 'a');
	assert_absent("mount /dev/sda");
	assert_absent("open /dev/sda");
	assert_once("mount " SLOT_A_DEV);
}

TEST(stick_alone_is_not_the_device_either)
{
	struct os_sim_disk stick = machine_stick();

	labels_of_the_device(&stick);
	os_sim_disk(&stick);
	machine.no_disk = true;
	machine_reboots_as("stick_alone_is_not_the_device");
	assert_absent("mount /dev/sda");
}

TEST(crashing_prober_costs_no_boot)
{
	machine.disk.no_answer = true;
	machine_child((struct os_sim_child){ .argv0 = PROBER, .status = SIGSEGV });
	machine_boots_as("prober_crashes", 'a');
	EQUAL((os_sim_count("spawn " PROBER), 2), (machine.state.own.ops, 0));
}

TEST(hanging_prober_costs_time_but_no_boot)
{
	machine.disk.no_answer = true;
	machine.conf = "[watchdog]\ntimeout=4\n";
	machine_child((struct os_sim_child){ .argv0 = PROBER, .hangs = true, .stuck = true });
	machine_boots_as("prober_hangs", 'a');
	assert_in_range(os_now_ms(), 20000, 21000);
}

/* Eight LUNs of a stranger's, whose probers the kernel holds forever, before the disk is there. */
TEST(media_whose_probers_hang_cost_no_boot)
{
	machine.disk.at_ms = 1500;
	stuck_sticks((struct os_sim_disk){ .size = 64 * MIB }, 8, 0);
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	machine_boots('a');
	assert_int_equal(machine.state.own.ops, 0);
	assert_in_range(os_now_ms(), 1500, 15000);
}

TEST(missing_prober_costs_no_boot)
{
	machine_put(machine_trial());
	machine.disk.no_answer = true;
	machine_boots_as("prober_cannot_be_started", 'b');
}

TEST(slow_prober_after_a_late_disk_still_boots)
{
	machine.disk.at_ms = 25000;
	machine.disk.no_answer = true;
	machine_child((struct os_sim_child){ .argv0 = PROBER, .hangs = true });
	machine_boots_as("prober_hangs_on_a_late_disk", 'a');
}

TEST(late_stick_is_waited_for_while_it_settles)
{
	struct os_sim_disk stick = machine_stick();

	os_sim_file("/sys/bus/usb/drivers/usb-storage/bind", "");
	os_sim_file("/sys/bus/usb/drivers/usb-storage/1-1:1.0/bInterfaceClass", "08\n");
	stick.at_ms = 2500;
	machine_plug(stick);
	machine_child((struct os_sim_child){ .argv0 = "keelboot-apply", .status = 512 });
	machine_boots_as("late_stick_is_seen", 'a');
	assert_once("spawn keelboot-apply");
	assert_in_range(os_now_ms(), 2500, 3000);
}

/* Four slots, all empty, are four disks of one interface; the stick beside them spins up. */
TEST(late_stick_beside_a_card_reader_is_waited_for)
{
	struct os_sim_disk stick = machine_stick();

	for (char c = 'c'; c < 'g'; c++) {
		char path[64];

		snprintf(path, sizeof(path), "/sys/block/sd%c/size", c);
		os_sim_file(path, "0\n");
		snprintf(path, sizeof(path), "/sys/block/sd%c", c);
		os_sim_link(path, "../devices/pci0000:00/0000:00:05.0/usb1/1-2/1-2:1.0/host1/"
				  "target1:0:0/1:0:0:0/block/sdc");
	}
	os_sim_file("/sys/bus/usb/drivers/usb-storage/1-2:1.0/bInterfaceClass", "08\n");
	os_sim_file("/sys/bus/usb/drivers/usb-storage/1-1:1.0/bInterfaceClass", "08\n");
	stick.at_ms = 2500;
	machine_plug(stick);
	machine_child((struct os_sim_child){ .argv0 = "keelboot-apply", .status = 512 });
	machine_boots('a');
	assert_once("spawn keelboot-apply");
	assert_in_range(os_now_ms(), 2500, 3000);
}

#define CLONE_PATH "/devices/pci0000:00/0000:00:03.0/virtio0/block/vdb"

/* Every byte of the device on another disk, in a port before it. */
static struct os_sim_disk clone_of_the_device(void)
{
	struct os_sim_disk clone = machine.disk;

	clone.name = "vdb";
	clone.path = CLONE_PATH;
	clone.wwid = NULL;
	return clone;
}

static void bind_the_device(void)
{
	machine.disk.wwid = "eui.0025385c2140105d\n";
	machine.disk.part[0].pin = "wwid-eui.0025385c2140105d";
}

TEST(copy_on_a_second_disk_is_left_alone)
{
	struct os_sim_disk clone;

	bind_the_device();
	machine.disk.prober_ms = 200;
	clone = clone_of_the_device();
	os_sim_disk(&clone);
	machine_boots_as("copy_on_second_disk", 'a');
	assert_once("mount " SLOT_A_DEV);
	machine_told("\"ambiguous\":false");
}

TEST(copy_on_a_stick_is_left_alone_where_usb_disks_are_allowed)
{
	struct os_sim_disk stick = machine_stick();

	bind_the_device();
	machine.conf = "[system]\ncompatible=trace\nusb-disk=yes\n[source.media]\nenabled=no\n";
	labels_of_the_device(&stick);
	os_sim_disk(&stick);
	machine_boots_as("copy_on_stick_usb_disk", 'a');
	assert_once("mount " SLOT_A_DEV);
	assert_absent("mount /dev/sda");
}

TEST(two_equal_disks_boot_and_refuse_every_install)
{
	struct os_sim_disk clone = clone_of_the_device(), stick = machine_stick();
	struct state s = machine_good();

	clone.path = "/devices/pci0000:00/0000:00:09.0/virtio2/block/vdb";
	s.staged.source = STATE_SRC_DATA;
	machine_put(s);
	os_sim_disk(&clone);
	machine_plug(stick);
	machine_child((struct os_sim_child){ .argv0 = "keelboot-apply", .status = 0 });
	machine_boots_as("two_equal_disks", 'a');
	assert_absent("spawn keelboot-apply");
	assert_int_equal(machine.state.own.ops, 0);
	assert_once("mount " SLOT_A_DEV);
	machine_told("\"ambiguous\":true");
}

TEST(disk_says_which_of_two_equal_ones)
{
	struct os_sim_disk clone = clone_of_the_device();

	machine.conf = "[system]\ndisk=*/0000:00:04.0/*\n";
	os_sim_disk(&clone);
	machine_boots_as("disk_says_which", 'a');
	machine_told("\"ambiguous\":false");
}

TEST(copy_alone_boots_when_its_original_has_not_come)
{
	machine.disk.part[0].pin = "cid-150100424a545434520e1d2b7f9ac800";
	machine_boots_as("copy_alone", 'a');
	assert_in_range(os_now_ms(), 30000, 30500);
	machine_told("belongs to disk cid-150100424a545434520e1d2b7f9ac800");
}

TEST(disk_that_comes_after_20_s_costs_no_try)
{
	struct state s = machine_trial();

	machine_put(s);
	machine.disk.at_ms = 22000;
	machine.conf = "[system]\ntimeout=40\n[watchdog]\ntimeout=5\n";
	machine_boots_as("disk_after_20_s", 'b');
	assert_in_range(os_now_ms(), 22000, 22500);
	assert_int_equal(machine_get().slot[1].tries,
			 s.slot[1].tries - 1); /* its own boot, no more */
}

TEST(device_on_a_usb_disk_boots_where_it_is_allowed)
{
	struct os_sim_disk usb = machine_stick();

	machine_put(machine_good());
	labels_of_the_device(&usb);
	usb.removable = false;
	usb.at_ms = 2000;
	os_sim_bdev("/dev/sda1", &machine.state.bdev);
	os_sim_fs_file("/dev/sda2", "/sbin/init", NULL);
	os_sim_disk(&usb);
	machine.no_disk = machine.no_state_bdev = true;
	machine.conf = "[system]\nusb-disk=yes\n";
	machine_boots_as("device_on_usb_disk", 'a');
	assert_once("mount /dev/sda2");
}

TEST(device_is_found_among_more_disks_than_the_table_holds)
{
	plug_in_many((struct os_sim_disk){ .size = 64 * MIB, .fstype = "ext4" }, "/devices/pci0",
		     20);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("mount " SLOT_A_DEV);
	assert_true(os_now_ms() < 2000);
}

static unsigned reads, read_that_fails;

static enum kb_err fail_one_read(const char *call)
{
	if (strcmp(call, "read_file") != 0 && strcmp(call, "list") != 0 &&
	    strcmp(call, "readlink") != 0)
		return KB_OK;
	return ++reads == read_that_fails ? KB_EIO : KB_OK;
}

/* Each file, link and folder that this boot reads fails once, in a boot of its own. */
TEST(one_failed_read_hides_no_slot)
{
	unsigned all;

	os_sim_on_call(fail_one_read);
	for (read_that_fails = 0, all = 0; read_that_fails <= all; read_that_fails++) {
		cut_disk_free(&machine.state);
		machine_set_up();
		machine_put(machine_good());
		reads = 0;
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
		all = read_that_fails == 0 ? reads : all;
		if (strcmp(os_sim_text("/run/keelboot/slot"), "a\n") != 0)
			fail_msg("read %u of %u:\n%s", read_that_fails, all, os_sim_trace());
	}
	os_sim_on_call(NULL);
	assert_true(all > 20);
}

TEST_MAIN("trace of the devices", .set_up = machine_set_up, .tear_down = machine_tear_down)
