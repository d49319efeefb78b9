/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disks/probe_sysfs.h"

#include "initramfs/disks/probe_id.h"
#include "lib/bytes.h"
#include "lib/disk_path.h"
#include "lib/os.h"
#include "lib/util.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SECTOR	    512 /* the unit of sysfs, whatever the disk's */
#define ENTRIES_MAX 256
#define PART_MIN    4096 /* bytes: an extended partition, which is a table itself, has less */

bool probe_sysfs_ignored(const char *name)
{
	static const char *const others[] = {
		"loop", "ram", "dm-", "zram", "sr", "fd", "nbd", "mtdblock", "ubiblock",
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(others); i++) {
		if (strncmp(name, others[i], strlen(others[i])) == 0)
			return true;
	}
	return strchr(name, '!') != NULL ||
	       (strncmp(name, "mmcblk", 6) == 0 &&
		(strstr(name, "boot") != NULL || strstr(name, "rpmb") != NULL));
}

/* What is there, and cannot be read, is asked for once more: a partition that is not seen is a slot
 * that is not booted. */
static enum kb_err read_file(const char *path, char *out, size_t size)
{
	enum kb_err err = os_read_file(path, out, size, NULL);

	return err == KB_OK || err == KB_ENOENT ? err : os_read_file(path, out, size, NULL);
}

enum kb_err probe_sysfs_list(const char *path, char (*names)[64], unsigned max, unsigned *n)
{
	enum kb_err err = os_list(path, names, max, n);

	return err == KB_OK || err == KB_ENOENT ? err : os_list(path, names, max, n);
}

static enum kb_err read_link(const char *path, char *out, size_t size)
{
	enum kb_err err = os_readlink(path, out, size);

	return err == KB_OK || err == KB_ENOENT ? err : os_readlink(path, out, size);
}

/* One attribute below /sys/class/block/DISK[/PART], without the newline. False: it is missing. */
static bool read_attr(char *out, size_t size, const char *disk, const char *attr)
{
	char path[256];

	if (snprintf(path, sizeof(path), PROBE_SYSFS "/%s/%s", disk, attr) >= (int)sizeof(path) ||
	    read_file(path, out, size) != KB_OK)
		return false;
	out[strcspn(out, "\n")] = '\0';
	return true;
}

static uint64_t read_number(const char *disk, const char *attr, uint64_t max)
{
	char text[32];
	uint64_t n;

	if (!read_attr(text, sizeof(text), disk, attr) || bytes_decimal(&n, text, max) != KB_OK)
		return 0;
	return n;
}

/* PARTNAME= of the uevent file: the name in the GPT, or in blkdevparts=. */
static void read_partname(struct prober_part *part, const char *disk, const char *name)
{
	char path[256], text[1024];
	const char *at;

	snprintf(path, sizeof(path), PROBE_SYSFS "/%.60s/%.60s/uevent", disk, name);
	text[0] = '\n'; /* so that each line, the first too, begins behind one */
	if (read_file(path, text + 1, sizeof(text) - 1) != KB_OK)
		return;
	at = strstr(text, "\nPARTNAME=");
	if (at == NULL)
		return;
	at += 10;
	if (strcspn(at, "\n") >= sizeof(part->partlabel))
		return;
	text[(size_t)(at - text) + strcspn(at, "\n")] = '\0';
	util_print_safe(part->partlabel, sizeof(part->partlabel), at);
}

static bool read_part(struct prober_part *part, const char *disk, const char *name)
{
	char attr[96];

	memset(part, 0, sizeof(*part));
	if (strlen(name) + sizeof("/dev/") > sizeof(part->dev))
		return false;
	snprintf(attr, sizeof(attr), "%s/partition", name);
	part->number = (uint32_t)read_number(disk, attr, UINT32_MAX);
	snprintf(attr, sizeof(attr), "%s/start", name);
	part->start = read_number(disk, attr, INT64_MAX / SECTOR) * SECTOR;
	snprintf(attr, sizeof(attr), "%s/size", name);
	part->size = read_number(disk, attr, INT64_MAX / SECTOR) * SECTOR;
	if (part->number == 0 || part->size < PART_MIN)
		return false;
	snprintf(part->dev, sizeof(part->dev), "/dev/%.26s", name);
	read_partname(part, disk, name);
	return true;
}

