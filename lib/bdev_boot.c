/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bdev_boot.h"
#include "lib/bytes.h"
#include "lib/pe_end.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SHRINK_STEPS 64
#define FOLDER	     (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
#define FILE_	     (O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
#define HELD	     __attribute__((cleanup(release_boot))) struct bdev_boot *

static const uint8_t zeroes[BDEV_ALIGN];

/* The thread that reads back uses it beside the writer, who opens it anew, and counts. */
static struct bdev_boot *hold_boot(struct bdev *dev)
{
	struct bdev_boot *b = (struct bdev_boot *)dev;

	pthread_mutex_lock(&b->lock);
	return b;
}

static void release_boot(struct bdev_boot **b)
{
	pthread_mutex_unlock(&(*b)->lock);
}

/* Only a flush says that a disk does not take what is written. All other calls fail by what Linux
 * finds in the tables of the FAT, and by the same errno where it cannot read them. */
static enum kb_err fat_errno(int errnum)
{
	return errnum == EIO ? KB_EFORMAT : err_errno(errnum);
}

static enum kb_err flush(int fd)
{
	return fsync(fd) == 0 ? KB_OK : err_errno(errno);
}

/* ---------------------------------------------------------------- folders */

/* Into the folder `name` of *dir; with make, it is made if it is missing, and that is durable. */
static enum kb_err enter(int *dir, const char *name, bool make)
{
	KB_CLEANUP_FD int at = util_take(dir);

	*dir = openat(at, name, FOLDER);
	if (*dir < 0 && errno == ENOENT && make) {
		if (mkdirat(at, name, 0755) < 0)
			return fat_errno(errno);
		TRY(flush(at));
		*dir = openat(at, name, FOLDER);
	}
	return *dir >= 0 ? KB_OK : errno == ENOTDIR ? KB_EINVAL : fat_errno(errno);
}

/* The folder of the file; KB_ENOENT: there is none. */
static enum kb_err open_folder(struct bdev_boot *b, bool make)
{
	const char *rest = b->path;
	char part[CONF_PLACE_FILE + 1];

	util_close(&b->dir);
	b->dir = openat(b->top, ".", FOLDER);
	if (b->dir < 0)
		return fat_errno(errno);
	while (strchr(rest, '/') != NULL) {
		size_t len = strcspn(rest, "/");

		memcpy(part, rest, len);
		part[len] = '\0';
		rest += len + 1;
		TRY(enter(&b->dir, part, make));
	}
	return KB_OK;
}

/* ---------------------------------------------------------------- the file */

/* KB_OK without one where there is none. */
static enum kb_err open_file(struct bdev_boot *b, int flags)
{
	enum kb_err err = open_folder(b, false);
	struct stat st;

	util_close(&b->fd);
	if (err == KB_ENOENT)
		return KB_OK;
	TRY(err);
	b->fd = openat(b->dir, conf_place_name(b->path), FILE_ | flags);
	if (b->fd < 0)
		return errno == ENOENT ? KB_OK : fat_errno(errno);
	if (fstat(b->fd, &st) < 0)
		return fat_errno(errno);
	return S_ISREG(st.st_mode) ? KB_OK : KB_EINVAL;
}

/*
 * The old one, from its end. Behind each flush, what a cut leaves is a shorter file, whose end may
 * be in no file: one step at most. Without its head it is no entry of the loader any more; a file
 * that is damaged may not take that, or be shorter than it says, and goes all the same.
 */
static enum kb_err shrink_file(struct bdev_boot *b)
{
	off_t size, step;

	TRY(open_file(b, O_RDWR));
	size = b->fd < 0 ? 0 : lseek(b->fd, 0, SEEK_END);
	if (size <= 0)
		return KB_OK;
	step = size / SHRINK_STEPS > BDEV_BOOT_STEP ? size / SHRINK_STEPS : BDEV_BOOT_STEP;
	if (pwrite(b->fd, zeroes, size < BDEV_ALIGN ? (size_t)size : BDEV_ALIGN, 0) > 0)
		TRY(flush(b->fd));
	for (; size > step; size -= step) {
		if (ftruncate(b->fd, size - step) < 0)
			return fat_errno(errno);
		TRY(flush(b->fd));
	}
	util_close(&b->fd);
	return KB_OK;
}

static enum kb_err remove_file(struct bdev_boot *b, const char *name)
{
	TRY(shrink_file(b));
	if (unlinkat(b->dir, name, 0) < 0 && errno != ENOENT)
		return fat_errno(errno);
	return syncfs(b->dir) == 0 ? KB_OK : err_errno(errno);
}

