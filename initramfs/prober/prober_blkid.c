/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/prober/prober_blkid.h"

#include "lib/util.h"

#include <blkid/blkid.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SECTOR 512 /* the unit of libblkid's partition lists, whatever the disk's */

/*
 * Only these are looked for: what may hold a root or data file system or come on a stick, and what
 * must not be taken for one although its old superblock is still there (RAID, LVM, LUKS, swap). Of
 * others, of which a state must not be made, those with a mark only at the front: it goes with the
 * next image.
 */
static const char *const known_types[] = {
	"ext4",
	"ext3",
	"ext2",
	"squashfs",
	"erofs",
	"btrfs",
	"f2fs",
	"xfs",
	"vfat",
	"exfat",
	"ntfs",
	"iso9660",
	"udf",
	"crypto_LUKS",
	"LVM2_member",
	"linux_raid_member",
	"DM_verity_hash",
	"swap",
	"bcachefs",
	"jfs",
	"reiserfs",
	"BitLocker",
	NULL,
};

static const char *const known_tables[] = { "gpt", "dos", NULL };

/* Text that does not fit would match what it should not: then there is none. */
static void set_text(char *dst, size_t size, const char *src)
{
	dst[0] = '\0';
	if (src != NULL && strlen(src) < size)
		util_print_safe(dst, size, src);
}

static void set_value(blkid_probe pr, const char *name, char *dst, size_t size)
{
	const char *value = NULL;
	size_t len;

	dst[0] = '\0';
	if (blkid_probe_lookup_value(pr, name, &value, &len) == 0)
		set_text(dst, size, value);
}

static bool is_known(const char *type)
{
	for (size_t i = 0; known_types[i] != NULL; i++)
		if (strcmp(type, known_types[i]) == 0)
			return true;
	return false;
}

/* Without a filter. Also a table of partitions inside of one says that somebody uses it. */
static int look_for_anything(blkid_probe pr)
{
	int found;

	blkid_probe_enable_partitions(pr, 1);
	found = blkid_do_safeprobe(pr);
	if (found != 1)
		return found;
	/* None that it is sure of; wipefs would find these, too. */
	blkid_reset_probe(pr);
	found = blkid_do_probe(pr);
	return found == 0 ? -2 : found;
}

static void take_type(blkid_probe pr, enum prober_types types, struct prober_part *part)
{
	set_value(pr, "TYPE", part->fstype, sizeof(part->fstype));
	set_value(pr, "LABEL", part->label, sizeof(part->label));
	set_value(pr, "UUID", part->uuid, sizeof(part->uuid));
	if (types == PROBER_BOOT || is_known(part->fstype))
		return;
	part->flags |= PROBER_PART_FOREIGN;
	if (part->fstype[0] == '\0')
		set_value(pr, "PTTYPE", part->fstype, sizeof(part->fstype));
}

static void look_into_part(blkid_probe pr, enum prober_types types, struct prober_part *part)
{
	int found;

	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL |
						      BLKID_SUBLKS_UUID);
	if (types == PROBER_BOOT) {
		blkid_probe_filter_superblocks_type(pr, BLKID_FLTR_ONLYIN, (char **)known_types);
		found = blkid_do_safeprobe(pr);
	} else
		found = look_for_anything(pr);
	if (found == -2)
		part->flags |= PROBER_PART_AMBIGUOUS;
	else if (found < 0)
		part->flags |= PROBER_PART_UNREADABLE;
	else if (found == 0)
		take_type(pr, types, part);
}

void prober_blkid_part(int fd, enum prober_types types, struct prober_part *part)
{
	blkid_probe pr = blkid_new_probe();

	if (pr != NULL && blkid_probe_set_device(pr, fd, (blkid_loff_t)part->start,
						 (blkid_loff_t)part->size) == 0)
		look_into_part(pr, types, part);
	else
		part->flags |= PROBER_PART_UNREADABLE;
	blkid_free_probe(pr);
}

