/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device/device_content.h"

#include "tests/unit/test.h"

#define ALL (128 * 1024)

static struct bdev_file file;

/* What is found in zeroes, with these letters at this place. */
static struct device_content find_in(off_t at, const char *letters, size_t len, off_t size)
{
	char path[] = "/tmp/device_content_test.XXXXXX";
	struct device_content c;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(pwrite(fd, letters, len, at), (ssize_t)len);
	OK(bdev_file_from_fd(&file, fd));
	device_content_find(&c, &file.bdev);
	bdev_file_close(&file);
	close(fd);
	return c;
}

TEST(letters_at_their_place_are_known)
{
	static const struct {
		off_t at;
		const char *letters, *what;
	} cases[] = {
		{ 0, "KEELBNDL", "a bundle" },
		{ 0, "KEELPART", "a partial bundle" },
		{ 0, "LUKS\xba\xbe", "a LUKS container" },
		{ 0, "XFSB", "an XFS file system" },
		{ 0, "hsqs", "a squashfs image" },
		{ 0, "UBI#", "a UBI image" },
		{ 3, "EXFAT   ", "an exFAT file system" },
		{ 3, "NTFS    ", "an NTFS file system" },
		{ 54, "FAT12", "a FAT file system" },
		{ 54, "FAT16", "a FAT file system" },
		{ 82, "FAT32", "a FAT file system" },
		{ 512, "LABELONE", "a physical volume of LVM" },
		{ 1024, "\xe2\xe1\xf5\xe0", "an EROFS image" },
		{ 1024, "\x10\x20\xf5\xf2", "an F2FS file system" },
		{ 1080, "\x53\xef", "an ext2, ext3 or ext4 file system" },
		{ 4086, "SWAPSPACE2", "swap space" },
		{ 4096, "\xfc\x4e\x2b\xa9", "a member of a RAID array" },
		{ 32769, "CD001", "an ISO 9660 image" },
		{ 65600, "_BHRfS_M", "a btrfs file system" },
	};

	for (size_t i = 0; i < KB_ARRAY_LEN(cases); i++) {
		size_t len = strlen(cases[i].letters);
		struct device_content c = find_in(cases[i].at, cases[i].letters, len, ALL);

		assert_non_null(c.what);
		EQUAL((c.what, cases[i].what), (c.disk, false));
		c = find_in(cases[i].at + 1, cases[i].letters, len, ALL);
		assert_null(c.what);
	}
}

static struct device_content find_dos_entry(char active, char type)
{
	char table[66] = { active, 0, 0, 0, type, [64] = 0x55, [65] = (char)0xaa };

	return find_in(446, table, sizeof(table), ALL);
}

TEST(tables_of_partitions_are_disks)
{
	struct device_content c = find_in(512, "EFI PART", 8, ALL);

	EQUAL((c.what, "a disk with partitions (GPT)"), (c.disk, true));
	c = find_in(4096, "EFI PART", 8, ALL);
	EQUAL((c.what, "a disk with partitions (GPT)"), (c.disk, true));
	c = find_dos_entry(0, 0x0c);
	EQUAL((c.what, "a disk with partitions (MBR)"), (c.disk, true));
	c = find_dos_entry((char)0x80, 0x0c);
	EQUAL((c.what, "a disk with partitions (MBR)"), (c.disk, true));
}

TEST(what_only_resembles_one_is_unknown)
{
	/* a block size that ext4 does not have */
	static const char ext[34] = { 7, [32] = 0x53, [33] = (char)0xef };

	assert_null(find_dos_entry(0, 0).what);
	assert_null(find_dos_entry(1, 0x0c).what);
	assert_null(find_in(1048, ext, sizeof(ext), ALL).what);
	assert_null(find_in(0, "", 1, ALL).what);
}

TEST(what_ends_early_is_read_as_far_as_it_goes)
{
	EQUAL((find_in(1080, "\x53\xef", 2, 4096).what, "an ext2, ext3 or ext4 file system"));
	assert_null(find_in(1080, "\x53\xef", 2, 2048).what);
	assert_null(find_in(0, "", 0, 0).what);
}

TEST_MAIN("device_content")
