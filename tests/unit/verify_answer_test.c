/* SPDX-License-Identifier: Apache-2.0 */
/* What process 1 believes of the helper that reads manifests. */
#include "update/wire/verify_answer.h"
#include "tests/unit/test.h"

static struct verify_answer a;

static void good_answer(void)
{
	memset(&a, 0, sizeof(a));
	a.magic = VERIFY_ANSWER_MAGIC;
	a.verity = 1;
	a.data_block = a.hash_block = 4096;
	a.image_size = 101 * 4096;
	a.tree_off = 100 * 4096;
	snprintf(a.algorithm, sizeof(a.algorithm), "sha256");
	memset(a.root_hash, 'a', 64);
	snprintf(a.salt, sizeof(a.salt), "00ff");
}

#define REFUSED(change)                                     \
	do {                                                \
		good_answer();                              \
		change;                                     \
		FAILS(verify_answer_check(&a), KB_EFORMAT); \
	} while (0)

TEST(what_the_helper_writes_is_taken)
{
	OK(verify_answer_check(&a));
	snprintf(a.salt, sizeof(a.salt), "-");
	OK(verify_answer_check(&a));
	snprintf(a.algorithm, sizeof(a.algorithm), "sha512");
	memset(a.root_hash, '0', 128);
	memset(a.salt, '0', 128);
	OK(verify_answer_check(&a));
}

TEST(without_a_tree_everything_else_is_zero)
{
	memset(&a, 0, sizeof(a));
	a.magic = VERIFY_ANSWER_MAGIC;
	a.release[5] = 7;
	OK(verify_answer_check(&a));
	a.salt[100] = 'x';
	FAILS(verify_answer_check(&a), KB_EFORMAT);
}

TEST_WITH(numbers_out_of_range_are_refused, NULL, NULL)
{
	REFUSED(a.magic++);
	REFUSED(a.verity = 2);
	REFUSED(a.reserved = 1);
	REFUSED(a.data_block = 0);
	REFUSED(a.data_block = 256);
	REFUSED(a.data_block = 4095);
	REFUSED(a.hash_block = 65536);
	REFUSED(a.tree_off = 0);
	REFUSED(a.tree_off = a.image_size);
	REFUSED(a.tree_off = 100 * 4096 + 512);
	REFUSED(a.image_size = UINT64_MAX);
}

TEST_WITH(texts_that_could_smuggle_parameters_are_refused, NULL, NULL)
{
	REFUSED(a.root_hash[3] = ' ');
	REFUSED(a.root_hash[3] = 'A');
	REFUSED(a.root_hash[63] = '\0');
	REFUSED(a.root_hash[64] = 'a');
	REFUSED(memset(a.root_hash, 'a', sizeof(a.root_hash)));
	REFUSED(a.salt[1] = '\0');
	REFUSED(a.salt[0] = '\0');
	REFUSED(memcpy(a.salt, "- 1 ignore", 11));
	REFUSED(memset(a.salt, '0', sizeof(a.salt)));
	REFUSED(memset(a.salt, '0', 130));
	REFUSED(memcpy(a.algorithm, "md5", 4));
	REFUSED(memset(a.algorithm, 's', sizeof(a.algorithm)));
	REFUSED(memcpy(a.algorithm, "sha512", 7));
}

TEST_MAIN("verify_answer", .set_up = good_answer)
