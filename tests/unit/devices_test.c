/* SPDX-License-Identifier: Apache-2.0 */
/* Which disk is the device's, and how long it is waited for. */
#include "tests/sim/os_sim_here.h"
#include "tests/unit/plug_in.h"
#include "tests/unit/stuck_sticks.h"

#include "initramfs/disks/devices.h"
#include "initramfs/disks/devices_shared.h"
#include "initramfs/disks/sources.h"
#include "tests/unit/test.h"

static struct probe p;
static struct devices d;
static struct conf conf;
static struct devices_wait wait_for;
static unsigned idles;

static void idle(void *ctx)
{
	idles++;
}

static void bare_machine(void)
{
	os_sim_reset();
	os_sim_log_level(LOG_LEVEL_WARNING);
	os_sim_file("/sys/class/block/loop0/size", "0\n");
	os_sim_link("/sys/block/loop0", "../devices/virtual/block/loop0");
	memset(&d, 0, sizeof(d));
	conf_defaults(&conf);
	wait_for = (struct devices_wait){ .timeout_s = 10,
					  .sources = CMDLINE_SOURCE_ALL,
					  .idle = idle };
	idles = 0;
}

/* A disk with the first n of state, root-a, root-b, data. */
static struct os_sim_disk disk(const char *name, const char *path, unsigned n)
{
	return (struct os_sim_disk){
		.name = name,
		.path = path,
		.size = 256 * MIB,
		.nparts = n,
		.part = { { .partlabel = "keelboot-state", .size = 16 * MIB },
			  { .partlabel = "root-a", .size = 64 * MIB, .fstype = "ext4" },
			  { .partlabel = "root-b", .size = 32 * MIB, .fstype = "squashfs" },
			  { .partlabel = "data", .size = 64 * MIB, .fstype = "ext4" } },
	};
}

static struct os_sim_disk stick(unsigned at_ms, unsigned n)
{
	struct os_sim_disk s = disk("sda", "/devices/pci0/0000:00:01.0/usb1/1-1/block/sda", n);

	s.removable = true;
	s.at_ms = at_ms;
	return s;
}

static enum kb_err find_all(void)
{
	return devices_find(&d, &p, &conf, &wait_for);
}

static void assert_device(const char *path)
{
	OK(find_all());
	assert_string_equal(d.disk, path);
}

TEST(everything_is_found_on_the_one_disk)
{
	plug_in(disk("vda", "/devices/pci0/block/vda", 4));
	assert_device("/dev/vda");
	EQUAL((d.state, "/dev/vda1"), (d.data, "/dev/vda4"), (d.slot[0].part[0], "/dev/vda2"));
	EQUAL((d.slot[0].fstype, "ext4"), (d.slot[1].fstype, "squashfs"));
	EQUAL((d.nmedia, 0), (devices_mountable(&d, &conf), 3));
	assert_int_equal(os_now_ms(), 0);
}

TEST(of_two_partitions_with_one_name_the_first_is_used_and_that_is_said)
{
	PLUG_IN(disk("vda", "/devices/pci0/block/vda", 5), it.part[4].partlabel = "root-b",
		it.part[4].size = MIB);
	assert_device("/dev/vda");
	EQUAL((d.slot[1].part[0], "/dev/vda3"), (d.nwarnings, 1));
	assert_string_equal(d.warning[0].id, "partition-ambiguous");
	assert_int_equal(
		os_sim_count(
			"# devices: /dev/vda3 and /dev/vda5 both match PARTLABEL=root-b: /dev/vda3 is used; rename the other one"),
		1);
}

static void root_is(unsigned slot, const char *spec)
{
	snprintf(conf.slot[slot].cls[0].part, sizeof(conf_spec), "%s", spec);
}

static void is_shared(choose_mask slots, const char *text)
{
	char is[DEVICES_SHARED_LEN];

	assert_device("/dev/vda");
	assert_int_equal(devices_shared(&d, &conf, is), slots);
	assert_string_equal(is, text);
	EQUAL((d.nwarnings, 1), (d.warning[0].id, "partition-shared"));
	assert_non_null(strstr(d.warning[0].text, text));
}

