/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a slot in a FAT, for an install, and for whoever asks whether they would fit. */
#pragma once

#include "lib/bdev_boot.h"
#include "lib/os_lend.h"
#include "update/bundle/manifest.h"

struct apply_boot {
	/* the last one may be one that could not be opened */
	unsigned n;
	struct bdev_boot dev[CONF_CLASSES_MAX];
	/* their partition is lent; NULL: not, or not any more. Borrowed */
	struct os_lend *lend;
	char lent[OS_LEND_PATH];
	/* what those that are larger than their old ones take of the free room */
	uint64_t grows;
	/* called from time to time, with the bytes, while a file is compared with its image; NULL:
	 * nothing is */
	void (*compared)(void *ctx, uint64_t done, uint64_t total);
	void *ctx;
};

#define APPLY_BOOT_CLOSED ((struct apply_boot){ .n = 0, .lend = NULL })

/*
 * Opens path, "/dev/vda1:/EFI/Linux/x.efi", for an image, beside those that are open: all of one
 * partition. KB_EBUSY: the system has the FAT mounted read-only. Where the file does not hold the
 * image, it is one that is replaced: then KB_ENOSPC if there is no room for it and those before it,
 * with numbers. KB_EINVAL: it is in another partition, or one too many. Writes nothing. Other
 * errors: of os_lend_ask() and bdev_boot_open(). After each `why` says it, and apply_boot_close()
 * is due. b points into itself.
 */
enum kb_err apply_boot_open(struct apply_boot *b, struct os_lend *lend, const char *path,
			    const struct manifest_image *im, char why[MANIFEST_WHY]) KB_MUST_CHECK;

/* The one that was opened last. */
struct bdev_boot *apply_boot_last(struct apply_boot *b);

void apply_boot_close(struct apply_boot *b);
