/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: mounts, for processes beside process 1. */
#include "lib/os_mounts.h"

#include "lib/os.h"
#include "lib/util.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

enum kb_err os_mounts_own(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		return KB_EPERM;
	return os_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

/* A magic number of <linux/magic.h>. */
static bool has_type(const char *path, unsigned long magic)
{
	struct statfs st;

	return statfs(path, &st) == 0 && (unsigned long)st.f_type == magic;
}

const char *os_mounts_read_only(void)
{
	static const struct {
		const char *at;
		unsigned long type;
	} tree[] = { { "/proc", PROC_SUPER_MAGIC }, { "/sys", SYSFS_MAGIC } };

	for (unsigned i = 0; i < KB_ARRAY_LEN(tree); i++) {
		if (!has_type(tree[i].at, tree[i].type))
			continue;
		if (os_mount(NULL, tree[i].at, NULL,
			     MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
			     NULL) != KB_OK)
			return tree[i].at;
	}
	return NULL;
}

bool os_mounts_allowed(void)
{
	struct __user_cap_header_struct hdr = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct has[2] = { { 0 }, { 0 } };

	return syscall(SYS_capget, &hdr, has) != 0 || has[0].effective & (1ull << CAP_SYS_ADMIN);
}

static bool is_of(const char *line, uint64_t number)
{
	unsigned major, minor;

	return sscanf(line, "%*u %*u %u:%u", &major, &minor) == 2 &&
	       makedev(major, minor) == number;
}

bool os_mounts_has(uint64_t number)
{
	KB_CLEANUP_FD int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	char buf[4096], line[64]; /* its beginning */
	size_t len = 0;
	ssize_t n;

	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] != '\n') {
				line[len] = buf[i];
				len += len < sizeof(line) - 1;
				continue;
			}
			line[len] = '\0';
			if (is_of(line, number))
				return true;
			len = 0;
		}
	}
	return false;
}
