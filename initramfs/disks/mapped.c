/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disks/mapped.h"

#include "lib/os.h"

#include <stdio.h>
#include <string.h>

#define BLOCK	  "/sys/class/block"
#define DEPTH_MAX 6 /* LVM on LUKS on MD on a partition is four */
#define NAME_LEN  128

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* "md0", not "md/x". */
static bool is_md_number(const char *name)
{
	return has_prefix(name, "md") && name[2] >= '0' && name[2] <= '9';
}

/* The folders of udev's that hold names of everything. */
static bool is_udev_folder(const char *name)
{
	return has_prefix(name, "disk/") || has_prefix(name, "block/");
}

bool mapped_is_spec(const char *spec)
{
	const char *name = spec + 5;

	if (!has_prefix(spec, "/dev/"))
		return false;
	return is_md_number(name) || (strchr(name, '/') != NULL && !is_udev_folder(name));
}

/* As LVM does it: the group and the volume with a '-' between, and each '-' of theirs twice. */
static bool volume_name(char *out, size_t size, const char *spec)
{
	size_t len = 0;
	bool behind = false;

	for (const char *s = spec + 5; *s != '\0'; s++) {
		bool twice = *s == '-';

		if (len + 2 >= size || (*s == '/' && behind))
			return false;
		behind |= *s == '/';
		out[len++] = *s == '/' ? '-' : *s;
		if (twice)
			out[len++] = '-';
	}
	out[len] = '\0';
	return behind;
}

static bool is_named_dm(const char *name, const char *spec)
{
	char path[96], is[NAME_LEN], volume[NAME_LEN];

	snprintf(path, sizeof(path), BLOCK "/%.32s/dm/name", name);
	if (os_read_file(path, is, sizeof(is), NULL) != KB_OK)
		return false;
	is[strcspn(is, "\n")] = '\0';
	if (has_prefix(spec, "/dev/mapper/"))
		return strcmp(spec + 12, is) == 0;
	return volume_name(volume, sizeof(volume), spec) && strcmp(volume, is) == 0;
}

static bool is_named_md(const char *name, const char *spec)
{
	char target[NAME_LEN];
	const char *slash;

	if (strcmp(spec + 5, name) == 0)
		return true;
	if (!has_prefix(spec, "/dev/md/") || os_readlink(spec, target, sizeof(target)) != KB_OK)
		return false;
	slash = strrchr(target, '/');
	return strcmp(slash != NULL ? slash + 1 : target, name) == 0;
}

bool mapped_is_named(const char *name, const char *spec)
{
	if (has_prefix(name, "dm-"))
		return is_named_dm(name, spec);
	return is_md_number(name) && is_named_md(name, spec);
}

/* ---------------------------------------------------------------- what is below */

struct disks {
	char (*name)[32];
	unsigned n;
};

static void add_disk(struct disks *d, const char *name)
{
	for (unsigned i = 0; i < d->n; i++) {
		if (strcmp(d->name[i], name) == 0)
			return;
	}
	if (d->n < MAPPED_DISKS_MAX)
		snprintf(d->name[d->n++], 32, "%.31s", name);
}

/* "../../devices/…/block/vda/vda3" has "vda" in front of its last part; a disk has "block". */
static void add_disk_of(struct disks *d, const char *name)
{
	char path[96], link[256], *last, *parent;

	snprintf(path, sizeof(path), BLOCK "/%.63s", name);
	if (os_readlink(path, link, sizeof(link)) != KB_OK || (last = strrchr(link, '/')) == NULL)
		return;
	*last = '\0';
	parent = strrchr(link, '/');
	parent = parent != NULL ? parent + 1 : link;
	add_disk(d, strcmp(parent, "block") == 0 ? last + 1 : parent);
}

static void walk_down(struct disks *d, const char *name, unsigned depth)
{
	char slave[MAPPED_DISKS_MAX][64], path[96];
	unsigned n = 0;

	snprintf(path, sizeof(path), BLOCK "/%.63s/slaves", name);
	if (depth == 0 || os_list(path, slave, MAPPED_DISKS_MAX, &n) != KB_OK || n == 0) {
		add_disk_of(d, name);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		walk_down(d, slave[i], depth - 1);
}

unsigned mapped_disks(const char *name, char (*disks)[32])
{
	struct disks d = { .name = disks };

	walk_down(&d, name, DEPTH_MAX);
	return d.n;
}
