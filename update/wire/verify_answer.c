/* SPDX-License-Identifier: Apache-2.0 */
#include "update/wire/verify_answer.h"

#include "lib/bytes.h"
#include "update/wire/manifest_limits.h"

#include <stddef.h>
#include <string.h>

static bool is_block(uint32_t n)
{
	return n >= MANIFEST_VERITY_BLOCK_MIN && n <= MANIFEST_VERITY_BLOCK_MAX &&
	       (n & (n - 1)) == 0;
}

/* Ended by NUL, only digits before it. Returns their number, or -1. */
static int hex_len(const char text[VERIFY_ANSWER_HEX])
{
	if (memchr(text, '\0', VERIFY_ANSWER_HEX) == NULL)
		return -1;
	if (text[strspn(text, "0123456789abcdef")] != '\0')
		return -1;
	return (int)strlen(text);
}

static int wanted_hex(const char algorithm[16])
{
	if (strncmp(algorithm, "sha256", 16) == 0)
		return 64;
	if (strncmp(algorithm, "sha512", 16) == 0)
		return 128;
	return 0;
}

static bool salt_fits(const char salt[VERIFY_ANSWER_HEX])
{
	int len = hex_len(salt);

	return strncmp(salt, "-", 2) == 0 || (len > 0 && len <= 128 && len % 2 == 0);
}

enum kb_err verify_answer_check(const struct verify_answer *a)
{
	const size_t from = offsetof(struct verify_answer, data_block);

	if (a->magic != VERIFY_ANSWER_MAGIC || a->verity > 1 || a->reserved != 0)
		return KB_EFORMAT;
	if (a->verity == 0)
		return bytes_all((const uint8_t *)a + from, sizeof(*a) - from, 0) ? KB_OK
										  : KB_EFORMAT;
	if (!is_block(a->data_block) || !is_block(a->hash_block))
		return KB_EFORMAT;
	if (a->image_size > INT64_MAX || a->tree_off == 0 || a->tree_off >= a->image_size ||
	    a->tree_off % a->data_block != 0 || a->tree_off % a->hash_block != 0)
		return KB_EFORMAT;
	if (wanted_hex(a->algorithm) == 0 || hex_len(a->root_hash) != wanted_hex(a->algorithm) ||
	    !salt_fits(a->salt))
		return KB_EFORMAT;
	return KB_OK;
}
