/* SPDX-License-Identifier: Apache-2.0 */
/* An entry of type 1: what it says of a file. */
#include "lib/bls.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define KERNEL "/keelboot-a/vmlinuz"
#define BEFORE "title x\n"
#define BEHIND "\nlinux " KERNEL "\ninitrd " KERNEL "\n"

static bool is_same(struct bls one, struct bls other)
{
	return one.starts == other.starts && one.starts_other == other.starts_other &&
	       one.loads == other.loads;
}

/* Lines say what they say wherever they stand, but behind a zero. */
static void check_among_others(const uint8_t *data, size_t size, struct bls is)
{
	static char text[2 * BLS_MAX];
	size_t len = strlen(BEFORE);

	memcpy(text, BEFORE, len);
	memcpy(text + len, data, size);
	FUZZ_CHECK(is_same(is, bls_look(text, len + size, KERNEL)));
	len += size;
	memcpy(text + len, BEHIND, strlen(BEHIND));
	is = bls_look(text, len + strlen(BEHIND), KERNEL);
	FUZZ_CHECK(memchr(data, 0, size) != NULL || (is.starts && is.loads));
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct bls is;

	if (size > BLS_MAX)
		return;
	is = bls_look((const char *)data, size, KERNEL);
	FUZZ_CHECK(is_same(is, bls_look((const char *)data, size, "/KEELBOOT-A/VMLINUZ")));
	check_among_others(data, size, is);
}
