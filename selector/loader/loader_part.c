/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_part.h"

#include "lib/bytes.h"
#include "lib/os.h"
#include "lib/util.h"
#include "selector/loader/loader_disk.h"
#include "selector/loader/loader_why.h"

#include <stdio.h>
#include <string.h>

#define SIGNATURE     "EFI PART"
#define ENTRIES	      72 /* of the header: where they begin, 8 bytes */
#define ENTRIES_COUNT 80
#define ENTRY_LEN     84
#define ENTRY_MAX     4096
#define ENTRY_GUID    16 /* of an entry */
#define ENTRY_START   32
#define ENTRY_END     40

/* What the kernel says of a partition. */
struct kernels {
	char disk[64];
	uint64_t number, start, sectors, block;
};

static enum kb_err no_partition(struct loader *l, const char *dev)
{
	return loader_why(l, KB_ENODEV, "%s: the kernel has no such partition", dev);
}

static enum kb_err number_at(struct loader *l, const char *name, const char *file, uint64_t *n)
{
	char path[192], text[32];

	snprintf(path, sizeof(path), "%s/sys/class/block/%.31s/%s", l->root, name, file);
	TRY(os_read_file(path, text, sizeof(text), NULL));
	text[strcspn(text, "\n")] = '\0';
	return bytes_decimal(n, text, INT64_MAX / 512);
}

/* ".../block/vda/vda2": "vda". */
static enum kb_err disk_of(struct loader *l, const char *name, char disk[64])
{
	char path[192], link[256], *end;

	snprintf(path, sizeof(path), "%s/sys/class/block/%.31s", l->root, name);
	TRY(os_readlink(path, link, sizeof(link)));
	end = strrchr(link, '/');
	if (end == NULL)
		return KB_ENODEV;
	*end = '\0';
	end = strrchr(link, '/');
	if (end == NULL || strlen(end + 1) >= 64)
		return KB_ENODEV;
	memcpy(disk, end + 1, strlen(end + 1) + 1);
	return KB_OK;
}

static enum kb_err ask_kernel(struct loader *l, const char *name, struct kernels *k)
{
	TRY(number_at(l, name, "partition", &k->number));
	TRY(number_at(l, name, "start", &k->start));
	TRY(number_at(l, name, "size", &k->sectors));
	TRY(number_at(l, name, "../queue/logical_block_size", &k->block));
	TRY(disk_of(l, name, k->disk));
	return k->number != 0 && k->number <= UINT32_MAX && k->block >= 512 &&
			       k->block <= BDEV_ALIGN && BDEV_ALIGN % k->block == 0
		       ? KB_OK
		       : KB_ENODEV;
}

/* The entry of the partition by the header in this block, if it is where the kernel has it. */
static enum kb_err look_in_table(struct bdev *disk, uint64_t header, const struct kernels *k,
				 struct loader_part *part)
{
	uint8_t h[92], e[ENTRY_END + 8];
	uint64_t len, off, start = k->start * 512 / k->block;

	TRY(loader_disk_read(disk, header * k->block, h, sizeof(h)));
	len = bytes_get32(h + ENTRY_LEN);
	if (memcmp(h, SIGNATURE, 8) != 0 || k->number > bytes_get32(h + ENTRIES_COUNT) ||
	    len < 128 || len > ENTRY_MAX || bytes_get64(h + ENTRIES) > disk->size / k->block)
		return KB_EFORMAT;
	off = bytes_get64(h + ENTRIES) * k->block + (k->number - 1) * len;
	TRY(loader_disk_read(disk, off, e, sizeof(e)));
	*part = (struct loader_part){ .number = (uint32_t)k->number,
				      .start = start,
				      .blocks = k->sectors * 512 / k->block };
	memcpy(part->guid, e + ENTRY_GUID, sizeof(part->guid));
	return bytes_get64(e + ENTRY_START) == start &&
			       bytes_get64(e + ENTRY_END) == start + part->blocks - 1
		       ? KB_OK
		       : KB_EFORMAT;
}

static enum kb_err look_on_disk(struct loader *l, const struct kernels *k, struct loader_part *part)
{
	struct bdev_file f;
	char path[192];
	enum kb_err err;

	snprintf(path, sizeof(path), "%s/dev/%.63s", l->root, k->disk);
	err = bdev_file_open(&f, path, 0);
	if (err == KB_OK && look_in_table(&f.bdev, 1, k, part) != KB_OK)
		err = look_in_table(&f.bdev, f.bytes / k->block - 1, k, part);
	bdev_file_close(&f);
	return err;
}

enum kb_err loader_part_look(struct loader *l, const char *dev, struct loader_part *part)
{
	struct kernels k;
	enum kb_err err;

	if (strncmp(dev, "/dev/", 5) != 0 || strchr(dev + 5, '/') != NULL || dev[5] == '.' ||
	    ask_kernel(l, dev + 5, &k) != KB_OK)
		return no_partition(l, dev);
	err = look_on_disk(l, &k, part);
	if (err == KB_OK)
		return KB_OK;
	return loader_why(l, err, "%s: cannot find it in the GPT of /dev/%s: %s", dev, k.disk,
			  err_text(err));
}

void loader_part_guid(const struct loader_part *part, char text[LOADER_PART_GUID])
{
	const uint8_t *g = part->guid;

	snprintf(text, LOADER_PART_GUID, "%08X-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X",
		 bytes_get32(g), bytes_get16(g + 4), bytes_get16(g + 6), g[8], g[9], g[10], g[11],
		 g[12], g[13], g[14], g[15]);
}
