/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_grub.h"

#include "selector/loader/loader_block.h"
#include "selector/loader/loader_disk.h"

static uint8_t block[LOADER_BLOCK];

static const struct loader_disk_file grubenv = {
	.entry = "GRUBENV    ",
	.name = "grubenv",
	.least = LOADER_BLOCK,
	.most = LOADER_BLOCK,
	.reader = "GRUB keeps no variables there",
	.make = "grub-editenv FILE create",
};

/* From the medium: GRUB has no cache of ours. */
static enum kb_err read_block(struct loader *l, struct bdev *dev, uint64_t *off)
{
	uint32_t len;

	TRY(loader_disk_settle(l, dev));
	TRY(loader_disk_find(l, dev, &grubenv, off, &len));
	return loader_disk_said(l, loader_disk_read(dev, *off, block, sizeof(block)), "read");
}

enum kb_err loader_grub_read_from(struct loader *l, struct bdev *dev, struct loader_choice *c)
{
	uint64_t off;

	TRY(read_block(l, dev, &off));
	return loader_block_read(l, block, c);
}

enum kb_err loader_grub_write_to(struct loader *l, struct bdev *dev, const struct loader_choice *c)
{
	uint64_t off;

	TRY(read_block(l, dev, &off));
	TRY(loader_block_set(l, block, c));
	return loader_disk_write(l, dev, off, block, LOADER_BLOCK_SECTOR);
}

enum kb_err loader_grub_read(struct loader *l, struct loader_choice *c)
{
	struct bdev_file f;
	enum kb_err err = loader_disk_open(l, &f, l->where, 0);

	if (err == KB_OK)
		err = loader_grub_read_from(l, &f.bdev, c);
	bdev_file_close(&f);
	return err;
}

enum kb_err loader_grub_write(struct loader *l, const struct loader_choice *c)
{
	struct bdev_file f;
	enum kb_err err = loader_disk_open(l, &f, l->where, BDEV_FILE_WRITE);

	if (err == KB_OK)
		err = loader_grub_write_to(l, &f.bdev, c);
	bdev_file_close(&f);
	return err;
}
