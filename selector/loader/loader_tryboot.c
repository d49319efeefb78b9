/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_tryboot.h"

#include "lib/os.h"
#include "lib/util.h"
#include "selector/loader/loader_disk.h"
#include "selector/loader/loader_list.h"
#include "selector/loader/loader_part.h"
#include "selector/loader/loader_why.h"
#include "selector/state.h"

#include <stdio.h>
#include <string.h>

#define TREE   "/proc/device-tree/chosen/bootloader/"
#define CAN_AB (1u << 2) /* of its "capabilities" */

/* "boot-mode": what kind of disk the firmware came from. */
enum { FROM_SD = 1, FROM_USB = 4, FROM_USB_CHIP = 5, FROM_NVME = 6, FROM_UNKNOWN = 0 };

static const struct loader_disk_file autoboot = {
	.entry = "AUTOBOOTTXT",
	.name = "autoboot.txt",
	.least = 1,
	.most = LOADER_AUTOBOOT_MAX,
	.reader = "the firmware finds no autoboot.txt there",
	.make = "a text editor, as docs/KERNEL.md has it",
};

/* ---------------------------------------------------------------- where they are */

/* The partition with autoboot.txt, and the numbers of those with a pair; 0: the slot has none. */
static struct places {
	char store[64], disk[LOADER_PART_DISK];
	uint32_t number, pair[STATE_SLOTS_MAX];
} places;

static enum kb_err take_part_number(struct loader *l, const char *dev, uint32_t *number)
{
	char disk[LOADER_PART_DISK];

	TRY(loader_part_number(l, dev, disk, number));
	if (places.disk[0] == '\0')
		memcpy(places.disk, disk, sizeof(disk));
	if (strcmp(places.disk, disk) == 0)
		return KB_OK;
	return loader_why(l, KB_EINVAL,
			  "%s and %s are on two disks: the firmware starts partitions of one", dev,
			  places.store);
}

static enum kb_err take_pair_number(struct loader *l, const char *dev, uint32_t *number)
{
	TRY(take_part_number(l, dev, number));
	if (*number <= LOADER_AUTOBOOT_PART)
		return KB_OK;
	return loader_why(l, KB_EINVAL, "%s: the firmware starts none behind partition %d", dev,
			  LOADER_AUTOBOOT_PART);
}

static enum kb_err take_places(struct loader *l)
{
	static struct loader_list list;

	memset(&places, 0, sizeof(places));
	if (!loader_list_take(&list, l->where, true) || strlen(list.head) >= sizeof(places.store))
		return loader_why(
			l, KB_EINVAL,
			"%s: expected the partition with autoboot.txt and those of pairs, as /dev/x1,a=/dev/x2,b=/dev/x3",
			l->where);
	memcpy(places.store, list.head, strlen(list.head) + 1);
	TRY(take_part_number(l, places.store, &places.number));
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		if (list.of[i][0] != '\0')
			TRY(take_pair_number(l, list.of[i], &places.pair[i]));
	return KB_OK;
}

static int8_t slot_of_number(uint32_t number)
{
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		if (places.pair[i] != 0 && places.pair[i] == number)
			return (int8_t)i;
	return STATE_NONE;
}

/* ---------------------------------------------------------------- its words */

/* The file as it is open. */
struct text {
	struct bdev_file f;
	uint64_t off;
	uint32_t len;
	uint8_t bytes[LOADER_AUTOBOOT_MAX];
};

/* From the medium: the firmware has no cache of ours. */
static enum kb_err read_text(struct loader *l, struct text *t)
{
	struct bdev *dev = &t->f.bdev;

	TRY(loader_disk_settle(l, dev));
	TRY(loader_disk_find(l, dev, &autoboot, &t->off, &t->len));
	return loader_disk_said(l, loader_disk_read(dev, t->off, t->bytes, t->len), "read");
}

static enum kb_err read_choice(struct loader *l, struct text *t, struct loader_choice *c)
{
	struct loader_autoboot is;

	TRY(read_text(l, t));
	TRY(loader_autoboot_read(l, t->bytes, t->len, &is));
	c->preset = slot_of_number(is.preset);
	c->once = is.once == is.preset ? STATE_NONE : slot_of_number(is.once);
	return KB_OK;
}

/* Where no preset is asked for, the old one stays. */
static enum kb_err write_choice(struct loader *l, struct text *t, const struct loader_choice *c)
{
	struct loader_autoboot is, want;
	uint8_t before[LOADER_AUTOBOOT_MAX];

