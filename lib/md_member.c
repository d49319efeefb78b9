/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/md_member.h"

#include "lib/bytes.h"
#include "lib/util.h"

#include <string.h>

#define MAGIC	     0xa92b4efcu
#define SECTOR	     512u
#define OLD_ALIGN    65536u /* of a superblock 0.90, and what it lies before the end */
#define OLD_SIZE     32	    /* of a superblock 0.90: KiB that the array has of it */
#define DATA_OFFSET  128    /* of a superblock 1.x: sector where the array's data begins, */
#define DATA_SIZE    136    /* sectors that it has, */
#define SUPER_OFFSET 144    /* and in which sector it is itself */
#define GPT	     "EFI PART"
#define GPT_OWN	     24 /* of its header: in which sector it is, */
#define GPT_COPY     32 /* and in which one its copy */

static uint8_t block[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));

static bool has_block(struct bdev *b, uint64_t off)
{
	return bdev_read(b, off, block, sizeof(block)) == KB_OK;
}

/* 1.0, 1.1 and 1.2 are one format. It names its own place: a copy of it elsewhere is none. */
static bool is_new(struct bdev *b, uint64_t off)
{
	return has_block(b, off) && bytes_get32(block) == MAGIC && bytes_get32(block + 4) == 1 &&
	       bytes_get64(block + SUPER_OFFSET) == off / SECTOR;
}

/* 0.90 is in the byte order of the machine that made it. */
static bool is_old(struct bdev *b, uint64_t off)
{
	if (!has_block(b, off))
		return false;
	if (bytes_get32(block) == MAGIC)
		return bytes_get32(block + 4) == 0 && bytes_get32(block + 8) == 90;
	return bytes_get32(block) == __builtin_bswap32(MAGIC) && bytes_get32(block + 4) == 0 &&
	       bytes_get32(block + 8) == __builtin_bswap32(90);
}

static bool ends_as_new(struct bdev *b)
{
	return b->size >= 4 * BDEV_ALIGN && is_new(b, b->size - 2 * BDEV_ALIGN);
}

static uint64_t old_place(const struct bdev *b)
{
	return b->size >= 2 * OLD_ALIGN ? b->size - b->size % OLD_ALIGN - OLD_ALIGN : 0;
}

bool md_member_is(struct bdev *b)
{
	if (is_new(b, 0) || is_new(b, BDEV_ALIGN) || ends_as_new(b))
		return true;
	return old_place(b) > 0 && is_old(b, old_place(b));
}

/* Bytes of the device that its array has, by the superblock 1.0 at its end; 0: it has none. */
static uint64_t end_of_new(struct bdev *b)
{
	uint64_t at, len;

	if (!ends_as_new(b))
		return 0;
	at = bytes_get64(block + DATA_OFFSET);
	len = bytes_get64(block + DATA_SIZE);
	return at == 0 && len <= b->size / SECTOR ? len * SECTOR : 0;
}

/* The same, by one of 0.90. A partition begins 64 KiB behind the disk at least, if their places are
 * the same. */
static uint64_t end_of_old(struct bdev *b)
{
	uint64_t off = old_place(b), end;

	if (off == 0 || !is_old(b, off))
		return 0;
	end = bytes_get32(block + OLD_SIZE);
	if (bytes_get32(block) != MAGIC)
		end = __builtin_bswap32((uint32_t)end);
	end <<= 10;
	return end > off - OLD_ALIGN && end <= off ? end : 0;
}

/* Whether the copy of its GPT lies in front of `end`. It is at the very end of what was
 * partitioned: of the array, or of the disk, before or behind the time of an array. */
static bool table_ends_before(struct bdev *b, uint64_t end)
{
	for (uint64_t sector = SECTOR; sector <= BDEV_ALIGN; sector *= BDEV_ALIGN / SECTOR) {
		const uint8_t *head = block + sector % BDEV_ALIGN;

		if (has_block(b, sector - sector % BDEV_ALIGN) && memcmp(head, GPT, 8) == 0 &&
		    bytes_get64(head + GPT_OWN) == 1)
			return bytes_get64(head + GPT_COPY) < end / sector;
	}
	return false;
}

bool md_member_is_disk(struct bdev *b)
{
	uint64_t end = end_of_new(b);

	if (end == 0)
		end = end_of_old(b);
	return end > 0 && table_ends_before(b, end);
}
