/* SPDX-License-Identifier: Apache-2.0 */
/* Which media there are, and how long they are waited for. */
#include "tests/sim/os_sim_here.h"

#include "initramfs/disks/sources.h"
#include "tests/unit/test.h"

#define DEFERRED "/sys/kernel/debug/devices_deferred"
#define HOST	 "/sys/class/mmc_host/mmc0/device"

static struct probe p;
static struct devices d;
static struct conf conf;

static void bare_machine(void)
{
	os_sim_reset();
	memset(&p, 0, sizeof(p));
	memset(&d, 0, sizeof(d));
	conf_defaults(&conf);
}

static struct probe_disk *add(unsigned at, const char *dev, unsigned parts, bool usb, bool sd)
{
	struct probe_disk *disk = &p.disk[at];

	disk->state = PROBE_READY;
	disk->usb = usb;
	disk->sd = sd;
	disk->n = parts;
	snprintf(disk->dev, sizeof(disk->dev), "%s", dev);
	for (unsigned i = 0; i < parts; i++) {
		snprintf(disk->part[i].dev, sizeof(disk->part[i].dev), "%.20sp%u", dev, i + 1);
		disk->part[i].start = (i + 1) * MIB;
		disk->part[i].size = MIB;
	}
	return disk;
}

TEST(only_what_both_allow_is_allowed)
{
	assert_int_equal(sources_allowed(&conf, CMDLINE_SOURCE_ALL), CMDLINE_SOURCE_ALL);
	assert_int_equal(sources_allowed(&conf, CMDLINE_SOURCE_NONE), 0);
	conf.media_enabled = CONF_MEDIA_USB;
	conf.raw_enabled = false;
	assert_int_equal(sources_allowed(&conf, CMDLINE_SOURCE_ALL),
			 CMDLINE_SOURCE_DATA | CMDLINE_SOURCE_USB);
	EQUAL((sources_allowed(&conf, CMDLINE_SOURCE_SD | CMDLINE_SOURCE_USB), CMDLINE_SOURCE_USB));
	conf.data_enabled = false;
	conf.media_enabled = CONF_MEDIA_SD;
	assert_int_equal(sources_allowed(&conf, CMDLINE_SOURCE_ALL), CMDLINE_SOURCE_SD);
	conf.media_enabled = 0;
	assert_int_equal(sources_allowed(&conf, CMDLINE_SOURCE_ALL), 0);
}

TEST(sticks_and_cards_are_told_apart)
{
	add(0, "/dev/vda", 4, false, false);
	add(1, "/dev/sda", 1, true, false);
	add(2, "/dev/mmcblk0", 2, false, true);
	sources_take(&d, &p, CMDLINE_SOURCE_ALL);
	EQUAL((d.nmedia, 5), (sources_count(&d, STATE_SRC_USB), 2));
	EQUAL((sources_count(&d, STATE_SRC_SD), 3), (d.media[0], "/dev/sda"));
	assert_string_equal(d.media[3], "/dev/mmcblk0p1");
	sources_take(&d, &p, CMDLINE_SOURCE_SD);
	EQUAL((d.nmedia, 3), (sources_count(&d, STATE_SRC_USB), 0));
}

TEST(the_devices_own_card_is_no_medium)
{
	add(0, "/dev/mmcblk0", 4, false, true);
	add(1, "/dev/mmcblk1", 1, false, true);
	snprintf(d.disk, sizeof(d.disk), "/dev/mmcblk0");
	sources_take(&d, &p, CMDLINE_SOURCE_ALL);
	EQUAL((d.nmedia, 2), (d.media[0], "/dev/mmcblk1"));
}

