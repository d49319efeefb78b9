/* SPDX-License-Identifier: Apache-2.0 */
/* The table of disks, on a simulated kernel. */
#include "tests/sim/os_sim_here.h"
#include "tests/unit/plug_in.h"
#include "tests/unit/stuck_sticks.h"

#include "initramfs/disks/probe.h"
#include "tests/unit/test.h"

static struct probe p;
static const struct probe_disk *disk;

static struct os_sim_disk vda(void)
{
	return (struct os_sim_disk){
		.name = "vda",
		.path = "/devices/pci0000:00/0000:00:04.0/virtio1/block/vda",
		.size = 256 * MIB,
		.nparts = 4,
		.part = { { .partlabel = "keelboot-state",
			    .size = 16 * MIB,
			    .partuuid = "11111111-2222-3333-4444-55555555555a" },
			  { .partlabel = "root-a",
			    .size = 64 * MIB,
			    .fstype = "ext4",
			    .label = "system",
			    .uuid = "aaaa-bbbb" },
			  { .partlabel = "root-b", .size = 64 * MIB, .fstype = "squashfs" },
			  { .partlabel = "data", .size = 64 * MIB, .fstype = "ext4" } },
	};
}

static struct os_sim_disk stick(unsigned at_ms)
{
	return (struct os_sim_disk){
		.name = "sda",
		.path = "/devices/pci0000:00/0000:00:05.0/usb1/1-1/1-1:1.0/host0/block/sda",
		.size = 64 * MIB,
		.removable = true,
		.fstype = "vfat",
		.at_ms = at_ms,
	};
}

static void bare_machine(void)
{
	os_sim_reset();
	os_sim_file("/sys/class/block/loop0/size", "0\n");
	os_sim_link("/sys/block/loop0", "../devices/virtual/block/loop0");
	os_sim_link("/sys/class/block/loop0", "../../devices/virtual/block/loop0");
	os_sim_log_level(LOG_LEVEL_WARNING);
}

static void stop(void)
{
	probe_stop(&p);
}

static const struct probe_disk *seen(const char *dev)
{
	return probe_disk_by_dev(&p, dev);
}

/* And sees what is there, or comes in this time. */
static void start(unsigned ms)
{
	probe_start(&p);
	OK(probe_step(&p, ms));
}

/* Steps until nothing has changed for a second. */
static void settle(void)
{
	while (probe_step(&p, 1000) == KB_OK)
		;
}

TEST(the_disk_that_is_there_is_found_with_its_partitions)
{
	plug_in(vda());
	probe_start(&p);
	assert_int_equal(probe_pending(&p), 1);
	OK(probe_step(&p, 1000));
	assert_int_equal(probe_pending(&p), 0);
	disk = seen("/dev/vda");
	assert_non_null(disk);
	EQUAL((disk->state, PROBE_READY), (disk->n, 4), (disk->size, 256 * MIB));
	EQUAL((disk->has_table, true), (disk->removable, false), (disk->usb, false));
	assert_false(disk->sd);
	assert_string_equal(disk->path, "/devices/pci0000:00/0000:00:04.0/virtio1/block/vda");
	EQUAL((disk->part[1].dev, "/dev/vda2"), (disk->part[1].fstype, "ext4"));
	assert_int_equal(disk->part[1].size, 64 * MIB);
	FAILS(probe_step(&p, 1000), KB_ETIMEDOUT);
}

static void add_part(const char *name, unsigned number)
{
	const char *dir = strf("/sys/class/block/%s/%sp%u", name, name, number);

	os_sim_file(strf("%s/partition", dir), strf("%u\n", number));
	os_sim_file(strf("%s/start", dir), strf("%u\n", 1000000 + number * 64));
	os_sim_file(strf("%s/size", dir), "64\n");
}

/* As text, mmcblk0p9 comes behind mmcblk0p66. */
TEST(of_more_partitions_than_there_are_places_those_with_low_numbers_stay)
{
	PLUG_IN(vda(), it.name = "mmcblk0");
	for (unsigned n = 5; n <= PROBER_PARTS_MAX + 2; n++)
		add_part("mmcblk0", n);
	start(1000);
	disk = seen("/dev/mmcblk0");
	EQUAL((disk->state, PROBE_READY), (disk->n, PROBER_PARTS_MAX), (disk->unused, 2));
	for (unsigned i = 0; i < disk->n; i++)
		assert_int_equal(disk->part[i].number, i + 1);
	assert_string_equal(probe_find(&p, disk, "PARTLABEL=data")->fstype, "ext4");
}

