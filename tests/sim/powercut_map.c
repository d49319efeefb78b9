/* SPDX-License-Identifier: Apache-2.0 */
/* Where on the disks things are, as far as the hash has to know. */
#include "tests/sim/powercut.h"

#define PAGES(bytes)   ((uint64_t)(bytes) / BDEV_ALIGN)
#define MANIFEST_MAGIC "KEELSLOT"

/* The record can be lost, and then it is the superblock that decides. */
bool powercut_map_exact_first, powercut_map_uboot;

void powercut_map_begin(const struct powercut_story *s)
{
	powercut_map_exact_first = s->events & POWERCUT_LOSES_BOTH || s->no_state;
	powercut_map_uboot = s->uboot;
}

struct place {
	unsigned region; /* or copy */
	uint64_t page;	 /* in it */
};

static struct place place_of(uint64_t page)
{
	uint64_t region = PAGES(STORE_REGION(1));

	return (struct place){ .region = page >= region, .page = page % region };
}

static uint64_t manifests(void)
{
	return PAGES(STORE_MANIFEST(0, 0));
}

/* Page of a slot's manifest cell, or -1. */
int powercut_map_manifest(uint64_t page, unsigned *slot)
{
	struct place p = place_of(page);
	uint64_t each = PAGES(STORE_MANIFEST_MAX);

	if (p.page < manifests() || p.page >= manifests() + each * POWERCUT_SLOTS)
		return -1;
	*slot = (unsigned)((p.page - manifests()) / each);
	return (int)((p.page - manifests()) % each);
}

enum powercut_page powercut_map_kind(enum powercut_disk disk, uint64_t page)
{
	struct place p = place_of(page);
	unsigned slot;
	int at;

	if (disk != POWERCUT_STATE)
		return disk == POWERCUT_RAW || disk == POWERCUT_LOADER ||
				       (page == 0 && powercut_map_exact_first &&
					(disk == POWERCUT_A || disk == POWERCUT_B))
			       ? POWERCUT_PAGE_EXACT
			       : POWERCUT_PAGE_MASKED;
	if (p.page < STORE_CELLS)
		return POWERCUT_PAGE_RING;
	at = powercut_map_manifest(page, &slot);
	if (at >= 0)
		return at == 0 ? POWERCUT_PAGE_EXACT : POWERCUT_PAGE_MASKED;
	if (p.region == 0 && p.page >= PAGES(STORE_HISTORY) &&
	    p.page < PAGES(STORE_HISTORY) + STORE_HISTORY_CELLS)
		return POWERCUT_PAGE_IGNORED;
	return POWERCUT_PAGE_EXACT;
}

void powercut_map_cell(uint64_t page, unsigned *region, unsigned *index)
{
	struct place p = place_of(page);

	*region = p.region;
	*index = (unsigned)p.page;
}

uint64_t powercut_map_header_of(uint64_t page)
{
	unsigned slot;
	int at = powercut_map_manifest(page, &slot);

	return at <= 0 ? UINT64_MAX : page - (uint64_t)at;
}

bool powercut_map_is_magic(const uint8_t *sector)
{
	return sector != NULL && memcmp(sector, MANIFEST_MAGIC, 8) == 0;
}

bool powercut_map_is_header(const uint8_t *page)
{
	/* The CRC is over all of it, and all of it behind the first sector is zero. */
	return powercut_map_is_magic(page) &&
	       bytes_all(page + CUT_SECTOR, BDEV_ALIGN - CUT_SECTOR, 0);
}
