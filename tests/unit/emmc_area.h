/* SPDX-License-Identifier: Apache-2.0 */
/* A device with an eMMC in the test's folder: its registers, two boot areas, and what Linux shows
 * of them. The test has the calls that read and set a register. */
#pragma once

#include "lib/emmc.h"
#include "tests/unit/folder.h"

#define DISK   "/dev/mmcblk0"
#define UBOOT  "sys/firmware/devicetree/base/chosen/u-boot,version"
#define ROOM   (256u << 10)
#define CONFIG (csd[EMMC_PARTITION_CONFIG])

static uint8_t csd[OS_EMMC_CSD];

static inline void emmc_make(void)
{
	folder_make();
	folder_run("mkdir -p dev proc sys/block/mmcblk0boot0 sys/block/mmcblk0boot1 `dirname %s`",
		   UBOOT);
	folder_put("dev/mmcblk0", "");
	folder_put("sys/block/mmcblk0boot0/force_ro", "1\n");
	folder_put("sys/block/mmcblk0boot1/force_ro", "1\n");
	folder_put(UBOOT, "2025.01-acme");
	memset(csd, 0, sizeof(csd));
	CONFIG = 0x48; /* acknowledged, boot area 0 */
	csd[226] = ROOM / (128u << 10);
}
