/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: whole folders. */
#include "lib/os_tree.h"

#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FOLDER (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)

static enum kb_err result(int rc)
{
	return rc == 0 ? KB_OK : err_errno(errno);
}

/* ---------------------------------------------------------------- names */

/* The file system holds subvolumes. */
static bool is_btrfs(int dir)
{
	struct statfs st;

	return fstatfs(dir, &st) == 0 && (unsigned long)st.f_type == BTRFS_SUPER_MAGIC;
}

static enum os_tree_kind kind_of(int dir, const struct stat *st)
{
	if (S_ISREG(st->st_mode))
		return OS_TREE_FILE;
	if (S_ISLNK(st->st_mode))
		return OS_TREE_LINK;
	if (!S_ISDIR(st->st_mode))
		return OS_TREE_NODE;
	return st->st_ino == BTRFS_FIRST_FREE_OBJECTID && is_btrfs(dir) ? OS_TREE_SUBVOLUME
									: OS_TREE_FOLDER;
}

enum kb_err os_tree_look(int dir, const char *name, struct os_tree_stat *out)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(errno);
	*out = (struct os_tree_stat){
		.kind = kind_of(dir, &st),
		.mode = st.st_mode,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.links = (uint32_t)st.st_nlink,
		.number = st.st_rdev,
		.dev = st.st_dev,
		.inode = st.st_ino,
		.size = (uint64_t)st.st_size,
		.stored = (uint64_t)st.st_blocks * 512,
		.accessed = st.st_atim,
		.modified = st.st_mtim,
	};
	return KB_OK;
}

enum kb_err os_tree_open(int dir, const char *name, int *fd)
{
	*fd = openat(dir, name, FOLDER);
	if (*fd >= 0)
		return KB_OK;
	return errno == ENOTDIR || errno == ELOOP ? KB_EINVAL : err_errno(errno);
}

static enum kb_err refused_name(void)
{
	return errno == EEXIST || errno == ENOTEMPTY ? KB_EBUSY : err_errno(errno);
}

enum kb_err os_tree_make(int dir, const char *name)
{
	return mkdirat(dir, name, 0700) == 0 ? KB_OK : refused_name();
}

