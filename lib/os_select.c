/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: what only keelboot-select needs. */
#include "lib/os_select.h"

#include "lib/os_mounts.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum kb_err os_select_hide(void)
{
	return os_mounts_own();
}

enum kb_err os_select_link(const char *target, const char *path)
{
	if (unlink(path) < 0 && errno != ENOENT)
		return err_errno(errno);
	return symlink(target, path) == 0 ? KB_OK : err_errno(errno);
}

/* 0: it is no block device. */
static uint64_t number_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISBLK(st.st_mode) ? st.st_rdev : 0;
}

/* A line of mountinfo. A Btrfs has a number of its own: only its source is a device. */
static bool is_of_device(const char *line, uint64_t number)
{
	const char *dash = strstr(line, " - ");
	unsigned major, minor;
	char source[256];

	if (sscanf(line, "%*u %*u %u:%u", &major, &minor) == 2 && makedev(major, minor) == number)
		return true;
	return dash != NULL && sscanf(dash + 3, "%*s %255s", source) == 1 &&
	       number_of(source) == number;
}

static bool is_at(const char *line, const char *path)
{
	char target[256];

	return sscanf(line, "%*u %*u %*s %*s %255s", target) == 1 && strcmp(target, path) == 0;
}

/* The last line counts: it covers those before it. */
bool os_select_mounted(const char *path, const char *dev)
{
	uint64_t number = number_of(dev);
	FILE *f = number != 0 ? fopen("/proc/self/mountinfo", "re") : NULL;
	char line[1024];
	bool is = false;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (is_at(line, path))
			is = is_of_device(line, number);
	}
	if (f != NULL)
		fclose(f);
	return is;
}