/* mkfs.vfat gives a whole stick a table with one partition that begins where the stick does. */
TEST(the_same_file_system_is_one_medium)
{
	struct probe_disk *disk = add(0, "/dev/sda", 4, true, false);

	disk->part[0].start = 0;
	disk->part[1].start = disk->part[2].start = disk->part[3].start;
	disk->part[2].size = 2 * MIB;
	sources_take(&d, &p, CMDLINE_SOURCE_ALL);
	EQUAL((d.nmedia, 2), (d.media[0], "/dev/sda"), (d.media[1], "/dev/sdap3"));
	disk->part[2].size = MIB;
	sources_take(&d, &p, CMDLINE_SOURCE_ALL);
	EQUAL((d.nmedia, 2), (d.media[1], "/dev/sdap2"));
}

/* eMMC is a fixed disk; and what is not looked at yet is not offered. */
TEST(what_is_fixed_or_not_ready_is_no_medium)
{
	add(0, "/dev/mmcblk0", 4, false, false);
	add(1, "/dev/sda", 1, true, false)->state = PROBE_WAITING;
	add(2, "/dev/sdb", 0, true, false)->state = PROBE_UNREADABLE;
	sources_take(&d, &p, CMDLINE_SOURCE_ALL);
	EQUAL((d.nmedia, 1), (d.media[0], "/dev/sdb"));
}

static const char *awaited(unsigned sources, uint64_t waited_ms)
{
	struct sources_wait w = { .why = NULL };

	return sources_awaited(&p, &conf, sources, &w, waited_ms);
}

/* As slow sticks are: the kernel reads their table, and its event comes behind that. */
TEST(stick_that_sysfs_has_and_the_kernel_has_not_told_of_is_waited_for)
{
	os_sim_file("/sys/bus/usb/devices/usb1/uevent", "");
	os_sim_file("/sys/bus/usb/drivers/usb-storage/1-1:1.0/uevent", "");
	os_sim_link("/sys/block/sda", "../devices/pci0000:00/usb1/1-1/1-1:1.0/host0/block/sda");
	os_sim_file("/sys/block/sda/size", "8192\n");
	conf.media_wait_ms = 0;
	assert_string_equal(awaited(CMDLINE_SOURCE_USB, 4999), "a stick that is not yet a disk");
	assert_null(awaited(CMDLINE_SOURCE_USB, 5000));
	os_sim_file("/sys/block/sda/size", "0\n"); /* a reader without a card */
	assert_null(awaited(CMDLINE_SOURCE_USB, 0));
	os_sim_file("/sys/block/sda/size", "8192\n");
	p.full = true;
	assert_null(awaited(CMDLINE_SOURCE_USB, 0));
	p.full = false;
	add(0, "/dev/sda", 1, true, false);
	assert_null(awaited(CMDLINE_SOURCE_USB, 0));
}

static void bind_stick(void)
{
	os_sim_file("/sys/bus/usb/devices/usb1/uevent", "");
	os_sim_file("/sys/bus/usb/drivers/usb-storage/1-1:1.0/uevent", "");
	conf.media_wait_ms = 0;
}

TEST(a_stick_behind_many_other_block_devices_is_seen)
{
	bind_stick();
	for (unsigned i = 0; i < 80; i++)
		os_sim_link(strf("/sys/block/loop%u", i),
			    strf("../devices/virtual/block/loop%u", i));
	os_sim_link("/sys/block/sda", "../devices/pci0000:00/usb1/1-1/1-1:1.0/host0/block/sda");
	add(0, "/dev/sda", 1, true, false);
	assert_null(awaited(CMDLINE_SOURCE_USB, 0));
}

static void add_scsi(const char *id, const char *type)
{
	os_sim_link(strf("/sys/bus/scsi/devices/%s", id),
		    strf("../../../devices/pci0/usb1/1-1/1-1:1.0/host2/target2:0:0/%s", id));
	os_sim_file(strf("/sys/bus/scsi/devices/%s/type", id), type);
}

