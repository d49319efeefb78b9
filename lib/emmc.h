/* SPDX-License-Identifier: Apache-2.0 */
/* What EXT_CSD, the register of an eMMC, says of its boot areas (JESD84-B51). PURE. */
#pragma once

#include "lib/os_emmc.h"

#include <stdbool.h>

#define EMMC_PARTITION_CONFIG 179u /* the byte that says which area the device starts from */

/* What the device starts from; the first two are indices of areas. */
enum emmc_start {
	EMMC_START_BOOT0,
	EMMC_START_BOOT1,
	EMMC_START_NONE,
	EMMC_START_USER, /* no area: the disk itself */
	EMMC_START_ODD,	 /* a value that the standard leaves out */
};

/* Whether the line of the hardware's reset means something to it. It is set once, for good. */
enum emmc_reset { EMMC_RESET_IGNORED, EMMC_RESET_HEEDED, EMMC_RESET_NEVER };

struct emmc {
	enum emmc_start start;
	enum emmc_reset reset;
	/* of each of the two areas; 0: there are none */
	uint64_t boot_bytes;
	/* until the power is off, or for good */
	bool locked[2];
	/* the same of PARTITION_CONFIG: start stays as it is */
	bool start_locked;
	/* as it stands there */
	uint8_t config, bus;
};

void emmc_parse(struct emmc *e, const uint8_t csd[OS_EMMC_CSD]);

/* PARTITION_CONFIG that starts from this area, 0 or 1, with all else as it is. */
uint8_t emmc_config(const struct emmc *e, unsigned area);