TEST(partitions_are_found_by_every_kind_of_name)
{
	static const struct {
		const char *spec, *dev;
	} cases[] = {
		{ "PARTLABEL=root-a", "/dev/vda2" },
		{ "PARTLABEL=ROOT-A", NULL },
		{ "PARTLABEL=", NULL },
		{ "PARTUUID=11111111-2222-3333-4444-55555555555A", "/dev/vda1" },
		{ "UUID=AAAA-BBBB", "/dev/vda2" },
		{ "UUID=", NULL },
		{ "LABEL=system", "/dev/vda2" },
		{ "LABEL=", NULL },
		{ "/dev/vda4", "/dev/vda4" },
		{ "/dev/vda", "/dev/vda" },
		{ "/dev/vda9", NULL },
		{ "vda1", NULL },
		{ "", NULL },
	};

	plug_in(vda());
	probe_start(&p);
	settle();
	disk = seen("/dev/vda");
	for (unsigned i = 0; i < KB_ARRAY_LEN(cases); i++) {
		const struct prober_part *on = probe_find(&p, disk, cases[i].spec);
		const struct prober_part *any = probe_find(&p, NULL, cases[i].spec);

		assert_ptr_equal(on, any);
		if (cases[i].dev == NULL)
			assert_null(on);
		else
			assert_string_equal(on->dev, cases[i].dev);
	}
}

TEST(a_stick_that_copies_the_names_is_another_disk)
{
	PLUG_IN(vda(), it.name = "sda", it.path = "/devices/pci0000:00/usb1/1-1/block/sda");
	plug_in(vda());
	probe_start(&p);
	settle();
	disk = seen("/dev/vda");
	assert_string_equal(probe_find(&p, disk, "PARTLABEL=root-a")->dev, "/dev/vda2");
	assert_null(probe_find(&p, disk, "/dev/sda2"));
	assert_true(seen("/dev/sda")->usb);
}

TEST(a_late_stick_is_told_by_a_uevent_and_looked_at_once)
{
	plug_in(vda());
	plug_in(stick(800));
	start(500);
	OK(probe_step(&p, 5000));
	assert_int_equal(os_sim_now(), 800);
	assert_non_null(seen("/dev/sda"));
	assert_true(seen("/dev/sda")->removable);
	assert_true(seen("/dev/sda")->usb);
	EQUAL((seen("/dev/sda")->has_table, false), (seen("/dev/sda")->whole.fstype, "vfat"));
	settle();
	assert_int_equal(os_sim_count("spawn keelboot-prober /dev/sda"), 1);
	assert_int_equal(os_sim_count("spawn keelboot-prober /dev/vda"), 1);
}

TEST(a_late_disk_with_partitions_is_looked_at_once)
{
	PLUG_IN(vda(), it.at_ms = 300);
	probe_start(&p);
	settle();
	EQUAL((seen("/dev/vda")->n, 4), (os_sim_count("spawn"), 1));
}

TEST(probers_work_side_by_side)
{
	PLUG_IN(vda(), it.prober_ms = 1000);
	PLUG_IN(stick(0), it.prober_ms = 1000);
	probe_start(&p);
	assert_int_equal(probe_pending(&p), 2);
	settle();
	assert_int_equal(probe_pending(&p), 0);
	assert_in_range(os_sim_now(), 2000, 2100); /* one second for both, one of quiet */
}

TEST(more_disks_than_probers_wait_for_their_turn)
{
	struct os_sim_disk s = stick(0);
	unsigned ready = 0;

	s.removable = false;
	s.prober_ms = 100;
	plug_in_many(s, "/devices/pci0", 12);
	probe_start(&p);
	EQUAL((probe_pending(&p), 12), (os_sim_count("spawn"), PROBE_JOBS_MAX));
	settle();
	for (unsigned i = 0; i < 12; i++)
		ready += p.disk[i].state == PROBE_READY;
	assert_int_equal(ready, 12);
}

