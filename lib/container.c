/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/container.h"

#include "lib/util.h"

#include <string.h>

bool container_is(const char *fstype)
{
	static const char *const types[] = { "crypto_LUKS", "LVM2_member", "linux_raid_member" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(types); i++)
		if (strcmp(fstype, types[i]) == 0)
			return true;
	return false;
}

/* "/dev/GROUP/VOLUME", and not a folder that udev fills with names of everything, nor a file in
 * "/dev/sda1:/". */
static bool is_volume(const char *path)
{
	const char *name = path + strlen("/dev/");

	return strncmp(path, "/dev/", strlen("/dev/")) == 0 && name[strcspn(name, "/:")] == '/' &&
	       strncmp(name, "disk/", 5) != 0 && strncmp(name, "block/", 6) != 0;
}

const char *container_of_path(const char *path)
{
	static const struct {
		const char *prefix, *what;
	} kinds[] = {
		{ "/dev/loop", "a loop device" },
		{ "/dev/nbd", "a network block device" },
		{ "/dev/md", "a RAID array" },
		{ "/dev/dm-", "of the device mapper (LVM or LUKS)" },
		{ "/dev/mapper/", "of the device mapper (LVM or LUKS)" },
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(kinds); i++)
		if (strncmp(path, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
			return kinds[i].what;
	return is_volume(path) ? "a volume of LVM" : NULL;
}
