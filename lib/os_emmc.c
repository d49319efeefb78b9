/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os_emmc.h"

#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mmc/ioctl.h>
#include <sys/ioctl.h>

#define CMD_SWITCH		 6
#define CMD_EXT_CSD		 8
/* How the kernel is to take the answer: it has no header for that. */
#define RSP_R1			 (1u << 0 | 1u << 2 | 1u << 4) /* there is one, with a checksum and its command */
#define RSP_R1B			 (RSP_R1 | 1u << 3) /* and busy until it is done */
#define CMD_ADTC		 (1u << 5)	    /* data follow */
/* Argument of CMD6: write a byte, for the standard set of commands. */
#define WRITE_BYTE(index, value) (3u << 24 | (uint32_t)(index) << 16 | (uint32_t)(value) << 8 | 1u)

static enum kb_err send(const char *disk, struct mmc_ioc_cmd *cmd)
{
	KB_CLEANUP_FD int fd = open(disk, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_errno(errno);
	if (ioctl(fd, MMC_IOC_CMD, cmd) == 0)
		return KB_OK;
	return errno == ENOTTY ? KB_EINVAL : err_errno(errno);
}

enum kb_err os_emmc_read(const char *disk, uint8_t csd[OS_EMMC_CSD])
{
	struct mmc_ioc_cmd cmd = {
		.opcode = CMD_EXT_CSD,
		.flags = RSP_R1 | CMD_ADTC,
		.blksz = OS_EMMC_CSD,
		.blocks = 1,
	};

	mmc_ioc_cmd_set_data(cmd, csd);
	return send(disk, &cmd);
}

enum kb_err os_emmc_set(const char *disk, uint8_t index, uint8_t value)
{
	struct mmc_ioc_cmd cmd = {
		.write_flag = 1,
		.opcode = CMD_SWITCH,
		.arg = WRITE_BYTE(index, value),
		.flags = RSP_R1B,
	};

	return send(disk, &cmd);
}
