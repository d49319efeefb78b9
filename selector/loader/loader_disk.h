/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a disk wherever they lie, and the file of a small FAT file system. */
#pragma once

#include "lib/bdev.h"
#include "selector/loader/loader.h"

/* len bytes at off, at most BDEV_ALIGN. KB_EINVAL beyond the end; KB_EIO. */
enum kb_err loader_disk_read(struct bdev *dev, uint64_t off, uint8_t *out,
			     size_t len) KB_MUST_CHECK;

/*
 * Where on a partition the file GRUBENV lies: in the root folder of FAT12 or FAT16, 1024 bytes in
 * one cluster. GRUB writes no partition without a file system. KB_EFORMAT with a reason.
 */
enum kb_err loader_disk_find(struct loader *l, struct bdev *dev, uint64_t *off) KB_MUST_CHECK;