TEST(probers_that_nothing_ends_leave_room_for_a_fixed_disk)
{
	/* all have been given up, and wait for their second prober */
	PLUG_IN(vda(), it.at_ms = 12000);
	stuck_sticks(stick(0), 10, 0);
	probe_start(&p);
	while (os_sim_now() < 11999)
		(void)!probe_step(&p, 11999 - (unsigned)os_sim_now());
	assert_int_equal(os_sim_count("spawn"), 6);
	OK(probe_step(&p, 100));
	assert_int_equal(seen("/dev/vda")->state, PROBE_READY);
}

TEST(a_fixed_disk_is_looked_at_first)
{
	stuck_sticks(stick(0), 10, 0);
	plug_in(vda());
	probe_start(&p);
	assert_int_equal(os_sim_count("spawn"), 6);
	assert_ptr_equal(strstr(os_sim_trace(), "spawn"),
			 strstr(os_sim_trace(), "spawn keelboot-prober /dev/vda"));
	probe_stop(&p);
}

/* Who waits until nobody is looked at any more does not wait forever. */
TEST(what_finds_no_prober_is_given_up)
{
	stuck_sticks(stick(0), 10, 0);
	probe_start(&p);
	while (probe_pending(&p) > 0 && os_sim_now() < 60000)
		(void)!probe_step(&p, 60000 - (unsigned)os_sim_now());
	assert_in_range(os_sim_now(), 3 * PROBE_DEADLINE_MS, 5 * PROBE_DEADLINE_MS);
	assert_int_equal(os_sim_count("spawn"), 6); /* none gets a second one beside the first */
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(p.disk[i].state, PROBE_UNREADABLE);
	probe_stop(&p);
}

/* One that takes the place of one whose prober is still held. */
TEST(a_disk_in_the_place_of_one_that_hung_is_looked_at)
{
	stuck_sticks(stick(0), 1, 0);
	PLUG_IN(stick(0), it.at_ms = 8000);
	os_sim_disk_gone("sda", 7000);
	probe_start(&p);
	while (os_sim_now() < 7100)
		(void)!probe_step(&p, 100);
	assert_int_equal(os_sim_count("spawn"), 1);
	while (os_sim_now() < 8100)
		(void)!probe_step(&p, 100);
	assert_int_equal(os_sim_count("spawn"), 2);
}

TEST(a_prober_that_hangs_leaves_the_kernels_names)
{
	struct os_sim_child hang = { .argv0 = "keelboot-prober", .arg = "/dev/vda", .hangs = true };

	PLUG_IN(vda(), it.no_answer = true);
	plug_in(stick(0));
	os_sim_child(&hang);
	start(1000); /* the other one is not held up */
	assert_int_equal(seen("/dev/sda")->state, PROBE_READY);
	/* Once more, with more time; and then no more. */
	OK(probe_step(&p, 30000));
	assert_int_equal(os_sim_now(), 4 * PROBE_DEADLINE_MS);
	disk = seen("/dev/vda");
	assert_int_equal(disk->state, PROBE_UNREADABLE);
	assert_string_equal(probe_find(&p, disk, "PARTLABEL=root-b")->dev, "/dev/vda3");
	EQUAL((probe_find(&p, disk, "PARTLABEL=root-b")->fstype, ""), (probe_pending(&p), 0));
	FAILS(probe_step(&p, 30000), KB_ETIMEDOUT);
	assert_int_equal(os_sim_count("spawn keelboot-prober /dev/vda"), 2);
	assert_int_equal(os_sim_count("kill keelboot-prober"), 2);
	assert_int_equal(os_sim_count("# disk /dev/vda: cannot be examined"), 2);
}

TEST(a_prober_that_crashes_is_tried_once_more)
{
	struct os_sim_child crash = { .argv0 = "keelboot-prober",
				      .arg = "/dev/vda",
				      .duration_ms = 5,
				      .status = SIGSEGV,
				      .times = 1 };

	os_sim_child(&crash);
	plug_in(vda());
	start(1000);
	EQUAL((seen("/dev/vda")->state, PROBE_READY));
	EQUAL((os_sim_count(
		       "# disk /dev/vda: cannot be examined: the prober was ended by signal 11; trying again"),
	       1));
	probe_stop(&p);
}

