/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_part.h"

#include "lib/bytes.h"
#include "lib/os.h"
#include "lib/util.h"
#include "selector/loader/loader_disk.h"
#include "selector/loader/loader_var.h"
#include "selector/loader/loader_why.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SIGNATURE     "EFI PART"
#define ENTRIES	      72 /* of the header: where they begin, 8 bytes */
#define ENTRIES_COUNT 80
#define ENTRY_LEN     84
#define ENTRY_MAX     4096
#define ENTRY_GUID    16 /* of an entry */
#define ENTRY_START   32
#define ENTRY_END     40
#define TABLE_MAX     1024 /* entries that are looked at */

/* What the kernel says of a partition. */
struct kernels {
	char disk[LOADER_PART_DISK];
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
static enum kb_err disk_of(struct loader *l, const char *name, char disk[LOADER_PART_DISK])
{
	char path[192], link[256], *end;

	snprintf(path, sizeof(path), "%s/sys/class/block/%.31s", l->root, name);
	TRY(os_readlink(path, link, sizeof(link)));
	end = strrchr(link, '/');
	if (end == NULL)
		return KB_ENODEV;
	*end = '\0';
	end = strrchr(link, '/');
	if (end == NULL || strlen(end + 1) >= LOADER_PART_DISK)
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

/* Entries of a table, by the header that names them. */
struct table {
	uint64_t off, len, n;
};

static enum kb_err read_header(struct bdev *disk, uint64_t header, const struct kernels *k,
			       struct table *t)
{
	uint8_t h[92];

	TRY(loader_disk_read(disk, header * k->block, h, sizeof(h)));
	t->len = bytes_get32(h + ENTRY_LEN);
	t->n = bytes_get32(h + ENTRIES_COUNT);
	if (memcmp(h, SIGNATURE, 8) != 0 || t->len < 128 || t->len > ENTRY_MAX ||
	    bytes_get64(h + ENTRIES) > disk->size / k->block)
		return KB_EFORMAT;
	t->off = bytes_get64(h + ENTRIES) * k->block;
	return KB_OK;
}

/* The entry of the partition by the header in this block, if it is where the kernel has it. */
static enum kb_err look_in_table(struct bdev *disk, uint64_t header, const struct kernels *k,
				 struct table *t, struct loader_part *part)
{
	uint8_t e[ENTRY_END + 8];
	uint64_t start = k->start * 512 / k->block;

	TRY(read_header(disk, header, k, t));
	if (k->number > t->n)
		return KB_EFORMAT;
	TRY(loader_disk_read(disk, t->off + (k->number - 1) * t->len, e, sizeof(e)));
	*part = (struct loader_part){ .number = (uint32_t)k->number,
				      .start = start,
				      .blocks = k->sectors * 512 / k->block };
	memcpy(part->guid, e + ENTRY_GUID, sizeof(part->guid));
	return bytes_get64(e + ENTRY_START) == start &&
			       bytes_get64(e + ENTRY_END) == start + part->blocks - 1
		       ? KB_OK
		       : KB_EFORMAT;
}

/* Whether a table has a partition of this GUID; NULL: of whichever. An entry without a type is
 * none.
 */
static enum kb_err find_guid(struct bdev *disk, const struct table *t, const char *guid, bool *is)
{
	struct loader_part part;
	char text[LOADER_PART_GUID];
	uint8_t e[ENTRY_GUID + sizeof(part.guid)];

	*is = guid == NULL;
	for (uint64_t i = 0; i < t->n && i < TABLE_MAX && !*is; i++) {
		TRY(loader_disk_read(disk, t->off + i * t->len, e, sizeof(e)));
		memcpy(part.guid, e + ENTRY_GUID, sizeof(part.guid));
		loader_part_guid(&part, text);
		*is = !bytes_all(e, ENTRY_GUID, 0) && strcasecmp(text, guid) == 0;
	}
	return KB_OK;
}

static enum kb_err look_on_disk(struct loader *l, const struct kernels *k, struct loader_part *part,
				const char *guid, bool *is)
{
	struct bdev_file f;
	struct table t;
	char path[192];
	enum kb_err err;

	snprintf(path, sizeof(path), "%s/dev/%.63s", l->root, k->disk);
	err = bdev_file_open(&f, path, 0);
	if (err == KB_OK && look_in_table(&f.bdev, 1, k, &t, part) != KB_OK)
		err = look_in_table(&f.bdev, f.bytes / k->block - 1, k, &t, part);
	if (err == KB_OK)
		err = find_guid(&f.bdev, &t, guid, is);
	bdev_file_close(&f);
	return err;
}

static enum kb_err look_by_kernel(struct loader *l, const char *dev, struct kernels *k)
{
	if (strncmp(dev, "/dev/", 5) != 0 || strchr(dev + 5, '/') != NULL || dev[5] == '.' ||
	    ask_kernel(l, dev + 5, k) != KB_OK)
		return no_partition(l, dev);
	return KB_OK;
}

static enum kb_err find_part(struct loader *l, const char *dev, struct loader_part *part,
			     const char *guid, bool *is)
{
	struct kernels k;
	enum kb_err err;

	TRY(look_by_kernel(l, dev, &k));
	err = look_on_disk(l, &k, part, guid, is);
	if (err == KB_OK)
		return KB_OK;
	return loader_why(l, err, "%s: cannot find it in the GPT of /dev/%s: %s", dev, k.disk,
			  err_text(err));
}

enum kb_err loader_part_number(struct loader *l, const char *dev, char disk[LOADER_PART_DISK],
			       uint32_t *number)
{
	struct kernels k = { .number = 0 };

	TRY(look_by_kernel(l, dev, &k));
	memcpy(disk, k.disk, LOADER_PART_DISK);
	*number = (uint32_t)k.number;
	return KB_OK;
}

enum kb_err loader_part_look(struct loader *l, const char *dev, struct loader_part *part)
{
	bool is;

	return find_part(l, dev, part, NULL, &is);
}

enum kb_err loader_part_is_beside(struct loader *l, const char *dev, const char *guid, bool *is)
{
	struct loader_part part;

	return find_part(l, dev, &part, guid, is);
}

enum kb_err loader_part_started(struct loader *l, char guid[LOADER_PART_GUID])
{
	static uint8_t value[LOADER_VAR_MAX];
	char text[LOADER_VAR_TEXT];
	size_t len, at = 0;

	TRY(loader_var_read(l, "LoaderDevicePartUUID", LOADER_VAR_SYSTEMD, value, &len));
	loader_var_next_text(value, len, &at, text);
	snprintf(guid, LOADER_PART_GUID, "%.36s", text);
	return KB_OK;
}

void loader_part_guid(const struct loader_part *part, char text[LOADER_PART_GUID])
{
	const uint8_t *g = part->guid;

	snprintf(text, LOADER_PART_GUID, "%08X-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X",
		 bytes_get32(g), bytes_get16(g + 4), bytes_get16(g + 6), g[8], g[9], g[10], g[11],
		 g[12], g[13], g[14], g[15]);
}
