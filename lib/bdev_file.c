/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bdev.h"
#include "lib/md_member.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static struct bdev_file *file_of(struct bdev *b)
{
	return (struct bdev_file *)b;
}

static enum kb_err file_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len > 0) {
		ssize_t n;

		if (off >= b->size + b->tail) { /* the rest of the last block */
			memset(p, 0, len);
			return KB_OK;
		}
		n = pread(file_of(b)->fd, p, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? KB_EIO : err_errno(errno);
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return KB_OK;
}

static enum kb_err file_write(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = pwrite(file_of(b)->fd, p, len, (off_t)off);

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

static enum kb_err file_flush(struct bdev *b)
{
	return fsync(file_of(b)->fd) == 0 ? KB_OK : KB_EIO;
}

static enum kb_err file_discard(struct bdev *b, uint64_t off, uint64_t len)
{
	uint64_t range[2] = { off, len };

	/* Discard is advice: a device that cannot is as good. */
	if (file_of(b)->block && ioctl(file_of(b)->fd, BLKDISCARD, range) < 0 && errno == EIO)
		return KB_EIO;
	return KB_OK;
}

static enum kb_err write_zeroes(struct bdev *b, uint64_t off, uint64_t len)
{
	/* Not const: that would take its size of each program, and of each initramfs. */
	static uint8_t zeroes[64 * 1024] __attribute__((aligned(BDEV_ALIGN)));

	while (len > 0) {
		size_t n = len < sizeof(zeroes) ? (size_t)len : sizeof(zeroes);

		TRY(file_write(b, off, zeroes, n));
		off += n;
		len -= n;
	}
	return KB_OK;
}

static enum kb_err file_zero(struct bdev *b, uint64_t off, uint64_t len)
{
	uint64_t range[2] = { off, len };
	int rc;

	if (file_of(b)->block)
		rc = ioctl(file_of(b)->fd, BLKZEROOUT, range);
	else
		rc = fallocate(file_of(b)->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       (off_t)off, (off_t)len);
	if (rc == 0)
		return KB_OK;
	if (errno == EOPNOTSUPP || errno == ENOTTY)
		return write_zeroes(b, off, len);
	return errno == EBADF ? KB_EPERM : err_errno(errno);
}

static enum kb_err file_drop_cache(struct bdev *b, uint64_t off, uint64_t len)
{
	/* Also if it is read directly: the one that writes shares the cache. */
	int rc = posix_fadvise(file_of(b)->fd, (off_t)off, (off_t)len, POSIX_FADV_DONTNEED);

	return rc == 0 ? KB_OK : err_errno(rc);
}

static bool file_is_zero(struct bdev *b, uint64_t off, uint64_t len)
{
	off_t data;

	if (file_of(b)->block)
		return false;
	data = lseek(file_of(b)->fd, (off_t)off, SEEK_DATA);
	return data < 0 ? errno == ENXIO : (uint64_t)data >= off + len;
}

static void file_prefetch(struct bdev *b, uint64_t off, uint64_t len)
{
	/* The kernel would fill the page cache with the zeroes of a hole. */
	if (file_of(b)->direct || file_is_zero(b, off, len))
		return;
	(void)posix_fadvise(file_of(b)->fd, (off_t)off, (off_t)len, POSIX_FADV_WILLNEED);
}

static const struct bdev_ops file_ops = {
	.read = file_read,
	.write = file_write,
	.flush = file_flush,
	.discard = file_discard,
	.zero = file_zero,
	.drop_cache = file_drop_cache,
	.is_zero = file_is_zero,
	.prefetch = file_prefetch,
};

static struct bdev_id id_of(const struct stat *st)
{
	if (S_ISBLK(st->st_mode))
		return (struct bdev_id){ BDEV_ID_DEVICE, st->st_rdev, 0 };
	if (S_ISREG(st->st_mode))
		return (struct bdev_id){ BDEV_ID_FILE, st->st_dev, st->st_ino };
	return (struct bdev_id){ BDEV_ID_NONE, 0, 0 };
}

struct bdev_id bdev_file_id(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		st.st_mode = 0;
	return id_of(&st);
}

enum kb_err bdev_file_from_fd(struct bdev_file *b, int fd)
{
	struct stat st;
	uint64_t bytes = 0;
	int sector = 512;

	*b = (struct bdev_file){ .bdev = { .ops = &file_ops }, .fd = -1, .writer = -1 };
	if (fstat(fd, &st) < 0)
		return err_errno(errno);
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(fd, BLKGETSIZE64, &bytes) < 0 || ioctl(fd, BLKSSZGET, &sector) < 0)
			return err_errno(errno);
		b->block = true;
	} else if (S_ISREG(st.st_mode)) {
		bytes = (uint64_t)st.st_size;
	} else {
		return KB_EINVAL;
	}
	/* A tail shorter than a block is only read: to write it would make every range check a
	 * special case. */
	b->id = id_of(&st);
	b->bytes = bytes;
	b->bdev.size = bytes - bytes % BDEV_ALIGN;
	b->bdev.tail = b->bdev.size > 0 ? (uint32_t)(bytes % BDEV_ALIGN) : 0;
	b->bdev.sector = (uint32_t)sector;
	b->direct = fcntl(fd, F_GETFL) & O_DIRECT;
	b->fd = fd;
	return KB_OK;
}

