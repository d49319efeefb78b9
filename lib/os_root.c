/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: mounts, and the step from the initramfs into the root. */
#include "lib/os.h"

#include "lib/os_dirent.h"
#include "lib/os_root.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define DEPTH_MAX 24 /* folders of an initramfs inside each other; what lies deeper stays */

static enum kb_err mount_err(int errnum)
{
	switch (errnum) {
	case ENOENT:
	case ENOTDIR:
		return KB_ENOENT;
	case EPERM:
	case EACCES:
	case EROFS: /* also: a journal that cannot be replayed */
		return KB_EPERM;
	case EBUSY:
		return KB_EBUSY;
	default:
		return KB_EMOUNT;
	}
}

enum kb_err os_mount(const char *source, const char *target, const char *fstype,
		     unsigned long flags, const char *options)
{
	return mount(source, target, fstype, flags, options) < 0 ? mount_err(errno) : KB_OK;
}

enum kb_err os_umount(const char *target)
{
	if (umount2(target, UMOUNT_NOFOLLOW) == 0)
		return KB_OK;
	if (errno == EBUSY && umount2(target, UMOUNT_NOFOLLOW | MNT_DETACH) == 0)
		return KB_OK;
	return err_errno(errno);
}

static void empty_dir(int dir, dev_t dev, unsigned depth);

/* A folder: what is in it, and then itself. True if it is gone. */
static bool remove_dir(int dir, const char *name, dev_t dev, unsigned depth)
{
	KB_CLEANUP_FD int sub = -1;
	struct stat st;

	if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
		return true;
	if (depth >= DEPTH_MAX)
		return false;
	sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* Something else is mounted there: not ours to delete. */
	if (sub < 0 || fstat(sub, &st) < 0 || st.st_dev != dev)
		return false;
	empty_dir(sub, dev, depth + 1);
	return unlinkat(dir, name, AT_REMOVEDIR) == 0;
}

/* One buffer of entries. Returns how many of them are gone, -1 at the end of the folder. */
static int empty_some(int dir, dev_t dev, unsigned depth)
{
	char buf[1024] __attribute__((aligned(8)));
	long got = syscall(SYS_getdents64, dir, buf, sizeof(buf));
	int gone = 0;

	if (got <= 0)
		return -1;
	for (long at = 0; at < got;) {
		const struct os_dirent *d = (const void *)(buf + at);

		at += d->reclen;
		if (strcmp(d->name, ".") == 0 || strcmp(d->name, "..") == 0)
			continue;
		if (unlinkat(dir, d->name, 0) == 0 || remove_dir(dir, d->name, dev, depth))
			gone++;
	}
	return gone;
}

/* Goes through the folder until a whole pass has deleted nothing. */
static void empty_dir(int dir, dev_t dev, unsigned depth)
{
	int gone, sum;

	do {
		if (lseek(dir, 0, SEEK_SET) < 0)
			return;
		sum = 0;
		while ((gone = empty_some(dir, dev, depth)) >= 0)
			sum += gone;
	} while (sum > 0);
}

void os_root_empty(int dir)
{
	struct stat st;

	if (fstat(dir, &st) == 0)
		empty_dir(dir, st.st_dev, 0);
}

/* Only the file system that the kernel unpacked an initramfs into is ever deleted. */
static bool is_initramfs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 &&
	       ((unsigned long)fs.f_type == RAMFS_MAGIC || (unsigned long)fs.f_type == TMPFS_MAGIC);
}

static bool is_mounted(const char *path)
{
	struct stat st, root;

	return stat(path, &st) == 0 && stat("/", &root) == 0 && st.st_dev != root.st_dev;
}

static void move_mounts(const char *target)
{
	static const char *const mounts[] = { "/dev", "/proc", "/sys", "/run" };
	char to[256];

	for (unsigned i = 0; i < KB_ARRAY_LEN(mounts); i++) {
		if (!is_mounted(mounts[i]))
			continue;
		snprintf(to, sizeof(to), "%s%s", target, mounts[i]);
		if (mount(mounts[i], to, NULL, MS_MOVE, NULL) < 0)
			umount2(mounts[i], MNT_DETACH);
	}
}

enum kb_err os_switch_root(const char *target)
{
	KB_CLEANUP_FD int old = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (old < 0)
		return err_errno(errno);
	if (!is_mounted(target)) {
		errno = EINVAL;
		return KB_EMOUNT;
	}
	if (chdir(target) < 0)
		return err_errno(errno);
	move_mounts(target);
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0)
		return KB_EMOUNT;
	if (chroot(".") < 0 || chdir("/") < 0)
		return err_errno(errno);
	if (is_initramfs(old))
		os_root_empty(old);
	return KB_OK;
}
