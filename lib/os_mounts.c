/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: mounts of one's own. */
#include "lib/os_mounts.h"

#include "lib/os.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

enum kb_err os_mounts_own(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		return KB_EPERM;
	return os_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

bool os_mounts_allowed(void)
{
	struct __user_cap_header_struct hdr = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct has[2] = { { 0 }, { 0 } };

	return syscall(SYS_capget, &hdr, has) != 0 || has[0].effective & (1ull << CAP_SYS_ADMIN);
}

bool os_mounts_type_is(const char *path, unsigned long magic)
{
	struct statfs st;

	return statfs(path, &st) == 0 && (unsigned long)st.f_type == magic;
}
