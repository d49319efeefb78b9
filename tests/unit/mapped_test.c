/* SPDX-License-Identifier: Apache-2.0 */
/* Slots that are volumes, containers or arrays: their names, and the disks below them. */
#include "tests/sim/os_sim_here.h"

#include "initramfs/disks/mapped.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#define BLOCK "/sys/class/block/"

static void set_up(void)
{
	os_sim_reset();
}

static void named(const char *node, const char *mapper)
{
	char path[96], text[96];

	snprintf(path, sizeof(path), BLOCK "%s/dm/name", node);
	snprintf(text, sizeof(text), "%s\n", mapper);
	os_sim_file(path, text);
}

/* As sysfs links a partition of that disk. */
static void part_of(const char *disk, const char *part)
{
	char path[96], link[160];

	snprintf(path, sizeof(path), BLOCK "%s", part);
	snprintf(link, sizeof(link), "../../devices/pci0000:00/0000:00:03.0/virtio0/block/%s/%s",
		 disk, part);
	os_sim_link(path, link);
}

static void lies_on(const char *node, const char *slave)
{
	char path[96];

	snprintf(path, sizeof(path), BLOCK "%s/slaves/%s", node, slave);
	os_sim_file(path, "");
}

TEST(specs_of_volumes_containers_and_arrays)
{
	static const char *const yes[] = { "/dev/mapper/x", "/dev/kb/root-a", "/dev/md0",
					   "/dev/md/root-a" };
	static const char *const no[] = { "/dev/sda2", "/dev/disk/by-label/x", "/dev/block/8:1",
					  "/dev/mdx", "PARTLABEL=root-a" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(yes); i++)
		assert_true(mapped_is_spec(yes[i]));
	for (unsigned i = 0; i < KB_ARRAY_LEN(no); i++)
		assert_false(mapped_is_spec(no[i]));
}

TEST(volume_is_known_by_the_name_that_lvm_gives_it)
{
	named("dm-3", "kb--x-root--a");
	assert_true(mapped_is_named("dm-3", "/dev/kb-x/root-a"));
	assert_true(mapped_is_named("dm-3", "/dev/mapper/kb--x-root--a"));
	assert_false(mapped_is_named("dm-3", "/dev/kb/x-root-a"));
	assert_false(mapped_is_named("dm-3", "/dev/mapper/kb-x-root-a"));
	assert_false(mapped_is_named("dm-4", "/dev/kb-x/root-a"));
}

TEST(array_is_known_by_its_number_or_by_the_link_of_udev)
{
	os_sim_link("/dev/md/root-a", "../md127");
	assert_true(mapped_is_named("md127", "/dev/md/root-a"));
	assert_false(mapped_is_named("md126", "/dev/md/root-a"));
	assert_true(mapped_is_named("md1", "/dev/md1"));
	assert_false(mapped_is_named("md1", "/dev/md/root-b"));
	assert_false(mapped_is_named("sda1", "/dev/md1"));
}

/* LVM on LUKS on an array of two disks. */
TEST(both_disks_are_found_below_a_stack_of_four)
{
	char below[MAPPED_DISKS_MAX][32];

	part_of("vda", "vda3");
	part_of("nvme0n1", "nvme0n1p2");
	lies_on("dm-1", "dm-0");
	lies_on("dm-0", "md127");
	lies_on("md127", "vda3");
	lies_on("md127", "nvme0n1p2");
	assert_int_equal(mapped_disks("dm-1", below), 2);
	assert_string_equal(below[0], "nvme0n1");
	assert_string_equal(below[1], "vda");
}

TEST(disk_counts_once_for_both_of_its_partitions)
{
	char below[MAPPED_DISKS_MAX][32];

	part_of("vda", "vda3");
	part_of("vda", "vda4");
	lies_on("md0", "vda3");
	lies_on("md0", "vda4");
	assert_int_equal(mapped_disks("md0", below), 1);
	assert_string_equal(below[0], "vda");
}

/* The kernel allows none; what is not ours may lie. */
TEST(stack_without_an_end_is_left)
{
	char below[MAPPED_DISKS_MAX][32];

	lies_on("dm-0", "dm-1");
	lies_on("dm-1", "dm-0");
	assert_int_equal(mapped_disks("dm-0", below), 0);
}

TEST_MAIN("mapped", .set_up = set_up)