static bool is_device(const char *dev)
{
	return strncmp(dev, "/dev/", 5) == 0;
}

/* "/dev/vda" 2: "/dev/vda2"; "/dev/mmcblk0" 2: "/dev/mmcblk0p2". Those of an image have no names.
 */
static void part_name(char *out, size_t size, const char *dev, unsigned number)
{
	size_t len = strlen(dev);
	bool digit = len > 0 && isdigit((unsigned char)dev[len - 1]);

	if (!is_device(dev) ||
	    snprintf(out, size, "%s%s%u", dev, digit ? "p" : "", number) >= (int)size)
		out[0] = '\0';
}

static void add_part(struct prober_answer *a, const char *dev, blkid_partition par)
{
	struct prober_part *part = &a->part[a->n];
	int number = blkid_partition_get_partno(par);
	int64_t start = blkid_partition_get_start(par), size = blkid_partition_get_size(par);

	if (number <= 0 || start <= 0 || size <= 0 || blkid_partition_is_extended(par) ||
	    start > INT64_MAX / SECTOR || size > INT64_MAX / SECTOR)
		return;
	if (a->n == PROBER_PARTS_MAX) /* process 1 names what is beyond */
		return;
	memset(part, 0, sizeof(*part));
	part->number = (uint32_t)number;
	part->start = (uint64_t)start * SECTOR;
	part->size = (uint64_t)size * SECTOR;
	part_name(part->dev, sizeof(part->dev), dev, part->number);
	set_text(part->partlabel, sizeof(part->partlabel), blkid_partition_get_name(par));
	set_text(part->partuuid, sizeof(part->partuuid), blkid_partition_get_uuid(par));
	a->n++;
}

/* 0: there is a table. 1: none. -1: cannot be read. flags: BLKID_PARTS_FORCE_GPT, or 0. */
static int read_table(blkid_probe pr, const char *dev, struct prober_answer *a, int flags)
{
	blkid_partlist list;
	blkid_parttable table;
	int found;

	blkid_probe_enable_superblocks(pr, 0);
	blkid_probe_enable_partitions(pr, 1);
	blkid_probe_set_partitions_flags(pr, flags);
	blkid_probe_filter_partitions_type(pr, BLKID_FLTR_ONLYIN, (char **)known_tables);
	found = blkid_do_fullprobe(pr);
	if (found != 0)
		return found < 0 ? -1 : 1;
	list = blkid_probe_get_partitions(pr);
	table = list != NULL ? blkid_partlist_get_table(list) : NULL;
	if (table == NULL)
		return 1;
	set_text(a->table, sizeof(a->table), blkid_parttable_get_type(table));
	for (int i = 0; i < blkid_partlist_numof_partitions(list); i++)
		add_part(a, dev, blkid_partlist_get_partition(list, i));
	return a->table[0] != '\0' ? 0 : 1;
}

void prober_blkid_table(int fd, const char *dev, struct prober_answer *a)
{
	blkid_probe pr = blkid_new_probe();
	int found = -1;

	if (pr != NULL && blkid_probe_set_device(pr, fd, 0, 0) == 0) {
		a->size = (uint64_t)blkid_probe_get_size(pr);
		found = read_table(pr, dev, a, 0);
	}
	if (is_device(dev))
		set_text(a->whole.dev, sizeof(a->whole.dev), dev);
	a->whole.size = a->size;
	if (found < 0)
		a->flags |= PROBER_TABLE_UNREADABLE;
	if (found > 0)
		prober_blkid_part(fd, PROBER_BOOT, &a->whole);
	/* A first sector that went bad hides a GPT, as from a kernel without `gpt` on its command
	 * line; but a file system goes before what is left of one. */
	if (found > 0 && a->whole.fstype[0] == '\0' && a->whole.flags == 0)
		read_table(pr, dev, a, BLKID_PARTS_FORCE_GPT); /* none is no news */
	blkid_free_probe(pr);
}