/* Threat 26: a stick on which the prober does what it may not, each time: SIGSYS. */
TEST(a_prober_that_its_cage_kills_costs_one_disk_its_answer)
{
	struct os_sim_child killed = {
		.argv0 = "keelboot-prober", .arg = "/dev/sda", .duration_ms = 5, .status = SIGSYS
	};

	plug_in(vda());
	PLUG_IN(stick(0), it.no_answer = true);
	os_sim_child(&killed);
	probe_start(&p);
	settle();
	assert_int_equal(seen("/dev/vda")->state, PROBE_READY);
	assert_string_equal(probe_find(&p, NULL, "PARTLABEL=root-a")->fstype, "ext4");
	EQUAL((seen("/dev/sda")->state, PROBE_UNREADABLE), (probe_pending(&p), 0));
	EQUAL((os_sim_count("spawn keelboot-prober /dev/sda"), 2));
	EQUAL((os_sim_count(
		       "# disk /dev/sda: cannot be examined: the prober was ended by signal 31"),
	       2));
}

TEST(a_prober_that_lies_is_not_believed)
{
	static struct prober_answer lie;
	struct os_sim_child c = { .argv0 = "keelboot-prober", .arg = "/dev/vda", .hangs = true };

	lie.magic = PROBER_MAGIC;
	lie.n = 0xffffff;
	c.say[0] = (struct os_sim_say){ 1, &lie, sizeof(lie) };
	PLUG_IN(vda(), it.no_answer = true);
	os_sim_child(&c);
	start(1000);
	assert_int_equal(seen("/dev/vda")->state, PROBE_UNREADABLE);
	settle();
	assert_int_equal(seen("/dev/vda")->n, 4);
}

TEST(an_answer_in_pieces_is_put_together)
{
	static struct prober_answer a;
	struct os_sim_child c = { .argv0 = "keelboot-prober",
				  .arg = "/dev/vda",
				  .duration_ms = 100 };
	size_t len = PROBER_ANSWER_LEN(0);

	a.magic = PROBER_MAGIC;
	c.say[0] = (struct os_sim_say){ 1, &a, 10 };
	c.say[1] = (struct os_sim_say){ 20, (char *)&a + 10, 100 };
	c.say[2] = (struct os_sim_say){ 30, (char *)&a + 110, len - 110 };
	PLUG_IN(vda(), it.no_answer = true);
	os_sim_child(&c);
	start(1000);
	assert_int_equal(os_sim_now(), 30); /* complete is complete, whatever the process does */
	assert_int_equal(seen("/dev/vda")->state, PROBE_READY);
}

TEST(a_missing_helper_still_leaves_the_kernels_names)
{
	PLUG_IN(vda(), it.no_answer = true);
	start(1000);
	assert_non_null(probe_find(&p, NULL, "PARTLABEL=keelboot-state"));
	settle();
	assert_int_equal(probe_pending(&p), 0);
}

TEST(a_disk_that_is_pulled_out_is_gone)
{
	PLUG_IN(stick(0), it.prober_ms = 50);
	os_sim_disk_gone("sda", 500);
	start(1000);
	OK(probe_step(&p, 1000));
	assert_null(seen("/dev/sda"));
	assert_null(probe_find(&p, NULL, "/dev/sda"));
}

TEST(a_disk_that_is_pulled_out_while_it_is_looked_at_ends_its_prober)
{
	PLUG_IN(stick(0), it.prober_ms = 1000);
	os_sim_disk_gone("sda", 500);
	start(5000);
	EQUAL((os_sim_now(), 500), (probe_pending(&p), 0));
	assert_int_equal(os_sim_count("kill keelboot-prober /dev/sda"), 0);
	assert_int_equal(os_sim_count("kill keelboot-prober"), 1);
	settle();
	probe_stop(&p);
}

static void change_again(void *ctx)
{
	os_sim_uevent("change", ctx, "disk");
}