/* The new one, durable by name and first cluster before it grows: what is cut then is all reached
 * by that name. */
static enum kb_err make_file(struct bdev_boot *b)
{
	const char *name = conf_place_name(b->path);
	ssize_t n;

	TRY(open_folder(b, true));
	TRY(remove_file(b, name));
	b->fd = openat(b->dir, name, FILE_ | O_RDWR | O_CREAT | O_EXCL, 0644);
	if (b->fd < 0)
		return fat_errno(errno);
	n = pwrite(b->fd, zeroes, sizeof(zeroes), 0);
	if (n != (ssize_t)sizeof(zeroes))
		return n < 0 ? fat_errno(errno) : KB_ENOSPC;
	TRY(flush(b->fd));
	TRY(flush(b->dir));
	b->foreign = false;
	return KB_OK;
}

/* What is open is closed first, so that the FAT can be mounted anew. */
static enum kb_err begin_writing(struct bdev_boot *b)
{
	bdev_boot_close(b);
	TRY(b->unlock(b));
	TRY(b->foreign ? make_file(b) : open_file(b, O_RDWR));
	b->unlocked = true;
	return b->fd >= 0 ? KB_OK : KB_ENOENT;
}

/* ---------------------------------------------------------------- as a device */

static enum kb_err boot_read(struct bdev *dev, uint64_t off, void *buf, size_t len)
{
	HELD b = hold_boot(dev);
	uint8_t *p = buf;

