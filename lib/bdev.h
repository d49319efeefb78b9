/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block device as a table of functions: several live at once, and wrappers stack (a real one, a
 * simulated one for power cuts). This is the only way to a partition of the device's own: state,
 * slots, and the raw stage partition where it is erased. Files on media are os_file.h's.
 *
 * Ordering: nothing is durable, and nothing is ordered, before a flush that returned KB_OK. Reads
 * see the newest write. After an error the content of the range is unknown.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BDEV_ALIGN 4096 /* offsets, lengths and buffers of every call are multiples of this */

struct bdev;

struct bdev_ops {
	/* Reads len bytes at off. Required. KB_EIO; a short read is an error. */
	enum kb_err (*read)(struct bdev *b, uint64_t off, void *buf, size_t len);
	/* Writes len bytes at off. Required; KB_EPERM on a device that was opened read-only. */
	enum kb_err (*write)(struct bdev *b, uint64_t off, const void *buf, size_t len);
	/* Makes all earlier writes of this device durable, through its volatile cache. Required. */
	enum kb_err (*flush)(struct bdev *b);
	/* Makes earlier writes to the range durable; of others, only an error may be said. NULL:
	 * bdev_flush_range() flushes all. */
	enum kb_err (*flush_range)(struct bdev *b, uint64_t off, uint64_t len);
	/* Begins to write what the page cache has of the range. It waits for room in the device's
	 * queue, and not for the end. NULL: nothing happens. */
	void (*write_out)(struct bdev *b, uint64_t off, uint64_t len);
	/* Tells that the range is of no use any more; its content is undefined afterwards. NULL:
	 * nothing happens. */
	enum kb_err (*discard)(struct bdev *b, uint64_t off, uint64_t len);
	/* Fills the range with zeroes, quicker than write where the device can. NULL: bdev_zero()
	 * writes them. */
	enum kb_err (*zero)(struct bdev *b, uint64_t off, uint64_t len);
	/* Drops what the page cache holds of the range, so that the next read asks the medium.
	 * NULL: no cache. */
	enum kb_err (*drop_cache)(struct bdev *b, uint64_t off, uint64_t len);
	/* True when the range is known to hold zeroes without reading it: a hole. NULL: never. */
	bool (*is_zero)(struct bdev *b, uint64_t off, uint64_t len);
	/* Tells that the range will be read soon; returns at once. NULL: nothing happens. */
	void (*prefetch)(struct bdev *b, uint64_t off, uint64_t len);
};

struct bdev {
	const struct bdev_ops *ops;
	/* bytes */
	uint64_t size;
	/* bytes that are written as one, at best: 512 or 4096 */
	uint32_t sector;
	/* bytes behind size, less than BDEV_ALIGN, such as the copy of a GPT. Behind a block at
	 * least. Only bdev_read() has them: as one block, whose rest is zeroes. */
	uint32_t tail;
};

/* These check the range (KB_EINVAL beyond the end or off BDEV_ALIGN) and call the device. */
enum kb_err bdev_read(struct bdev *b, uint64_t off, void *buf, size_t len) KB_MUST_CHECK;
enum kb_err bdev_write(struct bdev *b, uint64_t off, const void *buf, size_t len) KB_MUST_CHECK;
enum kb_err bdev_flush(struct bdev *b) KB_MUST_CHECK;
enum kb_err bdev_flush_range(struct bdev *b, uint64_t off, uint64_t len) KB_MUST_CHECK;
enum kb_err bdev_discard(struct bdev *b, uint64_t off, uint64_t len) KB_MUST_CHECK;
enum kb_err bdev_zero(struct bdev *b, uint64_t off, uint64_t len) KB_MUST_CHECK;
enum kb_err bdev_drop_cache(struct bdev *b, uint64_t off, uint64_t len) KB_MUST_CHECK;

/* Only advice: what is beyond the end is left out. */
void bdev_prefetch(struct bdev *b, uint64_t off, uint64_t len);

/* Only advice: of a range that is not the device's, nothing. */
void bdev_write_out(struct bdev *b, uint64_t off, uint64_t len);

/* False says nothing: the range must be read then. */
bool bdev_is_zero(struct bdev *b, uint64_t off, uint64_t len);

/* Which device or file something is, by whatever names it goes. */
struct bdev_id {
	enum { BDEV_ID_NONE, BDEV_ID_DEVICE, BDEV_ID_FILE } kind;
	/* the device's own number, or that of the one that the file lies on */
	uint64_t dev;
	/* of a file; else 0 */
	uint64_t ino;
};

/* False also for what is none. A loop device is not the file behind it. PURE. */
bool bdev_id_is_one(const struct bdev_id *id, const struct bdev_id *other);

/* The real one: a block device, or a regular file on a host. */
struct bdev_file {
	/* first, so that a struct bdev * is one of these */
	struct bdev bdev;
	/* exactly; bdev.size is what can be used of them */
	uint64_t bytes;
	/* owned; -1 when closed */
	int fd;
	/* a block device, not a file */
	bool block;
	/* what was opened */
	struct bdev_id id;
	/* reads and writes go past the page cache */
	bool direct;
	/* bdev_ranges.h; borrowed */
	int writer;
};

enum bdev_file_flags {
	BDEV_FILE_WRITE = 1, /* else read-only */
	BDEV_FILE_DIRECT =
		2, /* O_DIRECT: past the page cache, which needs aligned buffers; + O_DSYNC */
	BDEV_FILE_EXCL = 4, /* O_EXCL: KB_EBUSY when the device is mounted or claimed */
};

/*
 * Opens path. On failure b->fd is -1, and the error is logged by the caller, who knows what the
 * device is for. KB_ENOENT, KB_EBUSY, KB_EPERM, KB_EINVAL (neither a block device nor a file),
 * KB_EMEMBER (to be written, and bdev_file_is_member()), KB_EIO. A file whose file system has no
 * O_DIRECT is opened without.
 */
enum kb_err bdev_file_open(struct bdev_file *b, const char *path, unsigned flags) KB_MUST_CHECK;

/* What is at path, whose links are followed. BDEV_ID_NONE: neither a block device nor a file. */
struct bdev_id bdev_file_id(const char *path);

/* Uses fd, which the caller keeps owning; b->fd must not be closed by bdev_file_close() then. */
enum kb_err bdev_file_from_fd(struct bdev_file *b, int fd) KB_MUST_CHECK;

/* Whether it belongs to an array of md, or is a partition of a disk that does. */
bool bdev_file_is_member(struct bdev_file *b) KB_MUST_CHECK;

/* Closes; without effect on a closed one. */
void bdev_file_close(struct bdev_file *b);
