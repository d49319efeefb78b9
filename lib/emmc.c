/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/emmc.h"

#define RST_N_FUNCTION	    162
#define BOOT_WP_STATUS	    174 /* two bits of each area */
#define BOOT_BUS_CONDITIONS 177
#define BOOT_CONFIG_PROT    178
#define CONFIG_PROTECTED    0x11u /* until the power is off; or, by the upper bit, for good */
#define BOOT_SIZE_MULT	    226
#define BOOT_UNIT	    (128u << 10)
#define ENABLE_AT	    3 /* bits 5 to 3 of PARTITION_CONFIG */
#define ENABLE_MASK	    7u
#define ACKNOWLEDGE	    0x40u /* for the boot ROM; bits 2 to 0 are what Linux has open */

static enum emmc_start start_of(uint8_t config)
{
	switch (config >> ENABLE_AT & ENABLE_MASK) {
	case 0:
		return EMMC_START_NONE;
	case 1:
		return EMMC_START_BOOT0;
	case 2:
		return EMMC_START_BOOT1;
	case 7:
		return EMMC_START_USER;
	default:
		return EMMC_START_ODD;
	}
}

static enum emmc_reset reset_of(uint8_t function)
{
	switch (function & 3) {
	case 1:
		return EMMC_RESET_HEEDED;
	case 2:
		return EMMC_RESET_NEVER;
	default:
		return EMMC_RESET_IGNORED;
	}
}

void emmc_parse(struct emmc *e, const uint8_t csd[OS_EMMC_CSD])
{
	e->config = csd[EMMC_PARTITION_CONFIG];
	e->bus = csd[BOOT_BUS_CONDITIONS];
	e->start = start_of(e->config);
	e->reset = reset_of(csd[RST_N_FUNCTION]);
	e->start_locked = (csd[BOOT_CONFIG_PROT] & CONFIG_PROTECTED) != 0;
	e->boot_bytes = (uint64_t)csd[BOOT_SIZE_MULT] * BOOT_UNIT;
	for (unsigned i = 0; i < 2; i++)
		e->locked[i] = (csd[BOOT_WP_STATUS] >> 2 * i & 3) != 0;
}

uint8_t emmc_config(const struct emmc *e, unsigned area)
{
	return (uint8_t)((e->config & ACKNOWLEDGE) | (area + 1) << ENABLE_AT);
}
