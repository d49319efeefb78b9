/* SPDX-License-Identifier: Apache-2.0 */
/* A partition as the firmware knows it: by the GPT, or by its number. */
#pragma once

#include "selector/loader/loader.h"

#define LOADER_PART_GUID 37 /* "XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX" and its NUL */
#define LOADER_PART_DISK 64 /* bytes of the kernel's name of a disk: "mmcblk0" */

struct loader_part {
	/* from 1 */
	uint32_t number;
	/* blocks of the disk */
	uint64_t start, blocks;
	/* as it lies in the table */
	uint8_t guid[16];
};

/* Looks at "/dev/vda2": by sysfs, and by the table of its disk, either copy. KB_ENODEV: it is no
 * partition; KB_EFORMAT: of no GPT, or the table is not what the kernel has. */
enum kb_err loader_part_look(struct loader *l, const char *dev,
			     struct loader_part *part) KB_MUST_CHECK;

/* What the kernel calls the disk of "/dev/mmcblk0p2", and which partition of it that is, by
 * whatever table. KB_ENODEV: it is no partition. */
enum kb_err loader_part_number(struct loader *l, const char *dev, char disk[LOADER_PART_DISK],
			       uint32_t *number) KB_MUST_CHECK;

/* Where systemd-boot lies, or what else was started first and noted it: the text of a partition's
 * GUID, or what is none. KB_ENOENT: nothing noted it. */
enum kb_err loader_part_started(struct loader *l, char guid[LOADER_PART_GUID]) KB_MUST_CHECK;

/* Whether the partition with this GUID is on the disk of "/dev/vda2". Errors as of
 * loader_part_look(). */
enum kb_err loader_part_is_beside(struct loader *l, const char *dev, const char *guid,
				  bool *is) KB_MUST_CHECK;

/* The text of a GUID, in capitals. PURE. */
void loader_part_guid(const struct loader_part *part, char text[LOADER_PART_GUID]);
