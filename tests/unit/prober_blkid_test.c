/* SPDX-License-Identifier: Apache-2.0 */
/* The prober as it is, on images: also as the process that process 1 starts, without privileges.
 * This program is its own keelboot-prober. */
#include "initramfs/disks/probe_answer.h"
#include "initramfs/prober/prober.h"
#include "lib/os.h"
#include "tests/unit/child.h"
#include "tests/unit/folder.h"

#include <blkid/blkid.h>

static char image[96];
static struct prober_answer a;

static void shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void shell(const char *fmt, ...)
{
	char line[1024] = "exec >/dev/null 2>&1; PATH=$PATH:/usr/sbin:/sbin; cd ";
	va_list ap;

	snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s; ", folder);
	va_start(ap, fmt);
	vsnprintf(line + strlen(line), sizeof(line) - strlen(line), fmt, ap);
	va_end(ap);
	if (system(line) != 0)
		fail_msg("failed: %s", line);
}

/* Looks at the image in a process of its own, as process 1 does. */
static void look(void)
{
	const char *const argv[] = { "keelboot-prober", image, "60000", NULL };
	struct os_spawn sp = { .path = "/proc/self/exe", .argv = argv };
	int fd, status;
	size_t used;
	pid_t pid;

	fd = spawn_with_pipe(&sp, &pid);
	memset(&a, 0, sizeof(a));
	used = read_to_end(fd, &a, sizeof(a), TEST_LONG_MS);
	OK(os_wait(pid, TEST_LONG_MS, &status));
	assert_fine(status);
	OK(probe_answer_check(&a, used));
	os_close(&fd);
}

static void make_dir(void)
{
	folder_make();
	assert_int_equal(chmod(folder, 0755), 0);
	snprintf(image, sizeof(image), "%s/disk.img", folder);
}

/* State, slot a (ext4), slot b (squashfs), data (vfat), from 1 MiB on, 4 MiB each. */
static void make_gpt(void)
{
	shell("truncate -s 32M disk.img && printf '%%s\\n' 'label: gpt' "
	      "'start=2048,size=8192,name=keelboot-state,"
	      "uuid=11111111-2222-3333-4444-555555555555' "
	      "'start=10240,size=8192,name=root-a' 'start=18432,size=8192,name=root-b' "
	      "'start=26624,size=8192,name=data' | sfdisk disk.img");
	shell("truncate -s 4M fs && mke2fs -q -t ext4 -L system "
	      "-U aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee fs && "
	      "dd if=fs of=disk.img bs=1M seek=5 conv=notrunc && rm fs");
	/* A squashfs superblock is all that is looked at. */
	shell("{ printf 'hsqs'; head -c 24 /dev/zero; printf '\\004\\000\\000\\000'; "
	      "head -c 64 /dev/zero; } | dd of=disk.img bs=1M seek=9 conv=notrunc");
	shell("truncate -s 4M fs && mkfs.vfat -n STICK -i cafe0001 fs && "
	      "dd if=fs of=disk.img bs=1M seek=13 conv=notrunc && rm fs");
}

TEST(a_gpt_disk_is_understood)
{
	make_gpt();
	look();
	EQUAL((a.table, "gpt"), (a.size, 32 << 20), (a.n, 4), (a.flags, 0));
	assert_string_equal(a.part[0].partlabel, "keelboot-state");
	EQUAL((a.part[0].partuuid, "11111111-2222-3333-4444-555555555555"), (a.part[0].fstype, ""));
	EQUAL((a.part[0].start, 1 << 20), (a.part[0].size, 4 << 20));
	EQUAL((a.part[1].partlabel, "root-a"), (a.part[1].fstype, "ext4"));
	assert_string_equal(a.part[1].label, "system");
	EQUAL((a.part[1].uuid, "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"), (a.part[1].number, 2));
	EQUAL((a.part[2].fstype, "squashfs"), (a.part[3].fstype, "vfat"));
	EQUAL((a.part[3].label, "STICK"), (a.part[3].uuid, "CAFE-0001"), (a.whole.fstype, ""));
}