	TRY(read_text(l, t));
	if (c->preset == STATE_NONE)
		TRY(loader_autoboot_read(l, t->bytes, t->len, &is));
	want.preset = c->preset == STATE_NONE ? is.preset : (uint8_t)places.pair[c->preset];
	want.once = c->once == STATE_NONE ? want.preset : (uint8_t)places.pair[c->once];
	memcpy(before, t->bytes, t->len);
	TRY(loader_autoboot_set(l, t->bytes, t->len, &want));
	if (memcmp(before, t->bytes, t->len) == 0)
		return KB_OK;
	return loader_disk_write(l, &t->f.bdev, t->off, t->bytes, t->len);
}

/* A reason names the partition, and not all of the list. */
static enum kb_err with_text(struct loader *l, struct loader_choice *c,
			     const struct loader_choice *want)
{
	static struct text t;
	const char *where = l->where;
	enum kb_err err;

	l->where = places.store;
	err = loader_disk_open(l, &t.f, places.store, want != NULL ? BDEV_FILE_WRITE : 0);
	if (err == KB_OK)
		err = want != NULL ? write_choice(l, &t, want) : read_choice(l, &t, c);
	bdev_file_close(&t.f);
	l->where = where;
	return err;
}

enum kb_err loader_tryboot_read(struct loader *l, struct loader_choice *c)
{
	TRY(take_places(l));
	return with_text(l, c, NULL);
}

static enum kb_err check_pair(struct loader *l, int slot)
{
	if (slot == STATE_NONE || places.pair[slot] != 0)
		return KB_OK;
	return loader_why(l, KB_EINVAL, "slot %c has no pair: %s", loader_why_letter(slot),
			  l->where);
}

enum kb_err loader_tryboot_write(struct loader *l, const struct loader_choice *c)
{
	TRY(take_places(l));
	TRY(check_pair(l, c->preset));
	TRY(check_pair(l, c->once));
	return with_text(l, NULL, c);
}

/* ---------------------------------------------------------------- what was started */

/* A number of the device tree. */
static enum kb_err read_tree(struct loader *l, const char *name, uint32_t *value)
{
	char path[192], text[6];
	uint8_t bytes[4];
	size_t len;

	snprintf(path, sizeof(path), "%s" TREE "%s", l->root, name);
	TRY(os_read_file(path, text, sizeof(text), &len));
	if (len != 4)
		return KB_EFORMAT;
	memcpy(bytes, text, sizeof(bytes));
	*value = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
		 bytes[3];
	return KB_OK;
}

/* A stick may have the same partitions. What the firmware does not say, and a disk of another kind,
 * contradict nothing. */
static bool is_from_disk(uint32_t mode)
{
	if (mode == FROM_UNKNOWN)
		return true;
	if (strncmp(places.disk, "mmcblk", 6) == 0)
		return mode == FROM_SD;
	if (strncmp(places.disk, "nvme", 4) == 0)
		return mode == FROM_NVME;
	if (strncmp(places.disk, "sd", 2) == 0)
		return mode == FROM_USB || mode == FROM_USB_CHIP;
	return true;
}

enum kb_err loader_tryboot_booted(struct loader *l, int *slot)
{
	uint32_t number, mode = FROM_UNKNOWN;

	TRY(take_places(l));
	if (read_tree(l, "partition", &number) != KB_OK)
		return loader_why(l, KB_ENOENT,
				  "the firmware does not say which partition it started (" TREE
				  "partition)");
	(void)!read_tree(l, "boot-mode", &mode);
	if (!is_from_disk(mode))
		return loader_why(
			l, KB_ENOENT,
			"the firmware came from another disk (its boot-mode %u) than the slots' kernels (%s)",
			mode, places.disk);
	*slot = slot_of_number(number);
	if (*slot != STATE_NONE)
		return KB_OK;
	return loader_why(l, KB_ENOENT, "partition %u was started, which is no pair's: %s", number,
			  l->where);
}

enum kb_err loader_tryboot_look(struct loader *l, struct loader_tryboot_is *is)
{
	uint32_t can;

	TRY(take_places(l));
	is->number = places.number;
	is->is_too_old = read_tree(l, "capabilities", &can) == KB_OK && (can & CAN_AB) == 0;
	return KB_OK;
}
