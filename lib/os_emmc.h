/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel seam: registers of an eMMC, which Linux passes on by MMC_IOC_CMD. It takes
 * CAP_SYS_RAWIO and the whole disk, "/dev/mmcblk0". Process 1 links none of these. Chosen at link
 * time as the calls of os.h.
 */
#pragma once

#include "lib/err.h"

#include <stdint.h>

#define OS_EMMC_CSD 512u /* bytes of the register EXT_CSD */

/* Reads EXT_CSD (CMD8). KB_EINVAL: it is no disk of the driver mmcblk; KB_EIO, KB_EPERM, KB_ENOENT.
 */
enum kb_err os_emmc_read(const char *disk, uint8_t csd[OS_EMMC_CSD]) KB_MUST_CHECK;

/* Sets one byte of EXT_CSD (CMD6), and waits until the eMMC is ready again. What it refuses, it may
 * leave as it was without an error: read it again. */
enum kb_err os_emmc_set(const char *disk, uint8_t index, uint8_t value) KB_MUST_CHECK;