/* Not to be mounted by anything that is packed; but no place for a state, either. */
TEST(foreign_file_systems_are_told_by_their_names)
{
	shell("truncate -s 32M disk.img && { printf 'JFS1'; head -c 12 /dev/zero; "
	      "printf '\\000\\020\\000\\000\\014\\000\\003\\000'; "
	      "printf '\\000\\002\\000\\000\\011\\000'; } | "
	      "dd of=disk.img bs=32768 seek=1 conv=notrunc");
	look();
	EQUAL((a.table, ""), (a.whole.fstype, "jfs"), (a.whole.flags, 0));
}

/* md's superblock, version 1.0, of an array of 32 MiB: 8 KiB before the end, and it says so. */
static void put_md_superblock(void)
{
	shell("{ printf '\\374\\116\\053\\251\\001\\000\\000\\000'; head -c 72 /dev/zero; "
	      "printf '\\000\\000\\001'; head -c 61 /dev/zero; printf '\\360\\077\\001'; } | "
	      "dd of=disk.img bs=8192 seek=5119 conv=notrunc");
}

TEST(a_disk_that_is_a_member_of_an_array_is_told_with_its_partitions)
{
	make_gpt();
	shell("truncate -s 40M disk.img");
	look();
	EQUAL((a.flags, 0), (a.n, 4));
	put_md_superblock();
	look();
	EQUAL((a.flags, PROBER_MEMBER), (a.table, "gpt"), (a.n, 4));
}

TEST(a_disk_that_was_partitioned_behind_the_time_of_an_array_is_none)
{
	make_gpt();
	shell("truncate -s 40M disk.img && sfdisk --relocate gpt-bak-std disk.img");
	put_md_superblock();
	look();
	EQUAL((a.flags, 0), (a.table, "gpt"), (a.n, 4));
}

TEST(an_mbr_disk_is_understood_without_its_extended_partition)
{
	shell("truncate -s 32M disk.img && printf '%%s\\n' 'label: dos' 'label-id: 0x1234abcd' "
	      "'start=2048,size=8192,type=c' 'start=10240,size=40960,type=5' "
	      "'start=12288,size=8192,type=83' | sfdisk disk.img");
	look();
	EQUAL((a.table, "dos"), (a.n, 2), (a.part[0].number, 1));
	EQUAL((a.part[0].partuuid, "1234abcd-01"), (a.part[1].number, 5));
	assert_string_equal(a.part[1].partuuid, "1234abcd-05");
}

/* With `gpt` on its command line the kernel has the partitions: their names must not be lost. */
TEST(a_damaged_gpt_is_read_from_its_copy)
{
	for (unsigned sector = 0; sector < 3; sector++) {
		make_gpt();
		shell("dd if=/dev/urandom of=disk.img bs=512 count=1 seek=%u conv=notrunc", sector);
		look();
		EQUAL((a.flags, PROBER_GPT_BACKUP), (a.table, "gpt"), (a.n, 4));
		assert_string_equal(a.part[0].partuuid, "11111111-2222-3333-4444-555555555555");
		assert_string_equal(a.part[1].fstype, "ext4");
	}
}

/* What is left at the end of a stick that is one file system now is no table. */
TEST(a_file_system_goes_before_an_old_copy)
{
	make_gpt();
	shell("truncate -s 24M fs && mke2fs -q -t ext4 -L stick fs && "
	      "dd if=fs of=disk.img bs=1M conv=notrunc && rm fs");
	look();
	EQUAL((a.table, ""), (a.n, 0), (a.whole.fstype, "ext4"));
}

TEST(a_stick_without_partitions_is_its_file_system)
{
	shell("truncate -s 4M disk.img && mkfs.vfat -n UPDATE disk.img");
	look();
	EQUAL((a.table, ""), (a.n, 0), (a.whole.fstype, "vfat"), (a.whole.label, "UPDATE"));
	assert_int_equal(a.whole.size, 4 << 20);
}

TEST(an_empty_disk_has_nothing)
{
	shell("truncate -s 4M disk.img");
	look();
	EQUAL((a.n, 0), (a.table, ""), (a.whole.fstype, ""), (a.flags, 0));
}