TEST(slots_that_are_one_partition_by_two_names_are_named)
{
	char is[DEVICES_SHARED_LEN];

	plug_in(disk("vda", "/devices/pci0/block/vda", 4));
	assert_device("/dev/vda");
	EQUAL((devices_shared(&d, &conf, is), 0), (is[0], '\0'), (d.nwarnings, 0));
	root_is(1, "/dev/vda2");
	is_shared(3, "root of slot b and root of slot a are both /dev/vda2");
	root_is(1, "/dev/vda1");
	is_shared(2, "root of slot b and the state are both /dev/vda1");
	root_is(1, "/dev/vda4");
	is_shared(2, "root of slot b and data are both /dev/vda4");
}

/* Two files of one partition are apart; a file, and all of what it lies in, are not. */
TEST(slot_that_has_all_of_what_a_file_of_another_lies_in_is_named)
{
	char is[DEVICES_SHARED_LEN];

	plug_in(disk("vda", "/devices/pci0/block/vda", 4));
	for (unsigned i = 0; i < 2; i++) {
		conf.slot[i].nclasses = 2;
		snprintf(conf.slot[i].cls[1].name, sizeof(conf.slot[i].cls[1].name), "boot");
		snprintf(conf.slot[i].cls[1].part, sizeof(conf_spec), "/dev/vda4:/EFI/Linux/%c.efi",
			 'a' + (int)i);
	}
	assert_device("/dev/vda");
	EQUAL((devices_shared(&d, &conf, is), 0), (d.nwarnings, 0));
	snprintf(conf.slot[0].cls[1].part, sizeof(conf_spec), "/dev/vda3:/EFI/Linux/a.efi");
	is_shared(3, "root of slot b and boot of slot a are both /dev/vda3");
}

TEST(the_disk_with_more_of_the_device_wins)
{
	plug_in(disk("vda", "/devices/pci0/1/block/vda", 2));
	plug_in(disk("vdb", "/devices/pci0/2/block/vdb", 3));
	assert_device("/dev/vdb");
}

TEST(the_state_counts_more_than_all_slots)
{
	PLUG_IN(disk("vda", "/devices/pci0/1/block/vda", 3), it.part[0].partlabel = "other");
	plug_in(disk("vdb", "/devices/pci0/2/block/vdb", 1));
	assert_device("/dev/vdb");
	assert_int_equal(devices_mountable(&d, &conf), 0);
	assert_int_equal(os_sim_count("# devices: slot a: PARTLABEL=root-a not found"), 1);
}

TEST(partition_of_which_sysfs_cannot_be_read_is_missing_and_that_is_said)
{
	plug_in(disk("vda", "/devices/pci0/block/vda", 4));
	os_sim_remove("/sys/class/block/vda/vda2/size");
	assert_device("/dev/vda");
	EQUAL((devices_mountable(&d, &conf), 2), (d.slot[0].part[0], ""));
	assert_int_equal(
		os_sim_count(
			"# devices: /dev/vda: partitions that are not used, since /sys says no number or size of them: 1"),
		1);
	assert_int_equal(os_sim_count("# devices: slot a: PARTLABEL=root-a not found"), 1);
}

TEST(where_no_disk_is_found_nothing_stays_open)
{
	PLUG_IN(disk("vda", "/devices/pci0/block/vda", 0), it.prober_ms = 30000);
	FAILS(find_all(), KB_ENODEV);
	EQUAL((p.uevent_fd, -1), (probe_pending(&p), 0));
}

TEST(more_partitions_than_are_looked_at_are_told)
{
	plug_in(disk("vda", "/devices/pci0/block/vda", 4));
	for (unsigned n = 5; n <= PROBER_PARTS_MAX + 1; n++) {
		os_sim_file(strf("/sys/class/block/vda/vda%u/partition", n), strf("%u\n", n));
		os_sim_file(strf("/sys/class/block/vda/vda%u/size", n), "64\n");
	}
	assert_device("/dev/vda");
	assert_int_equal(devices_mountable(&d, &conf), 3);
	assert_int_equal(
		os_sim_count(
			"# devices: /dev/vda: partitions that are not used, since only the first 64 are: 1"),
		1);
}

TEST(of_equal_disks_the_fixed_and_then_the_first_by_path_is_taken)
{
	PLUG_IN(disk("vda", "/devices/pci0/1/block/vda", 4), it.removable = true);
	plug_in(disk("vdb", "/devices/pci0/9/block/vdb", 4));
	plug_in(disk("vdc", "/devices/pci0/3/block/vdc", 4));
	assert_device("/dev/vdc");
}

