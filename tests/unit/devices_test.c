/* SPDX-License-Identifier: Apache-2.0 */
/* Which disk is the device's, and how long it is waited for. */
#include "tests/sim/os_sim_here.h"

#include "initramfs/devices.h"
#include "lib/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <cmocka.h>

static struct probe p;
static struct devices d;
static struct conf conf;
static struct devices_wait wait_for;
static unsigned idles;

static void idle(void *ctx)
{
	(void)ctx;
	idles++;
}

static int bare_machine(void **state)
{
	(void)state;
	os_sim_reset();
	os_sim_log_level(LOG_LEVEL_WARNING);
	os_sim_file("/sys/class/block/loop0/size", "0\n");
	memset(&d, 0, sizeof(d));
	conf_defaults(&conf);
	wait_for =
		(struct devices_wait){ .timeout_s = 10, .media = CMDLINE_MEDIA_ALL, .idle = idle };
	idles = 0;
	return 0;
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

static void everything_is_found_on_the_one_disk(void **state)
{
	struct os_sim_disk vda = disk("vda", "/devices/pci0/block/vda", 4);

	(void)state;
	os_sim_disk(&vda);
	assert_int_equal(find_all(), KB_OK);
	assert_string_equal(d.disk, "/dev/vda");
	assert_string_equal(d.state, "/dev/vda1");
	assert_string_equal(d.data, "/dev/vda4");
	assert_string_equal(d.slot[0].part[0], "/dev/vda2");
	assert_string_equal(d.slot[0].fstype, "ext4");
	assert_string_equal(d.slot[1].fstype, "squashfs");
	assert_int_equal(d.slot[1].size, 32 * MIB);
	assert_int_equal(d.nmedia, 0);
	assert_int_equal(devices_mountable(&d, &conf), 3);
	assert_int_equal(os_now_ms(), 0);
}

static void the_disk_with_more_of_the_device_wins(void **state)
{
	struct os_sim_disk less = disk("vda", "/devices/pci0/1/block/vda", 2);
	struct os_sim_disk more = disk("vdb", "/devices/pci0/2/block/vdb", 3);

	(void)state;
	os_sim_disk(&less);
	os_sim_disk(&more);
	assert_int_equal(find_all(), KB_OK);
	assert_string_equal(d.disk, "/dev/vdb");
}

static void the_state_counts_more_than_all_slots(void **state)
{
	struct os_sim_disk slots = disk("vda", "/devices/pci0/1/block/vda", 3);
	struct os_sim_disk with_state = disk("vdb", "/devices/pci0/2/block/vdb", 1);

	(void)state;
	slots.part[0].partlabel = "other";
	os_sim_disk(&slots);
	os_sim_disk(&with_state);
	assert_int_equal(find_all(), KB_OK);
	assert_string_equal(d.disk, "/dev/vdb");
	assert_int_equal(devices_mountable(&d, &conf), 0);
	assert_int_equal(os_sim_count("# devices: slot a: PARTLABEL=root-a not found"), 1);
}

static void of_equal_disks_the_fixed_and_then_the_first_by_path_is_taken(void **state)
{
	struct os_sim_disk card = disk("vda", "/devices/pci0/1/block/vda", 4);
	struct os_sim_disk far = disk("vdb", "/devices/pci0/9/block/vdb", 4);
	struct os_sim_disk near = disk("vdc", "/devices/pci0/3/block/vdc", 4);

	(void)state;
	card.removable = true;
	os_sim_disk(&card);
	os_sim_disk(&far);
	os_sim_disk(&near);
	assert_int_equal(find_all(), KB_OK);
	assert_string_equal(d.disk, "/dev/vdc");
}

static void a_stick_is_the_device_only_if_disk_names_it(void **state)
{
	struct os_sim_disk sda = stick(0, 4);

	(void)state;
	os_sim_disk(&sda);
	assert_int_equal(find_all(), KB_ENODEV);
	assert_in_range(os_now_ms(), 10000, 10200);
	probe_stop(&p);
	snprintf(conf.disk, sizeof(conf.disk), "%s", "*/usb1/*/sda");
	assert_int_equal(find_all(), KB_OK);
	assert_string_equal(d.disk, "/dev/sda");
	assert_int_equal(d.nmedia, 0); /* its own disk is no medium */
}

static void disk_pins_one_and_hides_the_others(void **state)
{
	struct os_sim_disk vda = disk("vda", "/devices/pci0/1/block/vda", 4);
	struct os_sim_disk vdb = disk("vdb", "/devices/pci0/2/block/vdb", 4);

	(void)state;
	os_sim_disk(&vda);
	os_sim_disk(&vdb);
	snprintf(conf.disk, sizeof(conf.disk), "%s", "/devices/pci0/2/*");
	assert_int_equal(find_all(), KB_OK);
	assert_string_equal(d.disk, "/dev/vdb");
}

static void an_incomplete_disk_is_used_after_the_timeout(void **state)
{
	struct os_sim_disk vda = disk("vda", "/devices/pci0/block/vda", 2);

	(void)state;
	os_sim_disk(&vda);
	assert_int_equal(find_all(), KB_OK);
	assert_in_range(os_now_ms(), 10000, 10200);
	assert_int_equal(devices_mountable(&d, &conf), 1);
	assert_string_equal(d.slot[1].part[0], "");
	assert_true(idles >= 10); /* at least once a second */
}

static void a_late_disk_is_taken_as_soon_as_it_is_complete(void **state)
{
	struct os_sim_disk vda = disk("vda", "/devices/pci0/block/vda", 4);

	(void)state;
	vda.at_ms = 4000;
	vda.prober_ms = 300;
	os_sim_disk(&vda);
	assert_int_equal(find_all(), KB_OK);
	assert_in_range(os_now_ms(), 4300, 4500);
}

static void sticks_settle_only_where_there_is_usb(void **state)
{
	struct os_sim_disk vda = disk("vda", "/devices/pci0/block/vda", 4), late = stick(400, 1);

	(void)state;
	os_sim_disk(&vda);
	os_sim_disk(&late);
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	assert_int_equal(find_all(), KB_OK);
	assert_in_range(os_now_ms(), 500, 700);
	assert_int_equal(d.nmedia, 2);
	assert_string_equal(d.media[0], "/dev/sda");
	assert_string_equal(d.media[1], "/dev/sda1");
}

static void a_stick_that_the_bus_knows_is_waited_for_within_a_bound(void **state)
{
	struct os_sim_disk vda = disk("vda", "/devices/pci0/block/vda", 4);

	(void)state;
	os_sim_disk(&vda);
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	os_sim_file("/sys/bus/usb/drivers/usb-storage/1-1:1.0/x", "");
	assert_int_equal(find_all(), KB_OK);
	assert_in_range(os_now_ms(), 5500, 5700);
}

static void who_wants_no_media_waits_for_none(void **state)
{
	struct os_sim_disk vda = disk("vda", "/devices/pci0/block/vda", 4), sda = stick(0, 1);

	(void)state;
	os_sim_disk(&vda);
	os_sim_disk(&sda);
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	wait_for.media = CMDLINE_MEDIA_NONE;
	assert_int_equal(find_all(), KB_OK);
	assert_int_equal(d.nmedia, 0);
	assert_int_equal(os_now_ms(), 0);
}

static void a_slot_that_the_prober_could_not_read_is_tried_all_the_same(void **state)
{
	struct os_sim_disk vda = disk("vda", "/devices/pci0/block/vda", 4);
	struct os_sim_child crash = { .argv0 = "keelboot-prober", .status = SIGSEGV };

	(void)state;
	vda.no_answer = true;
	os_sim_disk(&vda);
	os_sim_child(&crash);
	assert_int_equal(find_all(), KB_OK);
	assert_string_equal(d.slot[0].part[0], "/dev/vda2");
	assert_string_equal(d.slot[0].fstype, DEVICES_FSTYPE_UNSURE);
	assert_int_equal(devices_mountable(&d, &conf), 3);
}

static void a_slot_without_a_file_system_is_not_mountable(void **state)
{
	struct os_sim_disk vda = disk("vda", "/devices/pci0/block/vda", 4);

	(void)state;
	vda.part[1].fstype = NULL;
	os_sim_disk(&vda);
	assert_int_equal(find_all(), KB_OK);
	assert_int_equal(devices_mountable(&d, &conf), 2);
	snprintf(conf.fstype, sizeof(conf.fstype), "erofs");
	assert_int_equal(devices_mountable(&d, &conf), 3);
}

static void many_partitions_of_sticks_do_not_overflow_the_media(void **state)
{
	struct os_sim_disk vda = disk("vda", "/devices/pci0/block/vda", 4);

	(void)state;
	os_sim_disk(&vda);
	for (unsigned i = 0; i < 4; i++) {
		static const char *const names[] = { "sda", "sdb", "sdc", "sdd" };
		struct os_sim_disk s = stick(0, 8);
		char path[64];

		for (unsigned k = 4; k < 8; k++)
			s.part[k].size = MIB;
		snprintf(path, sizeof(path), "/devices/pci0/usb1/1-%u/block/%s", i, names[i]);
		s.name = names[i];
		s.path = path;
		os_sim_disk(&s);
	}
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	assert_int_equal(find_all(), KB_OK);
	assert_int_equal(d.nmedia, DEVICES_MEDIA_MAX);
}

static void a_refresh_that_fails_changes_nothing(void **state)
{
	struct os_sim_disk vda = disk("vda", "/devices/pci0/block/vda", 4);

	(void)state;
	os_sim_disk(&vda);
	os_sim_disk_gone("vda", 1000);
	assert_int_equal(find_all(), KB_OK);
	os_sim_advance(1000);
	devices_refresh(&d, &p, &conf, &wait_for);
	assert_string_equal(d.slot[1].part[0], "/dev/vda3");
	assert_int_equal(os_sim_count("# devices: unable to look at /dev/vda again"), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, bare_machine)
	const struct CMUnitTest tests[] = {
		T(everything_is_found_on_the_one_disk),
		T(the_disk_with_more_of_the_device_wins),
		T(the_state_counts_more_than_all_slots),
		T(of_equal_disks_the_fixed_and_then_the_first_by_path_is_taken),
		T(a_stick_is_the_device_only_if_disk_names_it),
		T(disk_pins_one_and_hides_the_others),
		T(an_incomplete_disk_is_used_after_the_timeout),
		T(a_late_disk_is_taken_as_soon_as_it_is_complete),
		T(sticks_settle_only_where_there_is_usb),
		T(a_stick_that_the_bus_knows_is_waited_for_within_a_bound),
		T(who_wants_no_media_waits_for_none),
		T(a_slot_that_the_prober_could_not_read_is_tried_all_the_same),
		T(a_slot_without_a_file_system_is_not_mountable),
		T(many_partitions_of_sticks_do_not_overflow_the_media),
		T(a_refresh_that_fails_changes_nothing),
	};

	return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
