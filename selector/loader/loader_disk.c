/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_disk.h"

#include "lib/bytes.h"
#include "lib/util.h"
#include "selector/loader/loader_why.h"

#include <stdio.h>
#include <string.h>

#define ENTRY	   32u
#define ATTRIBUTES 11	 /* of an entry */
#define IS_NO_FILE 0x18u /* a label, part of a long name, a folder */
#define HIGH	   20	 /* of the cluster's number, with FAT32 */
#define CLUSTER	   26
#define LENGTH	   28

enum kb_err loader_disk_said(struct loader *l, enum kb_err err, const char *what)
{
	return err == KB_OK
		       ? KB_OK
		       : loader_why(l, err, "%s: cannot %s: %s", l->where, what, err_text(err));
}

enum kb_err loader_disk_open(struct loader *l, struct bdev_file *f, const char *where,
			     unsigned flags)
{
	char path[256];

	snprintf(path, sizeof(path), "%s%s", l->root, where);
	return loader_disk_said(l, bdev_file_open(f, path, flags), "open");
}

/* ---------------------------------------------------------------- bytes */

enum kb_err loader_disk_settle(struct loader *l, struct bdev *dev)
{
	TRY(loader_disk_said(l, bdev_flush(dev), "flush"));
	return loader_disk_said(l, bdev_drop_cache(dev, 0, dev->size), "drop its cache");
}

enum kb_err loader_disk_read(struct bdev *dev, uint64_t off, uint8_t *out, size_t len)
{
	static uint8_t buf[2 * BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));
	uint64_t from = off - off % BDEV_ALIGN;
	size_t all = off - from + len > BDEV_ALIGN ? sizeof(buf) : BDEV_ALIGN;

	TRY(bdev_read(dev, from, buf, all));
	memcpy(out, buf + (off - from), len);
	return KB_OK;
}

/* Other sectors of the page are written with it: they are read twice, from the medium. */
static enum kb_err read_page(struct loader *l, struct bdev *dev, uint64_t at, uint8_t *page)
{
	static uint8_t again[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));

	TRY(loader_disk_said(l, bdev_read(dev, at, page, BDEV_ALIGN), "read"));
	TRY(loader_disk_said(l, bdev_drop_cache(dev, at, BDEV_ALIGN), "drop its cache"));
	TRY(loader_disk_said(l, bdev_read(dev, at, again, BDEV_ALIGN), "read"));
	return memcmp(page, again, BDEV_ALIGN) == 0
		       ? KB_OK
		       : loader_why(l, KB_EIO, "%s reads as other bytes the second time", l->where);
}

/* What stands there may be nothing that can be read: no later boot could set anything. */
static void put_back(struct bdev *dev, uint64_t at, const uint8_t *page)
{
	if (bdev_write(dev, at, page, BDEV_ALIGN) == KB_OK)
		(void)!bdev_flush(dev);
}

/* A page in which one sector is another. */
enum kb_err loader_disk_write(struct loader *l, struct bdev *dev, uint64_t off,
			      const uint8_t *bytes, size_t len)
{
	static uint8_t page[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));
	static uint8_t was[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));
	static uint8_t back[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));
	uint64_t at = off - off % BDEV_ALIGN;

	TRY(read_page(l, dev, at, page));
	memcpy(was, page, BDEV_ALIGN);
	memcpy(page + (off - at), bytes, len);
	TRY(loader_disk_said(l, bdev_write(dev, at, page, BDEV_ALIGN), "write"));
	TRY(loader_disk_said(l, bdev_flush(dev), "flush"));
	TRY(loader_disk_said(l, bdev_drop_cache(dev, at, BDEV_ALIGN), "drop its cache"));
	TRY(loader_disk_said(l, bdev_read(dev, at, back, BDEV_ALIGN), "read"));
	if (memcmp(page, back, BDEV_ALIGN) == 0)
		return KB_OK;
	put_back(dev, at, was);
	return loader_why(l, KB_EIO, "%s reads back other bytes than were written", l->where);
}

/* ---------------------------------------------------------------- a file */

/* What the first sector of FAT says, in bytes; of FAT32's top folder, the first cluster. */
struct fat {
	uint64_t root, data, end;
	uint32_t entries, cluster;
	bool is_32;
};

static bool is_power_of_2(uint32_t n, uint32_t least, uint32_t most)
{
	return n >= least && n <= most && (n & (n - 1)) == 0;
}

