/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/disk_path.h"

#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

#define HEADS "/devices/virtual/nvme-subsystem/"
#define ENTRIES_MAX                                                                  \
	64 /* a subsystem has a dozen attributes, its controllers and its namespaces \
	    */

/* "nvme0", and no namespace of one. */
static bool is_controller(const char *name)
{
	return strncmp(name, "nvme", 4) == 0 && name[4] != '\0' &&
	       name[4 + strspn(name + 4, "0123456789")] == '\0';
}

/* dir, which is behind /sys, with a relative link from there applied. */
static void apply_link(char path[DISK_PATH_LEN], const char *dir, const char *link,
		       const char *name)
{
	size_t len = strlen(dir);

	for (; strncmp(link, "../", 3) == 0; link += 3)
		while (len > 0 && dir[--len] != '/')
			;
	snprintf(path, DISK_PATH_LEN, "%.*s/%.120s/%.30s", (int)len, dir, link, name);
}

void disk_path_follow(char path[DISK_PATH_LEN], const char *sys_root, const char *name)
{
	static char entries[ENTRIES_MAX][64];
	char dir[DISK_PATH_LEN], at[512], link[256];
	unsigned n;

	if (strncmp(path, HEADS, strlen(HEADS)) != 0)
		return;
	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path), path);
	snprintf(at, sizeof(at), "%.200s/sys%s", sys_root, dir);
	if (os_list(at, entries, ENTRIES_MAX, &n) != KB_OK)
		return;
	for (unsigned i = 0; i < n; i++) {
		snprintf(at, sizeof(at), "%.150s/sys%s/%.60s", sys_root, dir, entries[i]);
		if (is_controller(entries[i]) && os_readlink(at, link, sizeof(link)) == KB_OK) {
			apply_link(path, dir, link, name);
			return;
		}
	}
}
