/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that a boot loader starts, in a folder of a FAT, as the block device that an install
 * writes to. The device has the size of an image; the file ends where its program does, since
 * Secure Boot hashes what follows.
 *
 * A file that does not hold that image reads as zeroes, and stays until the first write: that
 * removes it, and makes a new one. FAT has no journal, and a file that was cut while it grew is not
 * to be grown again. A file shrinks and grows in steps, each of which is durable before the next: a
 * power cut loses the room of one step.
 *
 * Errors: KB_EIO when the disk does not take, or give, what a file holds. KB_EFORMAT when the FAT
 * is damaged, or cannot be read; KB_ENOSPC when it is full; KB_EPERM when it is read-only. The last
 * three are not the storage's fault: err_fat_text().
 */
#pragma once

#include "lib/bdev.h"
#include "lib/conf_place.h"

#include <pthread.h>

struct bdev_boot {
	/* first, so that a struct bdev * is one of these */
	struct bdev bdev;
	/* top folder of the FAT; owned */
	int top;
	/* the file's folder and the file; -1: there is none, or not yet. Owned */
	int dir, fd;
	/* the image is not in it: what is there is to be replaced */
	bool foreign;
	/* its first block was written, and where the program ends was not looked for since */
	bool headed;
	/* bytes that it may have grown by since the last flush */
	uint64_t grown;
	/* each operation of bdev holds it: two threads may use one file */
	pthread_mutex_t lock;
	/* before the first write: sets top to the same FAT once more, and then to be written, or to
	 * -1; errors as of os_lend_ask(). All that this one had open there is closed before. */
	enum kb_err (*unlock)(struct bdev_boot *b);
	void *ctx;
	bool unlocked;
	/* below top, without the slash before it */
	char path[CONF_PLACE_FILE + 1];
};

/* By so much it grows between two flushes; and it shrinks by that, or by a 64th part of it. */
#define BDEV_BOOT_STEP (1u << 20)

/* Room for such a file, in bytes: what is free if it goes, what of that it has now, and what it
 * would take. */
struct bdev_boot_room {
	uint64_t free, old, takes;
};

/*
 * path, "/EFI/Linux/x.efi", below top, which it takes also when it fails. size: of the image, a
 * multiple of BDEV_ALIGN. A file that is missing is none that fails. Writes nothing. KB_EINVAL:
 * something else has that name. The caller sets unlock then.
 */
enum kb_err bdev_boot_open(struct bdev_boot *b, int top, const char *path,
			   uint64_t size) KB_MUST_CHECK;

/* Whether the file is there, and as long as one that holds the image. */
bool bdev_boot_may_hold(const struct bdev_boot *b);

/* The file does not hold the image. */
void bdev_boot_is_foreign(struct bdev_boot *b);

enum kb_err bdev_boot_room(const struct bdev_boot *b, struct bdev_boot_room *room) KB_MUST_CHECK;

/* After bdev_boot_close(): the file as it was, below top, which it takes also when it fails. Writes
 * nothing. */
enum kb_err bdev_boot_reopen(struct bdev_boot *b, int top) KB_MUST_CHECK;

/* Closed, and so kept, until bdev_boot_reopen() was called: another thread that uses it waits for
 * bdev_boot_release(). */
void bdev_boot_hold_closed(struct bdev_boot *b);
void bdev_boot_release(struct bdev_boot *b);

void bdev_boot_close(struct bdev_boot *b);