TEST(a_stick_is_the_device_only_if_disk_names_it)
{
	plug_in(stick(0, 4));
	FAILS(find_all(), KB_ENODEV);
	assert_in_range(os_now_ms(), 10000, 10200);
	probe_stop(&p);
	snprintf(conf.disk, sizeof(conf.disk), "%s", "*/usb1/*/sda");
	assert_device("/dev/sda");
	assert_int_equal(d.nmedia, 0); /* its own disk is no medium */
}

/* Eight slots, each of a partition with a long name: the list ends in order. */
TEST(more_containers_than_a_warning_holds_are_told_as_more)
{
	conf.nslots = 8;
	for (unsigned i = 0; i < conf.nslots; i++) {
		conf.slot[i].nclasses = 1;
		snprintf(conf.slot[i].cls[0].name, sizeof(conf.slot[i].cls[0].name), "root");
		snprintf(conf.slot[i].cls[0].part, sizeof(conf.slot[i].cls[0].part),
			 "/dev/mapper/system-root--%u", i);
	}
	plug_in(disk("vda", "/devices/pci0/block/vda", 4));
	OK(find_all());
	assert_string_equal(d.warning[0].id, "slot-container");
	assert_non_null(
		strstr(d.warning[0].text, "a: /dev/mapper/system-root--0 is of the device mapper"));
	assert_non_null(strstr(d.warning[0].text, ", and more; a slot is a file system on"));
	assert_null(strstr(d.warning[0].text, "more, and more"));
}

/* Two controllers, one namespace: the board's path is that of a controller. */
TEST(the_head_of_a_multipath_namespace_is_named_by_its_controller)
{
#define SUBSYS "/devices/virtual/nvme-subsystem/nvme-subsys0"
	plug_in(disk("vda", "/devices/pci0000:00/0000:00:01.0/virtio0/block/vda", 4));
	PLUG_IN(disk("nvme0n1", SUBSYS "/nvme0n1", 4), it.wwid = "eui.0025385b71b1b0a1");
	os_sim_file("/sys" SUBSYS "/nqn", "nqn.2014-08.org.nvmexpress\n");
	os_sim_link("/sys" SUBSYS "/nvme1", "../../../pci0000:00/0000:00:1d.0/nvme/nvme1");
	os_sim_link("/sys" SUBSYS "/nvme2", "../../../pci0000:00/0000:00:1e.0/nvme/nvme2");
	snprintf(conf.disk, sizeof(conf.disk), "%s", "/devices/pci0000:00/0000:00:1d.0/*");
	assert_device("/dev/nvme0n1");
	assert_true(d.firm);
	assert_string_equal(d.diskid, "wwid-eui.0025385b71b1b0a1");
	assert_string_equal(probe_disk_by_dev(&p, d.disk)->path,
			    "/devices/pci0000:00/0000:00:1d.0/nvme/nvme1/nvme0n1");
	snprintf(conf.disk, sizeof(conf.disk), "%s", "eui.0025385b71b1b0a1");
	assert_device("/dev/nvme0n1");
}

/* Without an identifier of its own, Linux makes one of the serial number and the model. */
TEST(disk_with_a_long_name_is_named_by_it_and_told_from_the_next)
{
	static const char name[] =
		"nvme.144d-53344556584e304e423031323334354a-53616d73756e67205353442039373020"
		"45564f20506c757320353030474220414243-0000000";
	char first[CONF_SPEC_MAX + 1], second[CONF_SPEC_MAX + 1];

	snprintf(first, sizeof(first), "%s1", name);
	snprintf(second, sizeof(second), "%s2", name);
	PLUG_IN(disk("nvme0n1", "/devices/pci0000:00/0000:00:1d.0/nvme/nvme0/nvme0n1", 4),
		it.wwid = first);
	PLUG_IN(disk("nvme0n2", "/devices/pci0000:00/0000:00:1d.0/nvme/nvme0/nvme0n2", 4),
		it.wwid = second);
	snprintf(conf.disk, sizeof(conf.disk), "%s", second);
	assert_device("/dev/nvme0n2");
}

