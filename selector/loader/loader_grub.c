/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_grub.h"

#include "selector/loader/loader_block.h"
#include "selector/loader/loader_disk.h"
#include "selector/loader/loader_why.h"

#include <stdio.h>
#include <string.h>

static uint8_t block[LOADER_BLOCK];
static uint8_t page[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));
static uint8_t back[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));

static enum kb_err said(struct loader *l, enum kb_err err, const char *what)
{
	return err == KB_OK
		       ? KB_OK
		       : loader_why(l, err, "%s: cannot %s: %s", l->where, what, err_text(err));
}

/* From the medium: GRUB has no cache of ours. */
static enum kb_err read_block(struct loader *l, struct bdev *dev, uint64_t *off)
{
	TRY(said(l, bdev_drop_cache(dev, 0, dev->size), "drop its cache"));
	TRY(loader_disk_find(l, dev, off));
	return said(l, loader_disk_read(dev, *off, block, sizeof(block)), "read");
}

enum kb_err loader_grub_read_from(struct loader *l, struct bdev *dev, struct loader_choice *c)
{
	uint64_t off;

	TRY(read_block(l, dev, &off));
	return loader_block_read(l, block, c);
}

/* Writes a page in which one sector is another. */
static enum kb_err write_sector(struct loader *l, struct bdev *dev, uint64_t off)
{
	uint64_t at = off - off % BDEV_ALIGN;

	TRY(said(l, bdev_read(dev, at, page, BDEV_ALIGN), "read"));
	memcpy(page + (off - at), block, LOADER_BLOCK_SECTOR);
	TRY(said(l, bdev_write(dev, at, page, BDEV_ALIGN), "write"));
	TRY(said(l, bdev_flush(dev), "flush"));
	TRY(said(l, bdev_drop_cache(dev, at, BDEV_ALIGN), "drop its cache"));
	TRY(said(l, bdev_read(dev, at, back, BDEV_ALIGN), "read"));
	if (memcmp(page, back, BDEV_ALIGN) == 0)
		return KB_OK;
	return loader_why(l, KB_EIO, "%s reads back other bytes than were written", l->where);
}

enum kb_err loader_grub_write_to(struct loader *l, struct bdev *dev, const struct loader_choice *c)
{
	uint64_t off;

	TRY(read_block(l, dev, &off));
	TRY(loader_block_set(l, block, c));
	return write_sector(l, dev, off);
}

static enum kb_err open_partition(struct loader *l, struct bdev_file *f, unsigned flags)
{
	char path[256];

	snprintf(path, sizeof(path), "%s%s", l->root, l->where);
	return said(l, bdev_file_open(f, path, flags), "open");
}

enum kb_err loader_grub_read(struct loader *l, struct loader_choice *c)
{
	struct bdev_file f;
	enum kb_err err = open_partition(l, &f, 0);

	if (err == KB_OK)
		err = loader_grub_read_from(l, &f.bdev, c);
	bdev_file_close(&f);
	return err;
}

enum kb_err loader_grub_write(struct loader *l, const struct loader_choice *c)
{
	struct bdev_file f;
	enum kb_err err = open_partition(l, &f, BDEV_FILE_WRITE);

	if (err == KB_OK)
		err = loader_grub_write_to(l, &f.bdev, c);
	bdev_file_close(&f);
	return err;
}
