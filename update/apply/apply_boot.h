/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a slot in a FAT, for an install, and for whoever asks whether one would fit. */
#pragma once

#include "lib/bdev_boot.h"
#include "lib/os_lend.h"
#include "update/bundle/manifest.h"

struct apply_boot {
	struct bdev_boot dev;
	/* its partition is lent; NULL: not, or not any more. Borrowed */
	struct os_lend *lend;
	char lent[OS_LEND_PATH];
};

#define APPLY_BOOT_CLOSED \
	((struct apply_boot){ .dev = { .top = -1, .dir = -1, .fd = -1 }, .lend = NULL })

/*
 * Opens path, "/dev/vda1:/EFI/Linux/x.efi", for an image. Where the file does not hold that, it is
 * one that is replaced: then KB_ENOSPC if there is no room, with numbers, or KB_EBUSY if the system
 * has the FAT mounted read-only. KB_EBUSY, too, where another file is the same entry. Writes
 * nothing. Other errors: of os_lend_ask() and bdev_boot_open(). After each `why` says it, and
 * apply_boot_close() is due. b points into itself.
 */
enum kb_err apply_boot_open(struct apply_boot *b, struct os_lend *lend, const char *path,
			    const struct manifest_image *im, char why[MANIFEST_WHY]) KB_MUST_CHECK;
void apply_boot_close(struct apply_boot *b);