TEST(garbage_is_nothing_and_never_fatal)
{
	for (unsigned seed = 1; seed <= 10; seed++) {
		int fd = open(image, O_WRONLY | O_CREAT | O_TRUNC, 0644);

		srand(seed);
		for (unsigned i = 0; i < 512; i++) {
			uint8_t block[4096];

			for (unsigned k = 0; k < sizeof(block); k++)
				block[k] = (uint8_t)(rand() >> 7);
			assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
		}
		/* A third of them look like a boot sector, a third have an ext4 magic. */
		if (seed % 3 == 1)
			assert_int_equal(pwrite(fd, "\x55\xaa", 2, 510), 2);
		if (seed % 3 == 2)
			assert_int_equal(pwrite(fd, "\x53\xef", 2, 1024 + 56), 2);
		close(fd);
		look();
	}
}

TEST(a_truncated_gpt_disk_gives_no_range_beyond_its_end)
{
	make_gpt();
	shell("truncate -s 10M disk.img");
	look();
	for (unsigned i = 0; i < a.n; i++)
		assert_string_equal(a.part[i].fstype, i == 1 ? "ext4" : a.part[i].fstype);
	shell("truncate -s 1000 disk.img");
	look();
	assert_int_equal(a.n, 0);
}

TEST(a_gpt_whose_checksum_is_wrong_is_not_believed)
{
	make_gpt();
	/* Both headers. */
	shell("printf xxxx | dd of=disk.img bs=1 seek=600 conv=notrunc; "
	      "printf xxxx | dd of=disk.img bs=1 seek=$((32*1048576 - 512 + 88)) conv=notrunc");
	look();
	assert_string_not_equal(a.table, "gpt");
}

TEST(two_file_systems_in_one_place_are_ambiguous)
{
	/* The superblock of a real one: libblkid looks at more and more of it. */
	shell("truncate -s 8M disk.img && mke2fs -q -t ext4 disk.img && mkdir empty && "
	      "mksquashfs empty squash.img -quiet -no-progress >/dev/null && "
	      "dd if=squash.img of=disk.img bs=96 count=1 conv=notrunc");
	look();
	assert_string_equal(a.whole.fstype, "");
	/* From 2.41 on libblkid does not say that there are two: it finds none, which is as safe.
	 */
	if (blkid_get_library_version(NULL, NULL) < 2400)
		assert_true(a.whole.flags & PROBER_PART_AMBIGUOUS);
}

/* A boot passes over them, since they may be left of before; who wants to write may not. */
TEST(what_a_boot_passes_over_is_found_by_who_asks_for_every_type)
{
	int fd;

	make_gpt();
	shell("printf 'S1SUSPEND\\000' | "
	      "dd of=disk.img bs=1 seek=$((1048576 + 4086)) conv=notrunc");
	look();
	EQUAL((a.part[0].fstype, ""), (a.part[0].flags, 0));
	fd = open(image, O_RDONLY | O_CLOEXEC);
	prober_look(fd, image, 20000, PROBER_EVERY, &a);
	EQUAL((a.part[0].fstype, "swsuspend"), (a.part[0].flags, PROBER_PART_FOREIGN));
	EQUAL((a.part[1].fstype, "ext4"), (a.part[1].flags, 0), (a.part[2].fstype, "squashfs"));
	EQUAL((a.part[2].flags, 0), (a.part[3].fstype, "vfat"), (a.part[3].flags, 0));
	close(fd);
}

TEST(names_that_are_not_printable_are_made_so)
{
	shell("truncate -s 4M disk.img && mke2fs -q -t ext4 -L \"$(printf 'a\\033[2Jb')\" "
	      "disk.img");
	look();
	assert_string_equal(a.whole.label, "a?[2Jb");
}

int main(int argc, char **argv)
{
	if (strcmp(argv[0], "keelboot-prober") == 0)
		_exit(prober_main(argc, argv)); /* the leak checker wants /proc */
	return TEST_RUN("prober_blkid", .set_up = make_dir, .tear_down = folder_remove);
}
