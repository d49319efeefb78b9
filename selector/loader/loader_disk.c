/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_disk.h"

#include "lib/bytes.h"
#include "selector/loader/loader_block.h"
#include "selector/loader/loader_why.h"

#include <string.h>

#define NAME	   "GRUBENV    " /* as a folder has it */
#define ENTRY	   32u
#define ATTRIBUTES 11	 /* of an entry */
#define IS_NO_FILE 0x18u /* a label, part of a long name, a folder */
#define CLUSTER	   26
#define LENGTH	   28

enum kb_err loader_disk_read(struct bdev *dev, uint64_t off, uint8_t *out, size_t len)
{
	static uint8_t buf[2 * BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));
	uint64_t from = off - off % BDEV_ALIGN;
	size_t all = off - from + len > BDEV_ALIGN ? sizeof(buf) : BDEV_ALIGN;

	TRY(bdev_read(dev, from, buf, all));
	memcpy(out, buf + (off - from), len);
	return KB_OK;
}

/* What the first sector of FAT says, in bytes. */
struct fat {
	uint64_t root, data, end;
	uint32_t entries, cluster;
};

static bool is_power_of_2(uint32_t n, uint32_t least, uint32_t most)
{
	return n >= least && n <= most && (n & (n - 1)) == 0;
}

static bool take_boot_sector(struct fat *f, const uint8_t *s)
{
	uint32_t sector = bytes_get16(s + 11), sectors = bytes_get16(s + 19);
	uint32_t fats = s[16] * (uint32_t)bytes_get16(s + 22);

	f->entries = bytes_get16(s + 17);
	f->cluster = s[13] * sector;
	f->root = (bytes_get16(s + 14) + (uint64_t)fats) * sector;
	f->data = f->root + (uint64_t)f->entries * ENTRY;
	f->end = (uint64_t)(sectors != 0 ? sectors : bytes_get32(s + 32)) * sector;
	return s[510] == 0x55 && s[511] == 0xaa && is_power_of_2(sector, 512, BDEV_ALIGN) &&
	       is_power_of_2(s[13], 1, 128) && f->entries != 0 && fats != 0 &&
	       f->data % sector == 0;
}

static enum kb_err read_fat(struct loader *l, struct bdev *dev, struct fat *f)
{
	uint8_t sector[512];
	enum kb_err err = loader_disk_read(dev, 0, sector, sizeof(sector));

	if (err != KB_OK)
		return loader_why(l, err, "%s: cannot read: %s", l->where, err_text(err));
	if (!take_boot_sector(f, sector))
		return loader_why(
			l, KB_EFORMAT,
			"%s is no file system of FAT12 or FAT16: GRUB keeps no variables there",
			l->where);
	if (f->cluster < LOADER_BLOCK)
		return loader_why(l, KB_EFORMAT,
				  "%s has clusters below 1024 bytes: make it by mkfs.vfat -s 4",
				  l->where);
	return KB_OK;
}

/* Of the file, if this is its entry. */
static enum kb_err check_entry(struct loader *l, const struct fat *f, const uint8_t *e,
			       uint64_t size, uint64_t *off)
{
	uint32_t cluster = bytes_get16(e + CLUSTER);

	*off = f->data + (uint64_t)(cluster - 2) * f->cluster;
	if (bytes_get32(e + LENGTH) == LOADER_BLOCK && cluster >= 2 &&
	    *off + LOADER_BLOCK <= f->end && *off + LOADER_BLOCK <= size)
		return KB_OK;
	return loader_why(l, KB_EFORMAT, "%s: its file grubenv is damaged, or has not 1024 bytes",
			  l->where);
}

enum kb_err loader_disk_find(struct loader *l, struct bdev *dev, uint64_t *off)
{
	struct fat f = { 0 };
	uint8_t e[ENTRY];

	TRY(read_fat(l, dev, &f));
	for (uint32_t i = 0; i < f.entries; i++) {
		enum kb_err err = loader_disk_read(dev, f.root + (uint64_t)i * ENTRY, e, ENTRY);

		if (err != KB_OK)
			return loader_why(l, err, "%s: cannot read: %s", l->where, err_text(err));
		if (e[0] == 0)
			break;
		if ((e[ATTRIBUTES] & IS_NO_FILE) == 0 && memcmp(e, NAME, 11) == 0)
			return check_entry(l, &f, e, dev->size, off);
	}
	return loader_why(l, KB_EFORMAT,
			  "%s has no file grubenv: make one there by grub-editenv FILE create",
			  l->where);
}
