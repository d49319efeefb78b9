/* SPDX-License-Identifier: Apache-2.0 */
/* What the registers of an eMMC say. */
#include "lib/emmc.h"
#include "tests/unit/test.h"

static uint8_t csd[OS_EMMC_CSD];

static enum emmc_start start_of(uint8_t config)
{
	struct emmc e;

	csd[EMMC_PARTITION_CONFIG] = config;
	emmc_parse(&e, csd);
	return e.start;
}

static enum emmc_reset reset_of(uint8_t function)
{
	struct emmc e;

	csd[162] = function;
	emmc_parse(&e, csd);
	return e.reset;
}

TEST(area_that_it_starts_from_is_read)
{
	assert_int_equal(start_of(0x00), EMMC_START_NONE);
	assert_int_equal(start_of(0x08), EMMC_START_BOOT0);
	assert_int_equal(start_of(0x10), EMMC_START_BOOT1);
	assert_int_equal(start_of(0x38), EMMC_START_USER);
	assert_int_equal(start_of(0x18), EMMC_START_ODD);
	/* The acknowledgement, and what Linux has open, are something else. */
	assert_int_equal(start_of(0x4a), EMMC_START_BOOT0);
}

TEST(other_area_is_set_and_the_acknowledgement_stays)
{
	struct emmc e = { .config = 0x4a };

	assert_int_equal(emmc_config(&e, 1), 0x50);
	assert_int_equal(emmc_config(&e, 0), 0x48);
	e.config = 0x10;
	assert_int_equal(emmc_config(&e, 0), 0x08);
}

TEST(reset_line_is_read)
{
	assert_int_equal(reset_of(0), EMMC_RESET_IGNORED);
	assert_int_equal(reset_of(1), EMMC_RESET_HEEDED);
	assert_int_equal(reset_of(2), EMMC_RESET_NEVER);
	assert_int_equal(reset_of(3), EMMC_RESET_IGNORED);
	assert_int_equal(reset_of(0xfd), EMMC_RESET_HEEDED);
}

TEST(size_protection_and_bus_are_read)
{
	struct emmc e;

	memset(csd, 0, sizeof(csd));
	csd[226] = 32;
	csd[174] = 0x08;
	csd[177] = 0x15;
	emmc_parse(&e, csd);
	assert_true(e.boot_bytes == 4u << 20);
	assert_false(e.locked[0]);
	assert_true(e.locked[1]);
	assert_int_equal(e.bus, 0x15);
	csd[174] = 0x01;
	emmc_parse(&e, csd);
	assert_true(e.locked[0]);
	assert_false(e.locked[1]);
}

TEST(register_that_nobody_may_set_is_found)
{
	static const struct {
		uint8_t is;
		bool locked;
	} config[] = {
		{ 0x00, false }, { 0x01, true }, { 0x10, true }, { 0x11, true }, { 0x02, false }
	};
	struct emmc e;

	for (unsigned i = 0; i < KB_ARRAY_LEN(config); i++) {
		csd[178] = config[i].is;
		emmc_parse(&e, csd);
		assert_int_equal(e.start_locked, config[i].locked);
	}
}

TEST_MAIN("emmc")