enum kb_err os_tree_move(int from_dir, const char *from, int to_dir, const char *to)
{
	/* Not every C library has a function for it. */
	if (syscall(SYS_renameat2, from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
		return KB_OK;
	if (errno != EINVAL)
		return refused_name();
	/* A file system that does not know the flag. Nobody else is at work here. */
	if (faccessat(to_dir, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return KB_EBUSY;
	}
	return result(renameat(from_dir, from, to_dir, to));
}

enum kb_err os_tree_link(int from_dir, const char *from, int to_dir, const char *to)
{
	return result(linkat(from_dir, from, to_dir, to, 0));
}

/* Takes away what keeps it from being removed. */
static void unprotect(int dir, const char *name)
{
	KB_CLEANUP_FD int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	unsigned flags;

	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return;
	flags &= ~(unsigned)(FS_IMMUTABLE_FL | FS_APPEND_FL);
	(void)!ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static enum kb_err remove_name(int dir, const char *name, int flags)
{
	if (unlinkat(dir, name, flags) == 0)
		return KB_OK;
	if (errno != EPERM && errno != EACCES)
		return err_errno(errno);
	unprotect(dir, name);
	unprotect(dir, ".");
	return result(unlinkat(dir, name, flags));
}

enum kb_err os_tree_unlink(int dir, const char *name)
{
	return remove_name(dir, name, 0);
}

enum kb_err os_tree_rmdir(int dir, const char *name)
{
	return remove_name(dir, name, AT_REMOVEDIR);
}

enum kb_err os_tree_copy_link(int from_dir, const char *from, int to_dir, const char *to)
{
	char target[4096];
	ssize_t n = readlinkat(from_dir, from, target, sizeof(target));

	if (n < 0)
		return err_errno(errno);
	if ((size_t)n == sizeof(target))
		return KB_ENOSPC;
	target[n] = '\0';
	return result(symlinkat(target, to_dir, to));
}

enum kb_err os_tree_make_node(int dir, const char *name, const struct os_tree_stat *st)
{
	return result(mknodat(dir, name, (st->mode & S_IFMT) | 0600, st->number));
}

/* ---------------------------------------------------------------- files */

enum kb_err os_tree_clone(int from, int to)
{
	if (ioctl(to, FICLONE, from) == 0)
		return KB_OK;
	return errno == EOPNOTSUPP || errno == ENOTTY || errno == EXDEV || errno == EINVAL
		       ? KB_EINVAL
		       : err_errno(errno);
}

enum kb_err os_tree_extent(int fd, uint64_t off, uint64_t *start, uint64_t *end)
{
	off_t at = lseek(fd, (off_t)off, SEEK_DATA), hole;

	if (at < 0)
		return errno == ENXIO ? KB_ENOENT : err_errno(errno);
	hole = lseek(fd, at, SEEK_HOLE);
	if (hole < 0)
		return err_errno(errno);
	*start = (uint64_t)at;
	*end = (uint64_t)hole;
	return KB_OK;
}

enum kb_err os_tree_write(int fd, uint64_t off, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(errno);
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return KB_OK;
}

enum kb_err os_tree_resize(int fd, uint64_t size)
{
	return result(ftruncate(fd, (off_t)size));
}

/* ---------------------------------------------------------------- subvolumes */

static bool put_name(char *field, size_t size, const char *name)
{
	size_t len = strlen(name);

	if (len >= size)
		return false;
	memcpy(field, name, len + 1);
	return true;
}

enum kb_err os_tree_snapshot(int from, int dir, const char *name)
{
	struct btrfs_ioctl_vol_args_v2 args = { .fd = from };

	if (!put_name(args.name, sizeof(args.name), name))
		return KB_ENOSPC;
	return result(ioctl(dir, BTRFS_IOC_SNAP_CREATE_V2, &args));
}

bool os_tree_has_subvolumes(int subvolume)
{
	struct btrfs_ioctl_get_subvol_rootref_args args = { .min_treeid = 0 };

	return ioctl(subvolume, BTRFS_IOC_GET_SUBVOL_ROOTREF, &args) < 0 || args.num_items > 0;
}

enum kb_err os_tree_delete_subvolume(int dir, const char *name)
{
	struct btrfs_ioctl_vol_args args = { .fd = 0 };

	if (!put_name(args.name, sizeof(args.name), name))
		return KB_ENOSPC;
	return result(ioctl(dir, BTRFS_IOC_SNAP_DESTROY, &args));
}

/* ---------------------------------------------------------------- the file system */

/* One of the devices of a Btrfs, whose files have a number that is no device's. */
static bool is_member(int dir, uint64_t id, uint64_t number)
{
	struct btrfs_ioctl_dev_info_args args = { .devid = id };
	struct stat st;

	return ioctl(dir, BTRFS_IOC_DEV_INFO, &args) == 0 &&
	       stat((const char *)args.path, &st) == 0 && S_ISBLK(st.st_mode) &&
	       st.st_rdev == number;
}

bool os_tree_is_on(int dir, uint64_t number)
{
	struct btrfs_ioctl_fs_info_args info;
	struct stat st;

	if (fstat(dir, &st) == 0 && st.st_dev == number)
		return true;
	if (!is_btrfs(dir) || ioctl(dir, BTRFS_IOC_FS_INFO, &info) < 0)
		return false;
	for (uint64_t id = 1; id <= info.max_id && id < 64; id++)
		if (is_member(dir, id, number))
			return true;
	return false;
}

enum kb_err os_tree_room(int dir, uint64_t *bytes)
{
	struct statvfs st;

	if (fstatvfs(dir, &st) < 0)
		return err_errno(errno);
	*bytes = (uint64_t)st.f_bavail * st.f_frsize;
	return KB_OK;
}

enum kb_err os_tree_sync(int dir)
{
	return result(syncfs(dir));
}