/* Over a network there is no board, and a subsystem without controllers has no other path. */
TEST(the_head_of_a_namespace_without_a_board_keeps_a_path)
{
	PLUG_IN(disk("nvme0n1", SUBSYS "/nvme0n1", 4), it.wwid = "eui.1");
	snprintf(conf.disk, sizeof(conf.disk), "%s", SUBSYS "/*");
	assert_device("/dev/nvme0n1");
	os_sim_link("/sys" SUBSYS "/nvme0", "../../nvme-fabrics/ctl/nvme0");
	snprintf(conf.disk, sizeof(conf.disk), "%s", "/devices/virtual/nvme-fabrics/ctl/nvme0/*");
	assert_device("/dev/nvme0n1");
#undef SUBSYS
}

TEST(disk_pins_one_and_hides_the_others)
{
	plug_in(disk("vda", "/devices/pci0/1/block/vda", 4));
	plug_in(disk("vdb", "/devices/pci0/2/block/vdb", 4));
	snprintf(conf.disk, sizeof(conf.disk), "%s", "/devices/pci0/2/*");
	assert_device("/dev/vdb");
}

TEST(an_incomplete_disk_is_used_after_the_timeout)
{
	plug_in(disk("vda", "/devices/pci0/block/vda", 2));
	OK(find_all());
	assert_in_range(os_now_ms(), 10000, 10200);
	EQUAL((devices_mountable(&d, &conf), 1), (d.slot[1].part[0], ""));
	assert_true(idles >= 10); /* at least once a second */
}

TEST(a_late_disk_is_taken_as_soon_as_it_is_complete)
{
	PLUG_IN(disk("vda", "/devices/pci0/block/vda", 4), it.at_ms = 4000, it.prober_ms = 300);
	OK(find_all());
	assert_in_range(os_now_ms(), 4300, 4500);
}

TEST(sticks_settle_only_where_there_is_usb)
{
	plug_in(disk("vda", "/devices/pci0/block/vda", 4));
	plug_in(stick(400, 1));
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	OK(find_all());
	assert_in_range(os_now_ms(), 1000, 1200);
	EQUAL((d.nmedia, 2), (d.media[0], "/dev/sda"), (d.media[1], "/dev/sda1"));
}

/* timeout= is over after 2 s, settle= after 5; the disk has so many partitions. */
static void set_up_late_media(unsigned parts)
{
	plug_in(disk("vda", "/devices/pci0/block/vda", parts));
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	wait_for.timeout_s = 2;
	conf.media_wait_ms = 5000;
}

static void assert_late_stick(void)
{
	plug_in(stick(4000, 1));
	OK(find_all());
	EQUAL((d.nmedia, 2), (d.media[0], "/dev/sda"));
	assert_in_range(os_now_ms(), 5000, 5200);
}

/* timeout= is for the disk of the device: settle= may be longer. */
TEST(sticks_settle_behind_the_time_for_the_disk)
{
	set_up_late_media(4);
	assert_late_stick();
}

static uint64_t loads_until;

static bool loads_a_driver(void *ctx)
{
	return os_now_ms() >= 1500 && os_now_ms() < loads_until;
}

/* The driver of a host of USB that comes late is one. */
TEST(sticks_settle_though_a_driver_loads_when_the_time_for_the_disk_ends)
{
	set_up_late_media(4);
	wait_for.loading = loads_a_driver;
	loads_until = 2600;
	assert_late_stick();
}

TEST(a_driver_that_hangs_holds_up_no_boot)
{
	set_up_late_media(4);
	wait_for.loading = loads_a_driver;
	loads_until = 60000;
	OK(find_all());
	assert_in_range(os_now_ms(), 10000, 10200);
	wait_for.sources = CMDLINE_SOURCE_NONE;
	probe_stop(&p);
	OK(find_all());
	assert_in_range(os_now_ms(), 12000, 12400);
}

TEST(sticks_settle_behind_the_time_for_a_disk_that_lacks_a_root)
{
	set_up_late_media(2);
	assert_late_stick();
}

