/* SPDX-License-Identifier: Apache-2.0 */
/* keelboot-verify's answer to process 1: a struct that goes into a dm-verity table if it passes. */
#include "tests/fuzz/fuzz.h"
#include "update/wire/verify_answer.h"

#include <string.h>

size_t fuzz_fix(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	struct verify_answer a;

	if (max < sizeof(a))
		return size;
	memset(&a, 0, sizeof(a));
	fuzz_copy(&a, sizeof(a), data, size);
	a.magic = VERIFY_ANSWER_MAGIC;
	a.reserved = 0;
	if (seed % 4 != 0) {
		a.verity = 1;
		a.data_block = 512u << (a.data_block % 4);
		a.hash_block = 512u << (a.hash_block % 4);
		a.image_size &= INT64_MAX;
		if (a.image_size > 4096)
			a.tree_off = a.tree_off % a.image_size / 4096 * 4096;
	}
	memcpy(data, &a, sizeof(a));
	return sizeof(a);
}

static void check_hex(const char *text, size_t len)
{
	FUZZ_CHECK(fuzz_ended(text, VERIFY_ANSWER_HEX));
	FUZZ_CHECK(strlen(text) == len && strspn(text, "0123456789abcdef") == len);
}

/* All that is said is within what dm-verity takes, so nothing of it can be a word of its own. */
static void check_verity(const struct verify_answer *a)
{
	FUZZ_CHECK(fuzz_ended(a->algorithm, sizeof(a->algorithm)));
	FUZZ_CHECK(strcmp(a->algorithm, "sha256") == 0 || strcmp(a->algorithm, "sha512") == 0);
	check_hex(a->root_hash, strcmp(a->algorithm, "sha256") == 0 ? 64 : 128);
	FUZZ_CHECK(fuzz_ended(a->salt, sizeof(a->salt)));
	if (strcmp(a->salt, "-") != 0)
		check_hex(a->salt, strlen(a->salt) & ~(size_t)1);
	FUZZ_CHECK(a->salt[0] != '\0' && strlen(a->salt) <= 128);
	FUZZ_CHECK(a->data_block >= 512 && a->data_block <= 4096);
	FUZZ_CHECK((a->data_block & (a->data_block - 1)) == 0);
	FUZZ_CHECK(a->hash_block >= 512 && a->hash_block <= 4096);
	FUZZ_CHECK((a->hash_block & (a->hash_block - 1)) == 0);
	FUZZ_CHECK(a->tree_off > 0 && a->tree_off < a->image_size && a->image_size <= INT64_MAX);
	FUZZ_CHECK(a->tree_off % a->data_block == 0 && a->tree_off % a->hash_block == 0);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct verify_answer a, before;

	memset(&a, 0, sizeof(a));
	fuzz_copy(&a, sizeof(a), data, size);
	before = a;
	if (verify_answer_check(&a) == KB_OK) {
		FUZZ_CHECK(a.magic == VERIFY_ANSWER_MAGIC && a.verity <= 1 && a.reserved == 0);
		if (a.verity == 1)
			check_verity(&a);
		a.magic ^= 1;
		FUZZ_CHECK(verify_answer_check(&a) == KB_EFORMAT);
		a.magic ^= 1;
	}
	FUZZ_CHECK(memcmp(&a, &before, sizeof(a)) == 0);
}