/* Without sr_mod it never becomes one. */
TEST(a_cd_drive_on_usb_is_no_stick_to_come)
{
	bind_stick();
	assert_non_null(awaited(CMDLINE_SOURCE_USB, 0)); /* nothing of it is known yet */
	os_sim_link("/sys/bus/scsi/devices/host2", "../../../devices/pci0/usb1/1-1/1-1:1.0/host2");
	assert_non_null(awaited(CMDLINE_SOURCE_USB, 0));
	add_scsi("2:0:0:0", "5\n");
	assert_null(awaited(CMDLINE_SOURCE_USB, 0));
	add_scsi("2:0:0:1", "0\n"); /* a stick with a CD in it */
	assert_non_null(awaited(CMDLINE_SOURCE_USB, 0));
}

TEST(cards_are_waited_for_only_where_there_is_a_slot)
{
	assert_null(awaited(CMDLINE_SOURCE_ALL, 0));
	os_sim_file(HOST, "");
	assert_string_equal(awaited(CMDLINE_SOURCE_ALL, 999), "an empty slot for cards");
	assert_null(awaited(CMDLINE_SOURCE_ALL, 1000));
	assert_null(awaited(CMDLINE_SOURCE_USB, 0));
	conf.media_wait_ms = 2000;
	assert_non_null(awaited(CMDLINE_SOURCE_SD, 1999));
	conf.media_wait_ms = 0;
	assert_null(awaited(CMDLINE_SOURCE_SD, 0));
}

/* A board with eMMC alone has no slot; nor has one whose card is there, or is no storage. */
TEST(no_card_is_waited_for_where_none_can_come)
{
	os_sim_file(HOST "/of_node/non-removable", "");
	os_sim_file("/sys/class/mmc_host/mmc1/mmc1:0001/type", "MMC\n");
	os_sim_file("/sys/class/mmc_host/mmc2/mmc2:0001/type", "SDIO\n");
	os_sim_file("/sys/class/mmc_host/mmc3/mmc3:aaaa/type", "SD\n");
	os_sim_file("/sys/class/mmc_host/mmc3/mmc3:aaaa/block/mmcblk3/dev", "");
	assert_null(awaited(CMDLINE_SOURCE_SD, 0));
	os_sim_file("/sys/class/mmc_host/mmc4/mmc4:0001/type", "SD\n");
	assert_string_equal(awaited(CMDLINE_SOURCE_SD, 0), "a card that is not yet a disk");
	os_sim_file("/sys/class/mmc_host/mmc4/mmc4:0001/block/mmcblk4/dev", "");
	assert_null(awaited(CMDLINE_SOURCE_SD, 0));
	os_sim_file("/sys/class/mmc_host/mmc5/uevent", "");
	assert_string_equal(awaited(CMDLINE_SOURCE_SD, 0), "an empty slot for cards");
}

TEST(a_card_that_is_looked_at_is_waited_for_within_a_bound)
{
	os_sim_file(HOST, "");
	add(0, "/dev/mmcblk0", 0, false, true)->state = PROBE_WAITING;
	assert_string_equal(awaited(CMDLINE_SOURCE_SD, 5000), "a card that is looked at");
	assert_null(awaited(CMDLINE_SOURCE_SD, 6000));
	p.disk[0].state = PROBE_READY;
	assert_null(awaited(CMDLINE_SOURCE_SD, 1000));
}

TEST(sticks_are_waited_for_until_usb_is_quiet)
{
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	p.usb_ms = os_now_ms();
	os_sim_advance(999);
	assert_string_equal(awaited(CMDLINE_SOURCE_USB, 999), "USB, which is not yet quiet");
	os_sim_advance(1);
	assert_null(awaited(CMDLINE_SOURCE_USB, 1000));
	/* A hub answers. */
	p.usb_ms = os_now_ms();
	os_sim_advance(900);
	assert_non_null(awaited(CMDLINE_SOURCE_USB, 1900));
	/* One that never ends to. */
	p.usb_ms = os_now_ms();
	assert_non_null(awaited(CMDLINE_SOURCE_USB, 5999));
	assert_null(awaited(CMDLINE_SOURCE_USB, 6000));
	assert_null(awaited(CMDLINE_SOURCE_SD, 0));
}