TEST(no_stick_is_waited_for_without_a_disk_or_once_its_own_time_is_over)
{
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	os_sim_file("/sys/bus/usb/drivers/usb-storage/1-1:1.0/x", "");
	wait_for.timeout_s = 2;
	FAILS(find_all(), KB_ENODEV);
	assert_in_range(os_now_ms(), 2000, 2200);
	probe_stop(&p);
	plug_in(disk("vda", "/devices/pci0/block/vda", 4));
	OK(find_all());
	assert_in_range(os_now_ms(), 8000, 8400);
}

TEST(a_stick_that_the_bus_knows_is_waited_for_within_a_bound)
{
	plug_in(disk("vda", "/devices/pci0/block/vda", 4));
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	os_sim_file("/sys/bus/usb/drivers/usb-storage/1-1:1.0/x", "");
	OK(find_all());
	assert_in_range(os_now_ms(), 6000, 6200);
}

TEST(who_wants_no_media_waits_for_none)
{
	plug_in(disk("vda", "/devices/pci0/block/vda", 4));
	plug_in(stick(0, 1));
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	wait_for.sources = CMDLINE_SOURCE_NONE;
	OK(find_all());
	EQUAL((d.nmedia, 0), (os_now_ms(), 0));
}

TEST(a_slot_that_the_prober_could_not_read_is_tried_all_the_same)
{
	struct os_sim_child crash = { .argv0 = "keelboot-prober", .status = SIGSEGV };

	PLUG_IN(disk("vda", "/devices/pci0/block/vda", 4), it.no_answer = true);
	os_sim_child(&crash);
	OK(find_all());
	EQUAL((d.slot[0].part[0], "/dev/vda2"), (d.slot[0].fstype, DEVICES_FSTYPE_UNSURE));
	assert_int_equal(devices_mountable(&d, &conf), 3);
	assert_int_equal(devices_seen(&d, &conf), 0); /* no reason to doubt a record */
}

TEST(a_slot_without_a_file_system_is_not_mountable)
{
	PLUG_IN(disk("vda", "/devices/pci0/block/vda", 4), it.part[1].fstype = NULL);
	OK(find_all());
	assert_int_equal(devices_mountable(&d, &conf), 2);
	snprintf(conf.fstype, sizeof(conf.fstype), "erofs");
	EQUAL((devices_mountable(&d, &conf), 3), (devices_seen(&d, &conf), 2));
}

TEST(many_partitions_of_sticks_do_not_overflow_the_media)
{
	struct os_sim_disk s = stick(0, 8);

	plug_in(disk("vda", "/devices/pci0/block/vda", 4));
	for (unsigned k = 4; k < 8; k++)
		s.part[k].size = MIB;
	plug_in_many(s, "/devices/pci0/usb1", 4);
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	OK(find_all());
	assert_int_equal(d.nmedia, DEVICES_MEDIA_MAX);
	assert_int_equal(os_sim_count("# media: more than 16; /dev/sdb7 and further ones"), 1);
	/* Said once, and again when there were fewer in between. */
	sources_take(&d, &p, CMDLINE_SOURCE_ALL);
	assert_int_equal(os_sim_count("# media: more than 16"), 1);
	sources_take(&d, &p, CMDLINE_SOURCE_SD);
	assert_int_equal(d.nmedia, 0);
	sources_take(&d, &p, CMDLINE_SOURCE_ALL);
	assert_int_equal(os_sim_count("# media: more than 16"), 2);
}

TEST(a_refresh_that_fails_changes_nothing)
{
	plug_in(disk("vda", "/devices/pci0/block/vda", 4));
	os_sim_disk_gone("vda", 1000);
	OK(find_all());
	os_sim_advance(1000);
	devices_refresh(&d, &p, &conf, &wait_for);
	assert_string_equal(d.slot[1].part[0], "/dev/vda3");
	assert_int_equal(os_sim_count("# devices: unable to look at /dev/vda again"), 1);
}

/* The first path is the original's; the second one sorts before it. */
#define PORT_9 "/devices/pci0/9/block/vda"
#define PORT_1 "/devices/pci0/1/block/vdb"

static struct os_sim_disk with_id(const char *name, const char *path, const char *wwid,
				  const char *pin)
{
	struct os_sim_disk k = disk(name, path, 4);

	k.wwid = wwid;
	k.part[0].pin = pin;
	return k;
}