TEST(a_disk_that_changes_for_ever_is_left_alone)
{
	static char path[] = "/devices/pci0000:00/0000:00:05.0/usb1/1-1/1-1:1.0/host0/block/sda";

	plug_in(stick(0));
	for (unsigned i = 1; i <= 40; i++)
		os_sim_at(i * 10, change_again, path);
	probe_start(&p);
	settle();
	assert_in_range(os_sim_count("spawn"), 2, 9);
	assert_int_equal(seen("/dev/sda")->state, PROBE_READY);
}

TEST(without_uevents_sys_is_looked_through)
{
	os_sim_uevent_sockets(0);
	plug_in(stick(700));
	os_sim_disk_gone("sda", 3000);
	start(5000);
	assert_in_range(os_sim_now(), 700, 1000);
	assert_non_null(seen("/dev/sda"));
	OK(probe_step(&p, 5000));
	assert_in_range(os_sim_now(), 3000, 3300);
	assert_null(seen("/dev/sda"));
}

TEST(what_is_no_disk_is_ignored)
{
	static const char *const names[] = { "loop0",	  "ram3",	 "dm-0",
					     "zram0",	  "sr0",	 "mmcblk0boot0",
					     "mtdblock1", "mmcblk0rpmb", "c0!d0" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(names); i++) {
		os_sim_link(strf("/sys/class/block/%s", names[i]), "../../devices/x");
		os_sim_link(strf("/sys/block/%s", names[i]), "../devices/x");
		os_sim_file(strf("/sys/class/block/%s/size", names[i]), "4096\n");
	}
	probe_start(&p);
	assert_int_equal(probe_pending(&p), 0);
	FAILS(probe_step(&p, 100), KB_ETIMEDOUT);
}

TEST(any_number_of_partitions_hides_no_disk)
{
	plug_in(vda());
	for (unsigned i = 1; i <= 520; i++)
		os_sim_file(strf("/sys/class/block/sda%u/partition", i), "1\n");
	probe_start(&p);
	settle();
	assert_non_null(seen("/dev/vda"));
	probe_stop(&p);
}

static void crowd(void *ctx)
{
	for (unsigned i = 0; i < 520; i++)
		os_sim_link(strf("/sys/block/aaa%u", i), "../devices/x");
}

TEST(a_list_that_is_full_drops_only_what_is_gone)
{
	os_sim_uevent_sockets(0); /* so that all is listed again and again */
	plug_in(vda());
	os_sim_at(500, crowd, NULL);
	os_sim_disk_gone("vda", 2000);
	start(100);
	FAILS(probe_step(&p, 1400), KB_ETIMEDOUT);
	assert_non_null(seen("/dev/vda"));
	OK(probe_step(&p, 1000));
	assert_null(seen("/dev/vda"));
}

TEST(a_card_reader_without_a_card_is_no_disk_until_it_has_one)
{
	static char path[] = "/devices/usb1/block/sdb";

	os_sim_link("/sys/class/block/sdb", "../../devices/usb1/block/sdb");
	os_sim_link("/sys/block/sdb", "../devices/usb1/block/sdb");
	os_sim_file("/sys/class/block/sdb/size", "0\n");
	probe_start(&p);
	FAILS(probe_step(&p, 100), KB_ETIMEDOUT);
	os_sim_file("/sys/class/block/sdb/size", "8192\n");
	os_sim_at(200, change_again, path);
	OK(probe_step(&p, 1000)); /* there is no helper: unreadable */
	assert_non_null(seen("/dev/sdb"));
	os_sim_file("/sys/class/block/sdb/size", "0\n");
	os_sim_at(600, change_again, path);
	settle();
	assert_null(seen("/dev/sdb"));
}

TEST(no_sys_at_all_is_no_reason_to_crash)
{
	os_sim_remove("/sys");
	probe_start(&p);
	FAILS(probe_step(&p, 1000), KB_ETIMEDOUT);
	assert_null(probe_find(&p, NULL, "/dev/vda"));
}

TEST(stopping_ends_what_is_under_way)
{
	PLUG_IN(vda(), it.prober_ms = 3000);
	probe_start(&p);
	probe_stop(&p);
	EQUAL((probe_pending(&p), 0), (os_sim_count("kill"), 1), (p.uevent_fd, -1));
}

TEST_MAIN("probe", .set_up = bare_machine, .tear_down = stop)
