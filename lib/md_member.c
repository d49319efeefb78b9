/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/md_member.h"

#include "lib/bytes.h"
#include "lib/util.h"

#include <string.h>

#define MAGIC	     0xa92b4efcu
#define SECTOR	     512u
#define OLD_ALIGN    65536u /* of a superblock 0.90, and what it lies before the end */
#define OLD_SIZE     32	    /* of a superblock 0.90: KiB that the array has of it */
#define NEW_SIZE     80	    /* of a superblock 1.x: sectors that the array has of each member, */
#define DATA_OFFSET  128    /* the sector where they begin, */
#define SUPER_OFFSET 144    /* and in which sector it is itself */
#define CHUNK	     (UINT64_C(1) << 20) /* an array may be shorter by what makes no whole one */
#define MBR_TYPE     450		 /* of the first of four partitions */
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
static uint32_t old_get32(unsigned at)
{
	uint32_t value = bytes_get32(block + at);

	return bytes_get32(block) == MAGIC ? value : __builtin_bswap32(value);
}

/* Its array lies in front of it. That of the whole disk may be found in the last partition, too,
 * which is shorter. */
static bool is_old(struct bdev *b, uint64_t off)
{
	return has_block(b, off) && old_get32(0) == MAGIC && old_get32(4) == 0 &&
	       old_get32(8) == 90 && (uint64_t)old_get32(OLD_SIZE) << 10 <= off;
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

/* Bytes of each member that the array uses, by the superblock 1.0 at the end; 0: there is none. */
static uint64_t end_of_new(struct bdev *b)
{
	uint64_t len;

	if (!ends_as_new(b) || bytes_get64(block + DATA_OFFSET) != 0)
		return 0;
	len = bytes_get64(block + NEW_SIZE);
	return len <= b->size / SECTOR ? len * SECTOR : 0;
}

/* The same, by one of 0.90. A partition begins 64 KiB behind the disk at least, if their places are
 * the same. */
static uint64_t end_of_old(struct bdev *b)
{
	uint64_t off = old_place(b), end;

	if (off == 0 || !is_old(b, off))
		return 0;
	end = (uint64_t)old_get32(OLD_SIZE) << 10;
	return end > off - OLD_ALIGN ? end : 0;
}

/* Linux looks for a GPT only behind an MBR that says so. */
static bool has_protective_mbr(struct bdev *b)
{
	if (!has_block(b, 0) || block[510] != 0x55 || block[511] != 0xaa)
		return false;
	for (unsigned i = 0; i < 4; i++) {
		if (block[MBR_TYPE + 16 * i] == 0xee)
			return true;
	}
	return false;
}

/*
 * Whether the copy of its GPT lies at `end`. It is at the end of what was partitioned: the array,
 * the disk, or the smaller disk whose image was written to this one.
 */
static bool table_ends_at(struct bdev *b, uint64_t end)
{
	for (uint64_t sector = SECTOR; sector <= BDEV_ALIGN; sector *= BDEV_ALIGN / SECTOR) {
		const uint8_t *head = block + sector % BDEV_ALIGN;
		uint64_t copy;

		if (!has_block(b, sector - sector % BDEV_ALIGN) || memcmp(head, GPT, 8) != 0 ||
		    bytes_get64(head + GPT_OWN) != 1)
			continue;
		copy = bytes_get64(head + GPT_COPY);
		return copy < end / sector && copy >= (end > CHUNK ? end - CHUNK : 0) / sector;
	}
	return false;
}

bool md_member_is_disk(struct bdev *b)
{
	uint64_t end = end_of_new(b);

	if (end == 0)
		end = end_of_old(b);
	return end > 0 && has_protective_mbr(b) && table_ends_at(b, end);
}
