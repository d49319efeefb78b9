/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bdev_boot.h"
#include "lib/bytes.h"
#include "lib/pe_end.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FOLDER (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
#define FILE_  (O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)

static struct bdev_boot *boot_of(struct bdev *b)
{
	return (struct bdev_boot *)b;
}

/* ---------------------------------------------------------------- folders */

/* Into the folder `name` of *dir; with make, it is made if it is missing, and that is durable. */
static enum kb_err enter(int *dir, const char *name, bool make)
{
	KB_CLEANUP_FD int at = util_take(dir);

	*dir = openat(at, name, FOLDER);
	if (*dir < 0 && errno == ENOENT && make) {
		if (mkdirat(at, name, 0755) < 0 || fsync(at) < 0)
			return err_errno(errno);
		*dir = openat(at, name, FOLDER);
	}
	return *dir >= 0 ? KB_OK : errno == ENOTDIR ? KB_EINVAL : err_errno(errno);
}

/* The folder of the file; KB_ENOENT: there is none. */
static enum kb_err open_folder(struct bdev_boot *b, bool make)
{
	const char *rest = b->path;
	char part[CONF_PLACE_FILE + 1];

	util_close(&b->dir);
	b->dir = openat(b->top, ".", FOLDER);
	if (b->dir < 0)
		return err_errno(errno);
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
		return errno == ENOENT ? KB_OK : err_errno(errno);
	if (fstat(b->fd, &st) < 0)
		return err_errno(errno);
	return S_ISREG(st.st_mode) ? KB_OK : KB_EINVAL;
}

/* The new one, durable by name and first cluster before it grows: what is cut then is all reached
 * by that name. */
static enum kb_err make_file(struct bdev_boot *b)
{
	static const uint8_t zeroes[BDEV_ALIGN];
	const char *name = conf_place_name(b->path);

	TRY(open_folder(b, true));
	util_close(&b->fd);
	if (unlinkat(b->dir, name, 0) < 0 && errno != ENOENT)
		return err_errno(errno);
	if (syncfs(b->dir) < 0)
		return KB_EIO;
	b->fd = openat(b->dir, name, FILE_ | O_RDWR | O_CREAT | O_EXCL, 0644);
	if (b->fd < 0)
		return err_errno(errno);
	if (pwrite(b->fd, zeroes, sizeof(zeroes), 0) != (ssize_t)sizeof(zeroes))
		return KB_EIO;
	if (fsync(b->fd) < 0 || fsync(b->dir) < 0)
		return KB_EIO;
	b->foreign = false;
	return KB_OK;
}

static enum kb_err begin_writing(struct bdev_boot *b)
{
	int top;

	TRY(b->unlock(b->ctx, &top));
	util_close(&b->top);
	b->top = top;
	TRY(b->foreign ? make_file(b) : open_file(b, O_RDWR));
	b->unlocked = true;
	return KB_OK;
}

/* ---------------------------------------------------------------- as a device */

static enum kb_err boot_read(struct bdev *dev, uint64_t off, void *buf, size_t len)
{
	struct bdev_boot *b = boot_of(dev);
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

static enum kb_err boot_write(struct bdev *dev, uint64_t off, const void *buf, size_t len)
{
	struct bdev_boot *b = boot_of(dev);
	const uint8_t *p = buf;

	if (!b->unlocked)
		TRY(begin_writing(b));
	b->headed = b->headed || off == 0;
	while (len > 0) {
		ssize_t n = pwrite(b->fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? KB_EIO : (errno == EBADF ? KB_EPERM : err_errno(errno));
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
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
		return KB_EIO;
	end = (off_t)end_of_program(b, head, (size_t)got);
	if (end <= 0 || end == size || (uint64_t)end > b->bdev.size ||
	    (end < size && !is_zero_from(b->fd, end, size)))
		return KB_OK;
	return ftruncate(b->fd, end) == 0 ? KB_OK : KB_EIO;
}

static enum kb_err boot_flush(struct bdev *dev)
{
	struct bdev_boot *b = boot_of(dev);

	if (b->headed)
		TRY(cut_to_program(b));
	b->headed = false;
	/* What a run before wrote, and was ended before its flush, may be in memory only. */
	return b->fd < 0 || fsync(b->fd) == 0 ? KB_OK : KB_EIO;
}

static enum kb_err boot_drop_cache(struct bdev *dev, uint64_t off, uint64_t len)
{
	struct bdev_boot *b = boot_of(dev);
	int rc = b->foreign ? 0 : posix_fadvise(b->fd, (off_t)off, (off_t)len, POSIX_FADV_DONTNEED);

	return rc == 0 ? KB_OK : err_errno(rc);
}

static bool boot_is_zero(struct bdev *dev, uint64_t off, uint64_t len)
{
	(void)off;
	(void)len;
	return boot_of(dev)->foreign;
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
		return err_errno(errno);
	room->free = (uint64_t)fs.f_bfree * fs.f_frsize + (uint64_t)st.st_blocks * 512;
	/* and folders, or longer ones */
	room->takes = b->bdev.size + 8 * (uint64_t)fs.f_frsize;
	return KB_OK;
}

void bdev_boot_close(struct bdev_boot *b)
{
	util_close(&b->fd);
	util_close(&b->dir);
	util_close(&b->top);
}
