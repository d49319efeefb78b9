/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: the end of this boot. */
#include "lib/os.h"
#include "lib/os_proc.h"

#include <linux/reboot.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

void os_reboot(void)
{
	os_proc_sync();
	reboot(RB_AUTOBOOT);
}

void os_reboot_to(const char *words)
{
	os_proc_sync();
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART2,
		words);
}

void os_kexec(void)
{
	os_proc_sync();
	reboot(RB_KEXEC);
}
