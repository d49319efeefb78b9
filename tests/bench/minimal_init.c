/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Keelboot's boot is measured against: the least that an init in an initramfs has to do. Loads
 * the same modules, waits for one fixed partition, mounts it, becomes its init.
 */
#include "mark.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The partition that it mounts is the first of these. */
static const char *const roots[] = { "/dev/vda3", "/dev/nvme0n1p3", "/dev/mmcblk0p3", "/dev/sda3" };

static void load(const char *line)
{
	char path[256], params[256] = "";
	int fd;

	if (sscanf(line, "%255s %255[^\n]", path, params) < 1 || path[0] == '#')
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	syscall(SYS_finit_module, fd, params, 0);
	close(fd);
}

static const char *find_root(void)
{
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		if (access(roots[i], F_OK) == 0)
			return roots[i];
	}
	return NULL;
}

int main(int argc, char **argv, char **envp)
{
	char line[512];
	const char *root;
	FILE *list;

	(void)argc;
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount("tmpfs", "/run", "tmpfs", 0, NULL);
	MARK("20");
	list = fopen("/etc/keelboot/modules", "re");
	while (list != NULL && fgets(line, sizeof(line), list) != NULL)
		load(line);
	MARK("21");
	while ((root = find_root()) == NULL)
		usleep(1000);
	MARK("22");
	mkdir("/sysroot", 0755);
	if (mount(root, "/sysroot", "ext4", MS_RDONLY, NULL) != 0)
		return 1;
	MARK("23");
	mount("/proc", "/sysroot/proc", NULL, MS_MOVE, NULL);
	mount("/sys", "/sysroot/sys", NULL, MS_MOVE, NULL);
	mount("/dev", "/sysroot/dev", NULL, MS_MOVE, NULL);
	mount("/run", "/sysroot/run", NULL, MS_MOVE, NULL);
	if (chdir("/sysroot") != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0)
		return 1;
	execve("/sbin/init", argv, envp);
	return 1;
}
