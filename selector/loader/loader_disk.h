/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a disk wherever they lie, and the file of a small FAT file system. */
#pragma once

#include "lib/bdev.h"
#include "selector/loader/loader.h"

/* From here on reading asks the medium, and what it says lasts: a write that failed may have come
 * as far as a cache. Errors with a reason. */
enum kb_err loader_disk_settle(struct loader *l, struct bdev *dev) KB_MUST_CHECK;

/* len bytes at off, at most BDEV_ALIGN. KB_EINVAL beyond the end; KB_EIO. */
enum kb_err loader_disk_read(struct bdev *dev, uint64_t off, uint8_t *out,
			     size_t len) KB_MUST_CHECK;

/* A file in the top folder of a small FAT. */
struct loader_disk_file {
	/* as the folder has it: eleven bytes, "GRUBENV    "; and as a person writes it */
	const char *entry, *name;
	/* bytes that it may have; they lie in one cluster */
	uint32_t least, most;
	/* what becomes of it elsewhere; how it is made, behind "make one there by": for a reason */
	const char *reader, *make;
};

/* Where on a partition it lies, and how long it is. KB_EFORMAT with a reason. */
enum kb_err loader_disk_find(struct loader *l, struct bdev *dev,
			     const struct loader_disk_file *file, uint64_t *off,
			     uint32_t *len) KB_MUST_CHECK;

/* Writes bytes that lie in one sector, makes them durable, and reads them back from the medium: no
 * boot loader has our cache. Errors with a reason: nothing is written where what lies beside them
 * reads differently the second time; if it reads back others, what was there is written again. */
enum kb_err loader_disk_write(struct loader *l, struct bdev *dev, uint64_t off,
			      const uint8_t *bytes, size_t len) KB_MUST_CHECK;

/* Of the partition at `where`, below l->root. Errors with a reason. */
enum kb_err loader_disk_open(struct loader *l, struct bdev_file *f, const char *where,
			     unsigned flags) KB_MUST_CHECK;

/* The same error; with a reason, "WHERE: cannot read: ...", if it is one. */
enum kb_err loader_disk_said(struct loader *l, enum kb_err err, const char *what) KB_MUST_CHECK;
