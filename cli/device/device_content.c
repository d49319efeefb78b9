/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device/device_content.h"

#include "lib/bytes.h"
#include "lib/util.h"

#include <stdint.h>
#include <string.h>

#define HEAD (68u << 10) /* up to btrfs's letters, which begin last */

/* Of a table of DOS. */
#define DOS_ENTRIES   446u
#define DOS_ENTRY     16u
#define DOS_SIGNATURE 510u

/* A magic number of two bytes alone would be found in one random block of 65,536. */
#define EXT_MAGIC    1080u
#define EXT_LOG_SIZE 1048u
#define EXT_LOG_MAX  6u

struct sign {
	uint32_t off;
	uint8_t len;
	const char *letters, *what;
};

static const struct sign signs[] = {
	{ 0, 8, "KEELBNDL", "a bundle" },
	{ 0, 8, "KEELPART", "a partial bundle" },
	{ 0, 6, "LUKS\xba\xbe", "a LUKS container" },
	{ 0, 4, "XFSB", "an XFS file system" },
	{ 0, 4, "hsqs", "a squashfs image" },
	{ 0, 4, "UBI#", "a UBI image" },
	{ 3, 8, "EXFAT   ", "an exFAT file system" },
	{ 3, 8, "NTFS    ", "an NTFS file system" },
	{ 54, 5, "FAT12", "a FAT file system" },
	{ 54, 5, "FAT16", "a FAT file system" },
	{ 82, 5, "FAT32", "a FAT file system" },
	{ 512, 8, "LABELONE", "a physical volume of LVM" },
	{ 1024, 4, "\xe2\xe1\xf5\xe0", "an EROFS image" },
	{ 1024, 4, "\x10\x20\xf5\xf2", "an F2FS file system" },
	{ 4086, 10, "SWAPSPACE2", "swap space" },
	{ 4096, 4, "\xfc\x4e\x2b\xa9", "a member of a RAID array" },
	{ 32769, 5, "CD001", "an ISO 9660 image" },
	{ 65600, 8, "_BHRfS_M", "a btrfs file system" },
};

static uint8_t head[HEAD] __attribute__((aligned(BDEV_ALIGN)));

static bool is_gpt(void)
{
	return memcmp(head + 512, "EFI PART", 8) == 0 || memcmp(head + 4096, "EFI PART", 8) == 0;
}

static bool is_ext(void)
{
	return bytes_get16(head + EXT_MAGIC) == 0xef53 &&
	       bytes_get32(head + EXT_LOG_SIZE) <= EXT_LOG_MAX;
}

/* FAT ends in the same two letters: it is looked for before. */
static bool is_dos_table(void)
{
	unsigned used = 0;

	if (bytes_get16(head + DOS_SIGNATURE) != 0xaa55)
		return false;
	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *entry = head + DOS_ENTRIES + (size_t)i * DOS_ENTRY;

		/* active or not, and nothing else */
		if ((entry[0] & 0x7f) != 0)
			return false;
		used += entry[4] != 0;
	}
	return used > 0;
}

void device_content_find(struct device_content *c, struct bdev *dev)
{
	size_t len = dev->size < HEAD ? (size_t)dev->size / BDEV_ALIGN * BDEV_ALIGN : HEAD;

	*c = (struct device_content){ .what = NULL };
	memset(head, 0, sizeof(head));
	if (len == 0 || bdev_read(dev, 0, head, len) != KB_OK)
		return;
	if (is_gpt())
		*c = (struct device_content){ "a disk with partitions (GPT)", true };
	else if (is_ext())
		c->what = "an ext2, ext3 or ext4 file system";
	for (unsigned i = 0; c->what == NULL && i < KB_ARRAY_LEN(signs); i++)
		if (memcmp(head + signs[i].off, signs[i].letters, signs[i].len) == 0)
			c->what = signs[i].what;
	if (c->what == NULL && is_dos_table())
		*c = (struct device_content){ "a disk with partitions (MBR)", true };
}