TEST(the_disk_that_its_state_is_bound_to_wins)
{
	/* and slower */
	PLUG_IN(with_id("vda", PORT_9, "eui.1\n", "wwid-eui.1"), it.prober_ms = 300);
	plug_in(with_id("vdb", PORT_1, "eui.2\n", "wwid-eui.1"));
	assert_device("/dev/vda");
	EQUAL((d.diskid, "wwid-eui.1"), (d.equal, ""), (d.nwarnings, 0));
}

/* Cheap readers have one id for each card; so have copies of a virtual disk. */
TEST(a_disk_that_is_here_is_not_gone_since_another_one_has_its_id)
{
	bool gone = false;

	PLUG_IN(with_id("vda", PORT_9, "eui.1\n", NULL), it.nparts = 0);
	plug_in(with_id("vdb", PORT_1, "eui.1\n", "wwid-eui.1"));
	assert_device("/dev/vdb");
	assert_string_equal(p.disk[0].id, p.disk[1].id);
	assert_false(devices_returned(&d, &p, &conf, &gone));
	assert_false(gone);
	os_sim_disk_gone("vdb", 1000);
	os_sim_advance(1000);
	probe_start(&p);
	assert_false(devices_returned(&d, &p, &conf, &gone));
	assert_true(gone);
}

TEST(a_disk_that_is_bound_is_taken_though_less_is_on_it)
{
	/* the other slot is lost */
	PLUG_IN(with_id("vda", PORT_9, "eui.1\n", "wwid-eui.1"), it.nparts = 2);
	plug_in(with_id("vdb", PORT_1, "eui.2\n", "wwid-eui.1"));
	assert_device("/dev/vda");
}

TEST(a_copy_waits_for_its_original)
{
	PLUG_IN(with_id("vda", PORT_9, "eui.1\n", "wwid-eui.1"), it.at_ms = 7000);
	plug_in(with_id("vdb", PORT_1, "eui.2\n", "wwid-eui.1"));
	assert_device("/dev/vda");
	assert_in_range(os_now_ms(), 7000, 7200);
}

TEST(a_copy_whose_original_does_not_come_boots_and_says_so)
{
	plug_in(with_id("vdb", PORT_1, "eui.2\n", "wwid-eui.1"));
	OK(find_all());
	assert_in_range(os_now_ms(), 10000, 10200);
	EQUAL((d.disk, "/dev/vdb"), (d.equal, ""));
	EQUAL((os_sim_count("# devices: the state on /dev/vdb belongs to disk wwid-eui.1"), 1));
}

TEST(disk_names_a_copy_at_once)
{
	plug_in(with_id("vdb", PORT_1, "eui.2\n", "wwid-eui.1"));
	snprintf(conf.disk, sizeof(conf.disk), "%s", PORT_1);
	OK(find_all());
	assert_int_equal(os_now_ms(), 0);
}

TEST(a_disk_without_state_that_another_state_names_is_the_device)
{
	/* its record is damaged: the prober saw none */
	plug_in(with_id("vda", PORT_9, "eui.1\n", NULL));
	plug_in(with_id("vdb", PORT_1, "eui.2\n", "wwid-eui.1"));
	assert_device("/dev/vda");
}

TEST(the_path_binds_where_the_hardware_has_no_name)
{
	struct os_sim_disk own = disk("vdc", "/devices/pci0/9/virtio3/block/vdc", 4);
	struct os_sim_disk clone = disk("vdb", PORT_1, 4);

	os_sim_disk(&own);
	OK(find_all());
	own.part[0].pin = clone.part[0].pin = d.diskid;
	own.name = "vda"; /* another order of discovery */
	own.path = "/devices/pci0/9/virtio1/block/vda";
	os_sim_reset();
	os_sim_disk(&own);
	os_sim_disk(&clone);
	assert_device("/dev/vda");
}

TEST(two_equal_disks_are_told_of)
{
	plug_in(disk("vda", PORT_9, 4));
	PLUG_IN(disk("vdb", PORT_1, 4), it.prober_ms = 400);
	assert_device("/dev/vdb");
	EQUAL((d.equal, "/dev/vda"));
	EQUAL((os_sim_count("# devices: /dev/vdb and /dev/vda could both be this device's disk"),
	       1));
	assert_in_range(os_now_ms(), 400, 600);
}

