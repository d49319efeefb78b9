/* SPDX-License-Identifier: Apache-2.0 */
/* autoboot.txt of a Raspberry Pi: read, changed, read again. The first two bytes say what it
 * becomes. */
#include "selector/loader/loader_autoboot.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static struct loader l = { .kind = CONF_LOADER_TRYBOOT, .where = "/dev/mmcblk0p1", .root = "" };

static bool is_partition(unsigned n)
{
	return n >= 1 && n <= LOADER_AUTOBOOT_PART;
}

static void check_read(const uint8_t *text, size_t len)
{
	struct loader_autoboot is;

	if (loader_autoboot_read(&l, text, len, &is) == KB_OK)
		FUZZ_CHECK(is_partition(is.preset) && is_partition(is.once));
	else
		FUZZ_CHECK(fuzz_printable(l.why, sizeof(l.why)) && l.why[0] != '\0');
}

/* Its length stays; and what is set is read back as the same, and set again as it is. */
static void check_set(uint8_t *text, size_t len, const struct loader_autoboot *want)
{
	static uint8_t before[LOADER_AUTOBOOT_MAX];
	struct loader_autoboot is;

	memcpy(before, text, len);
	if (loader_autoboot_set(&l, text, len, want) != KB_OK) {
		FUZZ_CHECK(memcmp(before, text, len) == 0);
		FUZZ_CHECK(fuzz_printable(l.why, sizeof(l.why)) && l.why[0] != '\0');
		return;
	}
	FUZZ_CHECK(loader_autoboot_read(&l, text, len, &is) == KB_OK);
	FUZZ_CHECK(is.preset == want->preset && is.once == want->once);
	memcpy(before, text, len);
	FUZZ_CHECK(loader_autoboot_set(&l, text, len, want) == KB_OK);
	FUZZ_CHECK(memcmp(before, text, len) == 0);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	static uint8_t text[LOADER_AUTOBOOT_MAX];
	struct fuzz_in in = { data, size };
	struct loader_autoboot want;
	size_t len;

	want.preset = (uint8_t)(1 + fuzz_u8(&in) % LOADER_AUTOBOOT_PART);
	want.once = (uint8_t)(1 + fuzz_u8(&in) % LOADER_AUTOBOOT_PART);
	len = fuzz_copy(text, sizeof(text), in.p, in.left);
	check_read(text, len);
	check_set(text, len, &want);
}
