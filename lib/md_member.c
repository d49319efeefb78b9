/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/md_member.h"

#include "lib/bytes.h"
#include "lib/util.h"

#define MAGIC	     0xa92b4efcu
#define SECTOR	     512u
#define OLD_ALIGN    65536u /* of a superblock 0.90, and what it lies before the end */
#define OLD_SIZE     32	    /* of a superblock 0.90: KiB that the array has of it */
#define SUPER_OFFSET 144    /* of a superblock 1.x: in which sector it is */

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

bool md_member_is_disk(struct bdev *b)
{
	uint64_t off = old_place(b), kib;

	if (ends_as_new(b))
		return true;
	if (off == 0 || !is_old(b, off))
		return false;
	kib = bytes_get32(block) == MAGIC ? bytes_get32(block + OLD_SIZE)
					  : __builtin_bswap32(bytes_get32(block + OLD_SIZE));
	/* A partition begins 64 KiB behind the disk at least, if their places are the same. */
	return kib << 10 > off - OLD_ALIGN && kib << 10 <= off;
}