/* The disk of a partition, whose folder "../../devices/…/sda/sda1" lies in the disk's. -1: it is
 * none, or nobody knows. */
static int open_disk(int fd)
{
	char path[64], link[PATH_MAX], *last, *disk;
	struct stat st;
	ssize_t len;

	if (fstat(fd, &st) < 0)
		return -1;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition", major(st.st_rdev),
		 minor(st.st_rdev));
	if (stat(path, &st) < 0)
		return -1;
	*strrchr(path, '/') = '\0';
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return -1;
	link[len] = '\0';
	last = strrchr(link, '/');
	if (last == NULL)
		return -1;
	*last = '\0';
	disk = strrchr(link, '/');
	if (disk == NULL)
		return -1;
	snprintf(path, sizeof(path), "/dev/%.32s", disk + 1);
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

bool bdev_file_is_member(struct bdev_file *b)
{
	KB_CLEANUP_FD int fd = -1;
	struct bdev_file disk;

	if (md_member_is(&b->bdev))
		return true;
	fd = b->block ? open_disk(b->fd) : -1;
	return fd >= 0 && bdev_file_from_fd(&disk, fd) == KB_OK && disk.block &&
	       md_member_is_disk(&disk.bdev);
}

enum kb_err bdev_file_open(struct bdev_file *b, const char *path, unsigned flags)
{
	int oflags = O_CLOEXEC | O_NONBLOCK | (flags & BDEV_FILE_WRITE ? O_RDWR : O_RDONLY);
	KB_CLEANUP_FD int fd = -1;

	b->fd = -1;
	if (flags & BDEV_FILE_DIRECT)
		oflags |= O_DIRECT | (flags & BDEV_FILE_WRITE ? O_DSYNC : 0);
	if (flags & BDEV_FILE_EXCL)
		oflags |= O_EXCL;
	fd = open(path, oflags);
	if (fd < 0 && errno == EINVAL && flags & BDEV_FILE_DIRECT)
		fd = open(path, oflags & ~O_DIRECT);
	if (fd < 0)
		return err_errno(errno);
	TRY(bdev_file_from_fd(b, fd));
	if (flags & BDEV_FILE_WRITE && bdev_file_is_member(b)) {
		b->fd = -1;
		return KB_EMEMBER;
	}
	util_take(&fd);
	return KB_OK;
}

void bdev_file_close(struct bdev_file *b)
{
	util_close(&b->fd);
}