	while (len > 0 && !b->foreign) {
		ssize_t n = pread(b->fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(errno);
		if (n == 0)
			break;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	memset(p, 0, len);
	return KB_OK;
}

/* A FAT has no holes: what is skipped is filled, in steps as well. */
static enum kb_err grow_to(struct bdev_boot *b, off_t to)
{
	off_t end = lseek(b->fd, 0, SEEK_END);

	if (end < 0)
		return fat_errno(errno);
	while (end < to) {
		end = to - end < BDEV_BOOT_STEP ? to : end + BDEV_BOOT_STEP;
		if (ftruncate(b->fd, end) < 0)
			return fat_errno(errno);
		TRY(flush(b->fd));
	}
	return KB_OK;
}

/* At most as much as it may still grow by before the next flush. */
static enum kb_err write_some(struct bdev_boot *b, uint64_t off, const uint8_t *p, size_t *len)
{
	size_t room = (size_t)(BDEV_BOOT_STEP - b->grown);
	ssize_t n = pwrite(b->fd, p, *len < room ? *len : room, (off_t)off);

	*len = 0;
	if (n < 0)
		return errno == EINTR ? KB_OK : fat_errno(errno);
	*len = (size_t)n;
	b->grown += *len;
	if (b->grown < BDEV_BOOT_STEP)
		return n > 0 ? KB_OK : KB_EIO;
	b->grown = 0;
	return flush(b->fd);
}

static enum kb_err boot_write(struct bdev *dev, uint64_t off, const void *buf, size_t len)
{
	HELD b = hold_boot(dev);
	const uint8_t *p = buf;

	if (!b->unlocked)
		TRY(begin_writing(b));
	b->headed = b->headed || off == 0;
	TRY(grow_to(b, (off_t)off));
	while (len > 0) {
		size_t n = len;

		TRY(write_some(b, off, p, &n));
		p += n;
		off += n;
		len -= n;
	}
	return KB_OK;
}

/* Where the program that begins with this head ends; 0: it is none. */
static uint64_t end_of_program(const struct bdev_boot *b, const uint8_t *head, size_t len)
{
	uint8_t length[4];
	uint64_t names, end = pe_end(head, len, &names);

	if (end == 0 || names == 0 || names >= b->bdev.size ||
	    pread(b->fd, length, sizeof(length), (off_t)names) != (ssize_t)sizeof(length))
		return end;
	names += bytes_get32(length);
	return names > end ? names : end;
}

static bool is_zero_from(int fd, off_t at, off_t size)
{
	uint8_t tail[BDEV_ALIGN];
	ssize_t n = size - at < (off_t)sizeof(tail) ? pread(fd, tail, sizeof(tail), at) : -1;

	return n == size - at && bytes_all(tail, (size_t)n, 0);
}

/* A program that is whole begins with its head, which an install writes last. Only what an image is
 * filled up with goes; zeroes at its end that the install had no need to write are written. */
static enum kb_err cut_to_program(struct bdev_boot *b)
{
	uint8_t head[PE_END_HEAD];
	ssize_t got = pread(b->fd, head, sizeof(head), 0);
	off_t size = lseek(b->fd, 0, SEEK_END), end;

	if (got < 0 || size < 0)
		return err_errno(errno);
	end = (off_t)end_of_program(b, head, (size_t)got);
	if (end <= 0 || end == size || (uint64_t)end > b->bdev.size ||
	    (end < size && !is_zero_from(b->fd, end, size)))
		return KB_OK;
	TRY(grow_to(b, end));
	return ftruncate(b->fd, end) == 0 ? KB_OK : fat_errno(errno);
}

static enum kb_err boot_flush(struct bdev *dev)
{
	HELD b = hold_boot(dev);

	if (b->headed)
		TRY(cut_to_program(b));
	b->headed = false;
	/* What a run before wrote, and was ended before its flush, may be in memory only. */
	b->grown = 0;
	return b->fd < 0 ? KB_OK : flush(b->fd);
}

/* Whole pages, which some processors have of 64 KiB: Linux keeps one of which it is to drop a part.
 */
static enum kb_err boot_drop_cache(struct bdev *dev, uint64_t off, uint64_t len)
{
	HELD b = hold_boot(dev);
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), begin = off / page * page;
	uint64_t end = (off + len + page - 1) / page * page;
	int rc = b->foreign ? 0
			    : posix_fadvise(b->fd, (off_t)begin, (off_t)(end - begin),
					    POSIX_FADV_DONTNEED);

	return rc == 0 ? KB_OK : err_errno(rc);
}

static bool boot_is_zero(struct bdev *dev, uint64_t off, uint64_t len)
{
	HELD b = hold_boot(dev);

	(void)off;
	(void)len;
	return b->foreign;
}

static const struct bdev_ops boot_ops = {
	.read = boot_read,
	.write = boot_write,
	.flush = boot_flush,
	.drop_cache = boot_drop_cache,
	.is_zero = boot_is_zero,
};

enum kb_err bdev_boot_open(struct bdev_boot *b, int top, const char *path, uint64_t size)
{
	*b = (struct bdev_boot){
		.bdev = { .ops = &boot_ops, .size = size, .sector = 512 },
		.top = top,
		.dir = -1,
		.fd = -1,
		.foreign = true,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	if (!conf_place_is_valid(path))
		return KB_EINVAL;
	memcpy(b->path, path + 1, strlen(path));
	TRY(open_file(b, O_RDONLY));
	b->foreign = b->fd < 0;
	return KB_OK;
}

bool bdev_boot_may_hold(const struct bdev_boot *b)
{
	struct stat st;

	return b->fd >= 0 && fstat(b->fd, &st) == 0 && (uint64_t)st.st_size <= b->bdev.size &&
	       (uint64_t)st.st_size + BDEV_ALIGN > b->bdev.size;
}

void bdev_boot_is_foreign(struct bdev_boot *b)
{
	b->foreign = true;
}

enum kb_err bdev_boot_room(const struct bdev_boot *b, struct bdev_boot_room *room)
{
	struct statvfs fs;
	struct stat st = { 0 };

	if (fstatvfs(b->top, &fs) < 0 || (b->fd >= 0 && fstat(b->fd, &st) < 0))
		return fat_errno(errno);
	room->old = (uint64_t)st.st_blocks * 512;
	room->free = (uint64_t)fs.f_bfree * fs.f_frsize + room->old;
	/* and folders, or longer ones */
	room->takes = b->bdev.size + 8 * (uint64_t)fs.f_frsize;
	return KB_OK;
}

enum kb_err bdev_boot_reopen(struct bdev_boot *b, int top)
{
	b->top = top;
	if (b->foreign)
		return KB_OK;
	TRY(open_file(b, O_RDONLY));
	return b->fd >= 0 ? KB_OK : KB_ENOENT;
}

void bdev_boot_hold_closed(struct bdev_boot *b)
{
	pthread_mutex_lock(&b->lock);
	bdev_boot_close(b);
}

void bdev_boot_release(struct bdev_boot *b)
{
	pthread_mutex_unlock(&b->lock);
}

void bdev_boot_close(struct bdev_boot *b)
{
	util_close(&b->fd);
	util_close(&b->dir);
	util_close(&b->top);
}