/* dwc3 waits for its phy, and VL805 for the host of PCIe. */
TEST(a_host_that_waits_for_its_supplier_is_waited_for)
{
	static const struct {
		const char *list;
		bool awaited;
	} cases[] = {
		{ "", false },
		{ "fe310000.mmc\tsupplier\n", false },
		{ "fe310000.mmc\tplatform: supplier fe8a0000.usb2phy not ready\n", false },
		{ "fe310000.mmc\nfcc00000.usb\tplatform: supplier not ready\n", true },
		{ "fd500000.pcie\n", true },
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(cases); i++) {
		os_sim_file(DEFERRED, cases[i].list);
		/* A machine without a device tree is not even asked. */
		os_sim_remove("/sys/firmware/devicetree");
		p.usb_ms = os_now_ms();
		assert_null(awaited(CMDLINE_SOURCE_USB, 0));
		os_sim_file("/sys/firmware/devicetree/base/name", "");
		assert_int_equal(awaited(CMDLINE_SOURCE_USB, 0) != NULL, cases[i].awaited);
		os_sim_advance(1000);
		assert_null(awaited(CMDLINE_SOURCE_USB, 1000));
	}
}

TEST(what_is_waited_for_is_said_once)
{
	struct sources_wait w = { .why = NULL };

	os_sim_log_level(LOG_LEVEL_INFO);
	assert_null(sources_awaited(&p, &conf, CMDLINE_SOURCE_ALL, &w, 0));
	assert_int_equal(
		os_sim_count("# media: nothing is waited for: there is no host of USB, and no "
			     "empty slot for cards"),
		1);
	os_sim_file(HOST, "");
	for (unsigned i = 0; i < 3; i++)
		assert_non_null(sources_awaited(&p, &conf, CMDLINE_SOURCE_ALL, &w, 0));
	assert_int_equal(os_sim_count("# media: waiting for an empty slot for cards"), 1);
}

/* All of it came before anybody waited: a Raspberry Pi, whose disk is a card, waits 5 s for another
 * one. */
TEST(usb_that_is_quiet_is_no_missing_host)
{
	os_sim_log_level(LOG_LEVEL_INFO);
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	os_sim_advance(5000);
	assert_null(awaited(CMDLINE_SOURCE_ALL, 5000));
	assert_int_equal(os_sim_count("# media: nothing is waited for: USB is quiet, and no slot "
				      "for cards is empty"),
			 1);
	assert_int_equal(os_sim_count("# media: nothing is waited for: there is no host"), 0);
}

TEST(a_host_that_never_came_is_named_with_what_it_waits_for)
{
	static const char list[] = "3f980000.usb\tplatform: supplier phy not ready\n";
	struct sources_wait w = { .why = NULL };

	os_sim_log_level(LOG_LEVEL_INFO);
	os_sim_file("/sys/firmware/devicetree/base/name", "");
	os_sim_file(DEFERRED, list);
	p.usb_ms = os_now_ms();
	assert_non_null(sources_awaited(&p, &conf, CMDLINE_SOURCE_ALL, &w, 0));
	os_sim_file(DEFERRED, list); /* a simulated unmount took it away */
	os_sim_advance(1000);
	for (unsigned i = 0; i < 3; i++)
		assert_null(sources_awaited(&p, &conf, CMDLINE_SOURCE_ALL, &w, 1000));
	assert_int_equal(os_sim_count("# devices: the driver of 3f980000.usb waits for another "
				      "device: platform: supplier phy not ready"),
			 1);
}

TEST(a_stick_that_becomes_no_disk_is_named)
{
	os_sim_log_level(LOG_LEVEL_INFO);
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	os_sim_file("/sys/bus/usb/drivers/usb-storage/1-1:1.0/uevent", "");
	os_sim_advance(6000);
	assert_non_null(awaited(CMDLINE_SOURCE_USB, 5999));
	assert_null(awaited(CMDLINE_SOURCE_USB, 6000));
	assert_int_equal(os_sim_count("# media: a stick on USB is no disk yet; it is not waited "
				      "for any longer"),
			 1);
}

TEST_MAIN("sources", .set_up = bare_machine)