TEST(a_second_disk_that_hangs_is_not_waited_for_long)
{
	struct os_sim_child hangs = { .argv0 = "keelboot-prober", .hangs = true };

	plug_in(disk("vda", PORT_9, 4));
	PLUG_IN(disk("vdb", PORT_1, 4), it.no_answer = true);
	os_sim_child(&hangs);
	OK(find_all());
	assert_in_range(os_now_ms(), 4900, 5300);
	assert_string_equal(d.disk, "/dev/vda");
}

TEST(disk_tells_two_equal_ones_apart_also_by_their_own_name)
{
	plug_in(with_id("vda", PORT_9, "eui.1\n", NULL));
	plug_in(with_id("vdb", PORT_1, "eui.2\n", NULL));
	snprintf(conf.disk, sizeof(conf.disk), "eui.1");
	assert_device("/dev/vda");
	assert_string_equal(d.equal, "");
}

TEST(a_disk_that_lacks_something_is_no_equal)
{
	plug_in(disk("vda", PORT_9, 4));
	plug_in(disk("vdb", PORT_1, 2));
	assert_device("/dev/vda");
	assert_string_equal(d.equal, "");
}

TEST(a_card_is_no_equal_of_a_fixed_disk)
{
	plug_in(disk("vda", PORT_9, 4));
	PLUG_IN(disk("vdb", PORT_1, 4), it.removable = true);
	assert_device("/dev/vda");
	assert_string_equal(d.equal, "");
}

TEST(a_usb_disk_is_the_device_where_it_is_allowed)
{
	plug_in(stick(0, 4));
	conf.usb_disk = true;
	assert_device("/dev/sda");
	assert_int_equal(d.nmedia, 0);
}

TEST(also_there_what_is_not_on_usb_goes_before)
{
	plug_in(stick(0, 4));
	PLUG_IN(disk("vdb", "/devices/z/block/vdb", 2), it.removable = true);
	conf.usb_disk = true;
	assert_device("/dev/vdb");
}

TEST(a_stick_with_the_state_of_the_device_is_a_medium)
{
	plug_in(with_id("vda", PORT_9, "eui.1\n", "wwid-eui.1"));
	PLUG_IN(stick(0, 4), it.part[0].pin = "wwid-eui.1");
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	assert_device("/dev/vda");
	assert_int_equal(d.nmedia, 5);
}

/* On the first path of all, and bound to what it calls itself. */
#define CARD_PATH "/devices/a.mmc/mmc_host/mmc0/mmc0:0001/block/mmcblk0"

static struct os_sim_disk card_of_a_stranger(const char *type)
{
	struct os_sim_disk k = with_id("mmcblk0", CARD_PATH, "eui.6\n", "wwid-eui.6");

	os_sim_file("/sys/class/block/mmcblk0/device/type", type);
	conf.media_enabled = CONF_MEDIA_USB; /* nobody waits for cards as media */
	return k;
}

/* Threat 27: a card with the labels, and a state that says that it is the device's disk. */
TEST(a_card_that_claims_to_be_the_device_is_ignored)
{
	for (unsigned bound = 0; bound < 2; bound++) {
		os_sim_reset();
		plug_in(card_of_a_stranger("SD\n"));
		plug_in(with_id("vda", PORT_9, "eui.1\n", bound == 1 ? "wwid-eui.1" : NULL));
		assert_device("/dev/vda");
		EQUAL((d.equal, ""), (os_now_ms(), 0));
	}
}

/* Threat 27: nor because the device's own disk takes its time, or lacks something. */
TEST(a_card_is_not_quicker_than_the_disk_of_the_device)
{
	plug_in(card_of_a_stranger("SD\n"));
	/* the other slot is lost */
	PLUG_IN(with_id("vda", PORT_9, "eui.1\n", NULL), it.at_ms = 4000, it.prober_ms = 500,
		it.nparts = 2);
	assert_device("/dev/vda");
}

/* Threat 27: what is no "SD" is a card too, in a slot for cards. */
TEST(an_mmc_card_is_no_emmc)
{
	os_sim_file("/sys/class/block/mmcblk0/device/removable", "removable\n");
	os_sim_file("/sys/class/block/mmcblk1/device/type", "MMC\n");
	os_sim_file("/sys/class/block/mmcblk1/device/removable", "fixed\n");
	plug_in(card_of_a_stranger("MMC\n"));
	plug_in(with_id("mmcblk1", PORT_9, "eui.1\n", NULL));
	assert_device("/dev/mmcblk1");
	assert_int_equal(os_now_ms(), 0);
}