/* By number: names sort vda10 before vda2. Of too many, the one with the highest number goes. */
static void insert_part(struct probe_disk *d, const struct prober_part *part)
{
	unsigned at;

	if (d->n == PROBER_PARTS_MAX) {
		d->unused++;
		if (part->number > d->part[d->n - 1].number)
			return;
		d->n--;
	}
	for (at = d->n; at > 0 && d->part[at - 1].number > part->number; at--)
		d->part[at] = d->part[at - 1];
	d->part[at] = *part;
	d->n++;
}

/* A partition is there, of which one of these is missing. */
static bool is_unread(const struct prober_part *part, const char *disk, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), PROBE_SYSFS "/%.60s/%.60s/partition", disk, name);
	return (part->number == 0 || part->size == 0) && os_exists(path);
}

static void read_parts(struct probe_disk *d, const char *name)
{
	static char entries[ENTRIES_MAX][64];
	struct prober_part part;
	char path[256];
	unsigned n;

	snprintf(path, sizeof(path), PROBE_SYSFS "/%s", name);
	if (probe_sysfs_list(path, entries, ENTRIES_MAX, &n) != KB_OK)
		return;
	for (unsigned i = 0; i < n; i++) {
		if (strncmp(entries[i], name, strlen(name)) != 0)
			continue;
		if (read_part(&part, name, entries[i]))
			insert_part(d, &part);
		else
			d->unused += is_unread(&part, name, entries[i]);
	}
	d->has_table = d->n > 0;
}

static void read_kind(struct probe_disk *d, const char *name)
{
	char text[16];

	d->usb = strstr(d->path, "/usb") != NULL;
	d->removable = read_number(name, "removable", 1) == 1;
	if (strncmp(name, "mmcblk", 6) != 0)
		return;
	d->sd = read_attr(text, sizeof(text), name, "device/type") && strcmp(text, "SD") == 0;
	/* An MMC card in a slot for cards is no eMMC. Linux tells since 6.6. */
	d->removable |= d->sd || (read_attr(text, sizeof(text), name, "device/removable") &&
				  strcmp(text, "removable") == 0);
}

/* What the hardware calls itself: eMMC and SD, NVMe, SCSI, virtio. */
static void read_id(struct probe_disk *d, const char *name)
{
	static const struct {
		const char *attr, *kind;
	} own[] = {
		{ "device/cid", "cid" },
		{ "wwid", "wwid" },
		{ "device/wwid", "wwid" },
		{ "serial", "serial" },
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(own); i++) {
		size_t len;

		if (!read_attr(d->name, sizeof(d->name), name, own[i].attr))
			continue;
		for (len = strlen(d->name); len > 0 && d->name[len - 1] == ' '; len--)
			d->name[len - 1] = '\0';
		if (len == 0)
			continue;
		probe_id_hardware(d->id, own[i].kind, d->name);
		return;
	}
	d->name[0] = '\0';
	probe_id_path(d->id, d->path);
}

bool probe_sysfs_read(struct probe_disk *d, const char *name)
{
	char path[256], link[256];
	const char *at = link;

	if (strlen(name) + sizeof("/dev/") > sizeof(d->dev))
		return false;
	snprintf(path, sizeof(path), PROBE_SYSFS "/%s/partition", name);
	if (os_exists(path) || read_number(name, "hidden", 1) == 1)
		return false;
	snprintf(path, sizeof(path), PROBE_SYSFS "/%s", name);
	if (read_link(path, link, sizeof(link)) != KB_OK)
		return false;
	memset(d, 0, sizeof(*d));
	while (strncmp(at, "../", 3) == 0)
		at += 3;
	snprintf(d->path, sizeof(d->path), "/%.254s", at);
	disk_path_follow(d->path, "", name);
	d->size = read_number(name, "size", INT64_MAX / SECTOR) * SECTOR;
	if (d->size == 0)
		return false;
	snprintf(d->dev, sizeof(d->dev), "/dev/%.26s", name);
	read_kind(d, name);
	read_id(d, name);
	read_parts(d, name);
	snprintf(d->whole.dev, sizeof(d->whole.dev), "%s", d->dev);
	d->state = PROBE_WAITING;
	return true;
}
