/* SPDX-License-Identifier: Apache-2.0 */
/* For which processor a program of UEFI is. */
#include "lib/os_processor.h"
#include "lib/pe_machine.h"
#include "lib/util.h"
#include "tests/unit/program.h"
#include "tests/unit/test.h"

static uint8_t head[4096];

static void set_up(void)
{
	memset(head, 0, sizeof(head));
	program_make(head, 8192, 0, 0);
}

TEST(program_names_its_processor)
{
	assert_int_equal(pe_machine(head, sizeof(head)), PE_X86_64);
	bytes_put16(head + PROGRAM_AT + 4, PE_AARCH64);
	assert_int_equal(pe_machine(head, sizeof(head)), PE_AARCH64);
	assert_int_equal(pe_machine(head, PROGRAM_AT + 6), PE_AARCH64);
}

TEST(what_is_no_such_program_names_none)
{
	static const struct {
		size_t at;
		uint8_t is;
	} bad[] = { { 0, 'Z' },
		    { 60, 8 },
		    { 61, 16 },
		    { 62, 1 },
		    { 63, 0xff },
		    { 60, 0 },
		    { PROGRAM_AT + 3, 1 },
		    { PROGRAM_AT, 0 } };

	for (unsigned i = 0; i < KB_ARRAY_LEN(bad); i++) {
		set_up();
		head[bad[i].at] = bad[i].is;
		if (pe_machine(head, sizeof(head)) != 0)
			fail_msg("%zu", bad[i].at);
	}
	memset(head, 0, sizeof(head));
	assert_int_equal(pe_machine(head, sizeof(head)), 0);
}

/* Under the sanitizers, a read behind them would end this. */
TEST(a_program_is_read_within_its_bytes)
{
	for (size_t len = 0; len < 300; len++) {
		uint8_t *some = malloc(len + 1);

		memcpy(some, head, len);
		assert_int_equal(pe_machine(some, len), len < PROGRAM_AT + 6 ? 0 : PE_X86_64);
		free(some);
	}
}

TEST(only_what_no_such_device_can_start_is_for_another)
{
	static const uint16_t of[][2] = { { PE_X86_64, PE_I386 }, { PE_AARCH64, PE_ARM } };

	for (unsigned i = 0; i < 4; i++) {
		uint16_t ours = of[i / 2][i % 2];

		assert_true(pe_machine_fits(of[i / 2][0], ours));
		assert_true(pe_machine_fits(of[i / 2][1], ours));
		assert_false(pe_machine_fits(of[1 - i / 2][0], ours));
		assert_false(pe_machine_fits(PE_RISCV64, ours));
		assert_false(pe_machine_fits(0x1234, ours));
		assert_true(pe_machine_fits(0, ours));
		assert_true(pe_machine_fits(of[i / 2][0], 0));
	}
}

TEST(this_processor_starts_its_own)
{
	assert_true(pe_machine_fits(os_processor(), os_processor()));
	assert_string_equal(pe_machine_name(0x1234), "another processor");
	assert_string_equal(pe_machine_name(PE_AARCH64), "AArch64");
}

TEST_MAIN("pe_machine", .set_up = set_up)
