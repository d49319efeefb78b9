/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that an eMMC gets. The ioctl is the test's. */
#include "lib/os_emmc.h"
#include "tests/unit/folder.h"

#include <sys/ioctl.h>

#include <linux/mmc/ioctl.h>

static struct mmc_ioc_cmd sent;
static int fails;

int ioctl(int fd, unsigned long request, ...)
{
	struct mmc_ioc_cmd *cmd;
	va_list ap;

	assert_true(fd >= 0);
	assert_true(request == MMC_IOC_CMD);
	va_start(ap, request);
	cmd = va_arg(ap, struct mmc_ioc_cmd *);
	va_end(ap);
	sent = *cmd;
	if (fails != 0) {
		errno = fails;
		return -1;
	}
	if (cmd->opcode == 8)
		memset((void *)(uintptr_t)cmd->data_ptr, 0xab, (size_t)cmd->blksz * cmd->blocks);
	return 0;
}

static void set_up(void)
{
	folder_make();
	folder_put("mmcblk0", "");
	fails = 0;
	memset(&sent, 0, sizeof(sent));
}

static void tear_down(void)
{
	folder_remove();
}

TEST(register_is_read_whole)
{
	uint8_t csd[OS_EMMC_CSD] = { 0 };

	OK(os_emmc_read(folder_at("mmcblk0"), csd));
	assert_true(bytes_all(csd, sizeof(csd), 0xab));
	assert_int_equal(sent.opcode, 8);
	assert_int_equal(sent.write_flag, 0);
	assert_int_equal(sent.flags, 0x35);
}

TEST(one_byte_is_set_and_waited_for)
{
	OK(os_emmc_set(folder_at("mmcblk0"), 179, 0x50));
	assert_int_equal(sent.opcode, 6);
	assert_int_equal(sent.arg, 0x03b35001);
	assert_int_equal(sent.flags, 0x1d);
	assert_true(sent.write_flag != 0);
}

TEST(disk_of_another_driver_is_none)
{
	uint8_t csd[OS_EMMC_CSD];

	fails = ENOTTY;
	FAILS(os_emmc_read(folder_at("mmcblk0"), csd), KB_EINVAL);
	fails = EPERM;
	FAILS(os_emmc_set(folder_at("mmcblk0"), 179, 0x50), KB_EPERM);
	FAILS(os_emmc_set(folder_at("mmcblk1"), 179, 0x50), KB_ENOENT);
}

TEST_MAIN("os_emmc", .set_up = set_up, .tear_down = tear_down)