/* Of FAT32, whose top folder is a file. */
static bool take_32(struct fat *f, const uint8_t *s, uint32_t sector)
{
	uint32_t first = bytes_get32(s + 44);

	f->is_32 = true;
	f->data = (bytes_get16(s + 14) + (uint64_t)s[16] * bytes_get32(s + 36)) * sector;
	f->root = f->data + (uint64_t)(first - 2) * f->cluster;
	f->entries = f->cluster / ENTRY;
	return s[16] != 0 && first >= 2 && f->root + f->cluster <= f->end;
}

static bool take_boot_sector(struct fat *f, const uint8_t *s, uint64_t size)
{
	uint32_t sector = bytes_get16(s + 11), sectors = bytes_get16(s + 19);
	uint32_t fats = s[16] * (uint32_t)bytes_get16(s + 22);

	f->entries = bytes_get16(s + 17);
	f->cluster = s[13] * sector;
	f->end = (uint64_t)(sectors != 0 ? sectors : bytes_get32(s + 32)) * sector;
	if (f->end > size)
		f->end = size;
	if (s[510] != 0x55 || s[511] != 0xaa || !is_power_of_2(sector, 512, BDEV_ALIGN) ||
	    !is_power_of_2(s[13], 1, 128))
		return false;
	if (f->entries == 0 && fats == 0)
		return take_32(f, s, sector);
	f->root = (bytes_get16(s + 14) + (uint64_t)fats) * sector;
	f->data = f->root + (uint64_t)f->entries * ENTRY;
	return f->entries != 0 && fats != 0 && f->data % sector == 0;
}

static enum kb_err read_fat(struct loader *l, struct bdev *dev, const struct loader_disk_file *file,
			    struct fat *f)
{
	uint8_t sector[512] = { 0 };

	TRY(loader_disk_said(l, loader_disk_read(dev, 0, sector, sizeof(sector)), "read"));
	if (!take_boot_sector(f, sector, dev->size))
		return loader_why(l, KB_EFORMAT, "%s is no file system of FAT: %s", l->where,
				  file->reader);
	if (f->cluster < file->most)
		return loader_why(l, KB_EFORMAT,
				  "%s has clusters below %u bytes: make it by mkfs.vfat -s 4",
				  l->where, file->most);
	return KB_OK;
}

/* Of the file, if this is its entry. */
static enum kb_err check_entry(struct loader *l, const struct fat *f, const uint8_t *e,
			       const struct loader_disk_file *file, uint64_t *off, uint32_t *len)
{
	uint32_t cluster = bytes_get16(e + CLUSTER);

	if (f->is_32)
		cluster |= (uint32_t)bytes_get16(e + HIGH) << 16;
	*len = bytes_get32(e + LENGTH);
	*off = f->data + (uint64_t)(cluster - 2) * f->cluster;
	if (*len >= file->least && *len <= file->most && cluster >= 2 && *off + *len <= f->end)
		return KB_OK;
	if (file->least == file->most)
		return loader_why(l, KB_EFORMAT, "%s: its file %s is damaged, or has not %u bytes",
				  l->where, file->name, file->most);
	return loader_why(l, KB_EFORMAT, "%s: its file %s is damaged, or has more than %u bytes",
			  l->where, file->name, file->most);
}

static bool is_entry_of(const uint8_t *e, const struct loader_disk_file *file)
{
	return (e[ATTRIBUTES] & IS_NO_FILE) == 0 && memcmp(e, file->entry, 11) == 0;
}

enum kb_err loader_disk_find(struct loader *l, struct bdev *dev,
			     const struct loader_disk_file *file, uint64_t *off, uint32_t *len)
{
	struct fat f = { 0 };
	uint8_t e[ENTRY] = { 0 };

	TRY(read_fat(l, dev, file, &f));
	for (uint32_t i = 0; i < f.entries; i++) {
		TRY(loader_disk_said(
			l, loader_disk_read(dev, f.root + (uint64_t)i * ENTRY, e, ENTRY), "read"));
		if (e[0] == 0)
			break;
		if (is_entry_of(e, file))
			return check_entry(l, &f, e, file, off, len);
	}
	return loader_why(l, KB_EFORMAT, "%s has no file %s: make one there by %s", l->where,
			  file->name, file->make);
}
