/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first block of a slot, in stories in which the whole state may be lost: then its superblock
 * decides by itself whether the slot boots. Sectors of one kind (of the superblock; of data; those
 * that are zero in every release) change places without a difference, since every write is of the
 * whole block, and each of its sectors lands by itself. What of them counts is which values are
 * there.
 */
#include "tests/sim/powercut.h"

#define SECTORS (BDEV_ALIGN / CUT_SECTOR)

enum kind { KIND_SUPER, KIND_DATA, KIND_ZERO, KINDS };
enum {
	VALUE_ZERO = 1 << POWERCUT_RELEASES,
	VALUE_GARBAGE = 2 * VALUE_ZERO,
	VALUE_BAD = 4 * VALUE_ZERO
};

static bool is_zero(const uint8_t *sector)
{
	return bytes_all(sector, CUT_SECTOR, 0);
}

/* The superblock of squashfs is in sector 0, that of ext4, with its checksum, in sectors 2 and 3.
 */
static enum kind kind_of(unsigned sector)
{
	const uint8_t *data = powercut_release[0].data;

	if (is_zero(data) ? sector == 2 || sector == 3 : sector == 0)
		return KIND_SUPER;
	return is_zero(data + (size_t)sector * CUT_SECTOR) ? KIND_ZERO : KIND_DATA;
}

static unsigned releases_of(unsigned sector, const uint8_t *data)
{
	unsigned is = 0;

	for (unsigned r = 0; r < POWERCUT_RELEASES; r++) {
		const uint8_t *of = powercut_release[r].data + (size_t)sector * CUT_SECTOR;

		is |= (memcmp(data, of, CUT_SECTOR) == 0) << r;
	}
	return is;
}

/* What one of its sectors holds. One that cannot be read holds garbage. */
static unsigned value_of(unsigned sector, const uint8_t *data, bool bad)
{
	unsigned v = releases_of(sector, data) | (is_zero(data) ? VALUE_ZERO : 0);

	if (memcmp(data, cut_content_garbage() + sector * CUT_SECTOR, CUT_SECTOR) == 0)
		v |= VALUE_GARBAGE;
	return v | (bad ? VALUE_BAD : 0);
}

uint64_t powercut_first_class(const uint8_t *data, unsigned bad)
{
	uint64_t there[KINDS] = { 0 }, sum = 0; /* a bit for each value */

	for (unsigned i = 0; i < SECTORS; i++)
		there[kind_of(i)] |= UINT64_C(1)
				     << value_of(i, data + i * CUT_SECTOR, bad >> i & 1);
	for (unsigned k = 0; k < KINDS; k++)
		sum = (sum ^ there[k]) * 0xff51afd7ed558ccdu + k;
	return sum ^ sum >> 31;
}

unsigned powercut_first_shows(const uint8_t *data)
{
	unsigned is = (1u << POWERCUT_RELEASES) - 1;

	for (unsigned i = 0; data != NULL && i < SECTORS; i++)
		if (kind_of(i) == KIND_SUPER)
			is &= releases_of(i, data + i * CUT_SECTOR);
	return data != NULL ? is : 0;
}
