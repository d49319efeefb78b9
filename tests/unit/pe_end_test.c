/* SPDX-License-Identifier: Apache-2.0 */
/* Where a program of UEFI ends. */
#include "lib/bytes.h"
#include "lib/pe_end.h"
#include "tests/unit/program.h"
#include "tests/unit/test.h"

static uint8_t head[PE_END_HEAD];
static uint64_t names;

static void set_up(void)
{
	program_make(head, 8192, 0, 0);
}

TEST(program_ends_with_its_last_section)
{
	EQUAL((pe_end(head, sizeof(head), &names), 8192));
	program_make(head, 8192 + 700, 0, 0);
	EQUAL((pe_end(head, sizeof(head), &names), 8892));
}

TEST(signatures_belong_to_it)
{
	program_make(head, 8192, 8200, 1500);
	EQUAL((pe_end(head, sizeof(head), &names), 9700));
}

TEST(symbols_belong_to_it_and_names_may_follow)
{
	EQUAL((pe_end(head, sizeof(head), &names), 8192), (names, 0));
	program_symbols(head, 8200, 10);
	EQUAL((pe_end(head, sizeof(head), &names), 8380), (names, 8380));
}

TEST(what_is_no_program_has_no_end)
{
	static const struct {
		size_t at;
		uint8_t is;
	} bad[] = { { 0, 'Z' },
		    { 60, 8 },
		    { 62, 1 },
		    { PROGRAM_AT, 0 },
		    { PROGRAM_AT + 6, 200 },
		    { PROGRAM_AT + 6, 0 },
		    { PROGRAM_AT + 20, 8 },
		    { PROGRAM_AT + 24, 0 } };

	for (unsigned i = 0; i < KB_ARRAY_LEN(bad); i++) {
		program_make(head, 8192, 0, 0);
		head[bad[i].at] = bad[i].is;
		if (pe_end(head, sizeof(head), &names) != 0)
			fail_msg("%zu", bad[i].at);
	}
	memset(head, 0, sizeof(head));
	EQUAL((pe_end(head, sizeof(head), &names), 0));
}

/* Under the sanitizers, a read behind them would end this. */
TEST(each_length_is_read_within_its_bytes)
{
	for (size_t len = 0; len < 600; len++) {
		uint8_t *some = malloc(len + 1);

		memcpy(some, head, len);
		(void)pe_end(some, len, &names);
		free(some);
	}
}

TEST(each_byte_of_a_head_may_be_damaged)
{
	for (unsigned at = 0; at < 512; at++) {
		for (unsigned value = 0; value < 256; value += 51) {
			program_make(head, 8192, 0, 0);
			head[at] = (uint8_t)value;
			assert_true(pe_end(head, sizeof(head), &names) < UINT64_C(1) << 38);
		}
	}
}

TEST_MAIN("pe_end", .set_up = set_up)
