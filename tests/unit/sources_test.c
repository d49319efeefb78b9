/* SPDX-License-Identifier: Apache-2.0 */
/* Which media there are, and how long they are waited for. */
#include "tests/sim/os_sim_here.h"

#include "initramfs/disks/sources.h"
#include "tests/unit/test.h"

#define HOST "/sys/class/mmc_host/mmc0/device"

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

TEST(cards_are_waited_for_only_where_there_is_a_slot)
{
	assert_true(sources_all_came(&p, &conf, CMDLINE_SOURCE_ALL, 0));
	os_sim_file(HOST, "");
	assert_false(sources_all_came(&p, &conf, CMDLINE_SOURCE_ALL, 499));
	assert_true(sources_all_came(&p, &conf, CMDLINE_SOURCE_ALL, 500));
	assert_true(sources_all_came(&p, &conf, CMDLINE_SOURCE_USB, 0));
	conf.media_wait_ms = 2000;
	assert_false(sources_all_came(&p, &conf, CMDLINE_SOURCE_SD, 1999));
	conf.media_wait_ms = 0;
	assert_true(sources_all_came(&p, &conf, CMDLINE_SOURCE_SD, 0));
}

TEST(a_card_that_is_looked_at_is_waited_for_within_a_bound)
{
	os_sim_file(HOST, "");
	add(0, "/dev/mmcblk0", 0, false, true)->state = PROBE_WAITING;
	assert_false(sources_all_came(&p, &conf, CMDLINE_SOURCE_SD, 5000));
	assert_true(sources_all_came(&p, &conf, CMDLINE_SOURCE_SD, 5500));
	p.disk[0].state = PROBE_READY;
	assert_true(sources_all_came(&p, &conf, CMDLINE_SOURCE_SD, 500));
}

TEST_MAIN("sources", .set_up = bare_machine)