/* Where the device's own disk can be pulled out, it has no less room than a fixed one. */
TEST(media_whose_probers_hang_do_not_keep_a_card_from_being_found)
{
	PLUG_IN(card_of_a_stranger("SD\n"), it.part[0].pin = NULL, it.at_ms = 6000);
	stuck_sticks(stick(0, 4), 8, 0);
	snprintf(conf.disk, sizeof(conf.disk), "/devices/a.mmc/*");
	assert_device("/dev/mmcblk0");
	assert_in_range(os_now_ms(), 6000, 6500);
}

/* And an eMMC whose slot nobody declared to be fixed is before a card of the type SD. */
TEST(an_emmc_in_a_slot_that_says_removable_is_before_a_card)
{
	os_sim_file("/sys/class/block/mmcblk1/device/type", "MMC\n");
	os_sim_file("/sys/class/block/mmcblk1/device/removable", "removable\n");
	plug_in(card_of_a_stranger("SD\n"));
	plug_in(with_id("mmcblk1", PORT_9, "eui.1\n", NULL));
	assert_device("/dev/mmcblk1");
}

TEST(a_device_on_a_card_boots_and_at_once_where_disk_names_its_path)
{
	plug_in(card_of_a_stranger("SD\n"));
	assert_device("/dev/mmcblk0");
	assert_in_range(os_now_ms(), 5000, 5200);
	os_sim_reset();
	plug_in(card_of_a_stranger("SD\n"));
	snprintf(conf.disk, sizeof(conf.disk), "/devices/a.mmc/*");
	assert_device("/dev/mmcblk0");
	assert_int_equal(os_now_ms(), 0);
}

/* A name can be forged: it takes away no wait, and no ban. */
TEST(a_disk_that_has_the_name_of_the_device_waits_for_a_fixed_one)
{
	plug_in(card_of_a_stranger("SD\n"));
	PLUG_IN(with_id("vda", PORT_9, "eui.6\n", NULL), it.at_ms = 3000);
	snprintf(conf.disk, sizeof(conf.disk), "eui.6");
	assert_device("/dev/vda");
}

TEST(a_stick_that_has_the_name_of_the_device_is_left_alone)
{
	PLUG_IN(stick(0, 4), it.wwid = "eui.1\n");
	snprintf(conf.disk, sizeof(conf.disk), "eui.*");
	FAILS(find_all(), KB_ENODEV);
	probe_stop(&p);
	/* Nor is it in a port that was meant. */
	snprintf(conf.disk, sizeof(conf.disk), "/devices/pci0/*");
	FAILS(find_all(), KB_ENODEV);
	probe_stop(&p);
	snprintf(conf.disk, sizeof(conf.disk), "eui.*");
	conf.usb_disk = true;
	assert_device("/dev/sda");
}

/* Two fixed ones: a person has to say which. */
TEST(a_fixed_disk_that_is_bound_to_itself_is_told_of)
{
	PLUG_IN(with_id("vda", PORT_9, "eui.1\n", NULL), it.prober_ms = 400);
	plug_in(with_id("vdb", PORT_1, "eui.2\n", "wwid-eui.2"));
	OK(find_all());
	assert_string_not_equal(d.equal, "");
	EQUAL((os_sim_count("# devices: /dev/vdb and /dev/vda could both be this device's disk"),
	       1));
}

TEST(of_more_disks_than_the_table_holds_the_device_is_found)
{
	/* Of no use, on ports before that of the device. */
	plug_in_many((struct os_sim_disk){ .size = 64 * MIB, .fstype = "ext4" }, "/devices/pci0/0",
		     20);
	plug_in(disk("vda", PORT_9, 4));
	assert_device("/dev/vda");
	assert_true(os_now_ms() < 1000);
}

TEST(sticks_do_not_crowd_out_the_device)
{
	plug_in_many(stick(0, 1), "/devices/pci0/usb1", 20);
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	PLUG_IN(disk("vda", PORT_9, 4), it.at_ms = 3000);
	assert_device("/dev/vda");
	assert_true(d.nmedia > 0);
}

TEST_MAIN("devices", .set_up = bare_machine)
