/* SPDX-License-Identifier: Apache-2.0 */
/* An environment block of GRUB: read, changed, read again. A first byte says what it becomes, and
 * whether the input stands behind the line that names a block. */
#include "selector/loader/loader_block.h"
#include "selector/state.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define HEADER "# GRUB Environment Block\n"

static struct loader l = { .kind = CONF_LOADER_GRUB, .where = "/dev/vda5", .root = "" };

static bool is_slot(int slot)
{
	return slot >= STATE_NONE && slot < STATE_SLOTS_MAX;
}

static void check_choice(const uint8_t *block)
{
	struct loader_choice c;

	if (loader_block_read(&l, block, &c) == KB_OK)
		FUZZ_CHECK(is_slot(c.preset) && is_slot(c.once) && c.starts <= LOADER_STARTS_MAX);
	else
		FUZZ_CHECK(fuzz_printable(l.why, sizeof(l.why)) && l.why[0] != '\0');
}

static void check_set(uint8_t *block, const struct loader_choice *want)
{
	static uint8_t before[LOADER_BLOCK];
	struct loader_choice is;

	memcpy(before, block, sizeof(before));
	if (loader_block_set(&l, block, want) != KB_OK) {
		FUZZ_CHECK(memcmp(before, block, sizeof(before)) == 0);
		return;
	}
	FUZZ_CHECK(memcmp(before + LOADER_BLOCK_SECTOR, block + LOADER_BLOCK_SECTOR,
			  LOADER_BLOCK - LOADER_BLOCK_SECTOR) == 0);
	FUZZ_CHECK(loader_block_read(&l, block, &is) == KB_OK);
	FUZZ_CHECK(is.preset == want->preset && is.once == want->once && is.starts == want->starts);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	static uint8_t block[LOADER_BLOCK];
	struct fuzz_in in = { data, size };
	uint8_t how = fuzz_u8(&in);
	size_t head = how & 0x80 ? 0 : sizeof(HEADER) - 1;
	struct loader_choice want = { (int8_t)(how % 8), (int8_t)(how / 8 % 8 - 1),
				      (uint8_t)(how % (LOADER_STARTS_MAX + 1)) };

	memset(block, '#', sizeof(block));
	memcpy(block, HEADER, head);
	fuzz_copy(block + head, sizeof(block) - head, in.p, in.left);
	check_choice(block);
	check_set(block, &want);
}
