/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/adopt/adopt.h"

#include "lib/container.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/os_room.h"
#include "lib/util.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LOOK_MS 20000

const char *const adopt_label[] = {
	[ADOPT_ROOT] = "",     [ADOPT_STATE] = "keelboot-state",     [ADOPT_SLOT_B] = "root-b",
	[ADOPT_DATA] = "data", [ADOPT_OVERLAY] = "keelboot-overlay", [ADOPT_BOOT] = "boot",
};

static void add_problem(struct adopt *ad, bool commands, const char *fix, const char *fmt,
			va_list args)
{
	struct adopt_problem *p = &ad->problem[ad->n];

	if (ad->n == ADOPT_PROBLEMS_MAX)
		return;
	ad->n++;
	p->commands = commands;
	snprintf(p->fix, sizeof(p->fix), "%s", fix);
	vsnprintf(p->text, sizeof(p->text), fmt, args);
}

void adopt_problem(struct adopt *ad, const char *advice, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_problem(ad, false, advice, fmt, args);
	va_end(args);
}

void adopt_missing(struct adopt *ad, const char *commands, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_problem(ad, true, commands, fmt, args);
	va_end(args);
}

/* What is no partition of a disk cannot be found again by its place on it. */
static void report_no_partition(struct adopt *ad, const char *name)
{
	if (strncmp(name, "dm-", 3) == 0 || strncmp(name, "md", 2) == 0)
		adopt_problem(
			ad,
			"name the volumes in system.conf by hand: docs/INTEGRATE.md, section 10, has a table of what a slot may be",
			"the root is on %s, a volume of LVM, a LUKS container or an array; adopt knows only partitions",
			name);
	else
		adopt_problem(ad, "install Debian onto a partition of a disk with a GPT",
			      "the root is on %s, which is no partition of a disk", name);
}

/* The kernel's folder of a partition lies in that of its disk: ".../block/vda/vda2". */
static bool find_disk(struct adopt *ad, const struct adopt_mount *root, char name[64])
{
	char file[64], path[DEVICE_PATH_MAX], link[DEVICE_PATH_MAX], *at, *disk;

	snprintf(file, sizeof(file), "/sys/dev/block/%u:%u", root->major, root->minor);
	adopt_path(ad, path, file);
	if (os_readlink(path, link, sizeof(link)) != KB_OK || (at = strrchr(link, '/')) == NULL) {
		adopt_problem(ad, "install Debian onto a partition with ext4, xfs or f2fs",
			      "the root is %s, which lies on no single block device", root->fstype);
		return false;
	}
	snprintf(name, 64, "%.63s", at + 1);
	*at = '\0';
	disk = strrchr(link, '/');
	snprintf(file, sizeof(file), "/sys/class/block/%.30s/partition", name);
	adopt_path(ad, path, file);
	if (disk == NULL || !os_exists(path)) {
		report_no_partition(ad, name);
		return false;
	}
	snprintf(ad->disk_path, sizeof(ad->disk_path), "/dev/%.50s", disk + 1);
	return true;
}

static bool probe_disk(struct adopt *ad)
{
	KB_CLEANUP_FD int fd = -1;
	char path[DEVICE_PATH_MAX];

	adopt_path(ad, path, ad->disk_path);
	if (os_open(path, O_RDONLY, &fd) != KB_OK) {
		adopt_problem(ad, "run it as root", "%s cannot be read", path);
		return false;
	}
	/* Partitions have caches of their own: what mkfs just wrote to one is not in that of the
	 * disk. */
	os_file_forget(fd);
	prober_look(fd, ad->disk_path, LOOK_MS, PROBER_EVERY, &ad->disk);
	if (strcmp(ad->disk.table, "gpt") == 0)
		return true;
	adopt_problem(
		ad,
		"convert it after a backup (apt install gdisk; sgdisk -g DISK), make a partition of the type BIOS boot, and run grub-install",
		"%s has no GPT (table: %s): partitions cannot be found by their names",
		ad->disk_path, ad->disk.table[0] != '\0' ? ad->disk.table : "none");
	return false;
}

static const struct prober_part *by_device(const struct adopt *ad, const char *dev)
{
	for (unsigned i = 0; i < ad->disk.n; i++)
		if (strcmp(ad->disk.part[i].dev, dev) == 0)
			return &ad->disk.part[i];
	return NULL;
}

static const struct prober_part *by_label(struct adopt *ad, const char *label)
{
	const struct prober_part *found = NULL;

	for (unsigned i = 0; i < ad->disk.n; i++) {
		if (strcmp(ad->disk.part[i].partlabel, label) != 0)
			continue;
		if (found != NULL)
			adopt_problem(
				ad,
				"give one of them another name: sfdisk --part-label DISK NUMBER NAME",
				"%s and %s are both named %s", found->dev, ad->disk.part[i].dev,
				label);
		found = &ad->disk.part[i];
	}
	return found;
}

/* What the command line names, else what has the label. */
static void take_role(struct adopt *ad, enum adopt_role role, const char *named)
{
	ad->role[role] = named != NULL ? by_device(ad, named) : by_label(ad, adopt_label[role]);
	if (named != NULL && ad->role[role] == NULL)
		adopt_problem(ad, "name a partition of the disk on which the root is",
			      "%s is no partition of %s", named, ad->disk_path);
}

/* Each would be written over by the other. */
static void check_apart(struct adopt *ad)
{
	for (int i = 0; i < ADOPT_ROLES; i++)
		for (int j = 0; j < i; j++)
			if (ad->role[i] != NULL && ad->role[i] == ad->role[j])
				adopt_problem(ad, "name another partition for one of them",
					      "%s would be both %s and %s", ad->role[i]->dev,
					      adopt_label[j], adopt_label[i]);
}

static const char *named_slot_b(const struct device_options *o)
{
	for (unsigned i = 0; i < o->nparts; i++)
		if (o->part[i].slot == 1 && strcmp(o->part[i].cls, "root") == 0)
			return o->part[i].path;
	return NULL;
}

static void measure_root(struct adopt *ad)
{
	char path[DEVICE_PATH_MAX];
	struct os_room room;

	adopt_path(ad, path, "/");
	if (ad->from != NULL)
		snprintf(path, sizeof(path), "%s", ad->from);
	if (os_room(path, &room) == KB_OK)
		ad->used = room.bytes - room.free_bytes;
}

void adopt_look(struct adopt *ad)
{
	char name[64], dev[72];
	struct adopt_mount root, data;

	if (!adopt_mount_at(ad, "/", &root)) {
		adopt_problem(ad, "mount /proc",
			      "what the root is cannot be read from /proc/self/mountinfo");
		return;
	}
	snprintf(ad->root_fstype, sizeof(ad->root_fstype), "%s", root.fstype);
	if (!find_disk(ad, &root, name) || !probe_disk(ad))
		return;
	snprintf(dev, sizeof(dev), "/dev/%s", name);
	ad->role[ADOPT_ROOT] = by_device(ad, dev);
	take_role(ad, ADOPT_STATE, ad->opts->state);
	take_role(ad, ADOPT_SLOT_B, named_slot_b(ad->opts));
	take_role(ad, ADOPT_DATA, ad->data);
	take_role(ad, ADOPT_OVERLAY, NULL);
	take_role(ad, ADOPT_BOOT, NULL);
	check_apart(ad);
	if (ad->role[ADOPT_DATA] != NULL && adopt_mount_of(ad, ad->role[ADOPT_DATA], &data))
		snprintf(ad->data_mount, sizeof(ad->data_mount), "%.127s", data.place);
	measure_root(ad);
}
