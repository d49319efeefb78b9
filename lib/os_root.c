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

/* Folders inside each other; what lies deeper stays. Each is an open descriptor meanwhile. */
#define INITRAMFS_DEPTH 24
#define FOLDER_DEPTH	250

struct emptying {
	/* what is mounted inside is not ours to delete */
	dev_t dev;
	unsigned depth_max;
	/* of os_now_ms(); 0: without an end */
	uint64_t until_ms;
};

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

static bool is_over(const struct emptying *e)
{
	return e->until_ms != 0 && os_now_ms() >= e->until_ms;
}

static void empty_dir(int dir, const struct emptying *e, unsigned depth);

/* A folder: what is in it, and then itself. True if it is gone. */
static bool remove_dir(int dir, const char *name, const struct emptying *e, unsigned depth)
{
	KB_CLEANUP_FD int sub = -1;
	struct stat st;

	if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
		return true;
	if (depth >= e->depth_max)
		return false;
	sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sub < 0 || fstat(sub, &st) < 0 || st.st_dev != e->dev)
		return false;
	empty_dir(sub, e, depth + 1);
	return unlinkat(dir, name, AT_REMOVEDIR) == 0;
}

/* One buffer of entries. Returns how many of them are gone, -1 at the end of the folder. */
static int empty_some(int dir, const struct emptying *e, unsigned depth)
{
	char buf[1024] __attribute__((aligned(8)));
	long got = syscall(SYS_getdents64, dir, buf, sizeof(buf));
	int gone = 0;

	if (got <= 0)
		return -1;
	for (long at = 0; at < got && !is_over(e);) {
		const struct os_dirent *d = (const void *)(buf + at);

		at += d->reclen;
		if (strcmp(d->name, ".") == 0 || strcmp(d->name, "..") == 0)
			continue;
		if (unlinkat(dir, d->name, 0) == 0 || remove_dir(dir, d->name, e, depth))
			gone++;
	}
	return gone;
}

/* Goes through the folder until a whole pass has deleted nothing. */
static void empty_dir(int dir, const struct emptying *e, unsigned depth)
{
	int gone, sum;

	do {
		if (lseek(dir, 0, SEEK_SET) < 0)
			return;
		sum = 0;
		while (!is_over(e) && (gone = empty_some(dir, e, depth)) >= 0)
			sum += gone;
	} while (sum > 0 && !is_over(e));
}

void os_root_empty(int dir)
{
	struct emptying e = { .depth_max = INITRAMFS_DEPTH };
	struct stat st;

	if (fstat(dir, &st) < 0)
		return;
	e.dev = st.st_dev;
	empty_dir(dir, &e, 0);
}

enum kb_err os_remove_folder(const char *path, uint64_t until_ms)
{
	struct emptying e = { .depth_max = FOLDER_DEPTH, .until_ms = until_ms };
	KB_CLEANUP_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (dir < 0 || fstat(dir, &st) < 0)
		return err_errno(errno);
	e.dev = st.st_dev;
	empty_dir(dir, &e, 0);
	if (unlinkat(AT_FDCWD, path, AT_REMOVEDIR) == 0)
		return KB_OK;
	return is_over(&e) ? KB_ETIMEDOUT : err_errno(errno);
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

/* Those of the root `from`, to the root `to`; "": of this process. */
static void move_mounts(const char *from, const char *to, const char *const *mounts)
{
	char old[256], new[256];

	for (; *mounts != NULL; mounts++) {
		snprintf(old, sizeof(old), "%s%s", from, *mounts);
		snprintf(new, sizeof(new), "%s%s", to, *mounts);
		if (!is_mounted(old))
			continue;
		if (mount(old, new, NULL, MS_MOVE, NULL) < 0)
			umount2(old, MNT_DETACH);
	}
}

/* What is mounted on this process's folder becomes the root. */
static enum kb_err enter_here(void)
{
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0)
		return KB_EMOUNT;
	if (chroot(".") < 0 || chdir("/") < 0)
		return err_errno(errno);
	return KB_OK;
}

static enum kb_err go_to(const char *target)
{
	if (!is_mounted(target)) {
		errno = EINVAL;
		return KB_EMOUNT;
	}
	return chdir(target) < 0 ? err_errno(errno) : KB_OK;
}

enum kb_err os_switch_root(const char *target)
{
	static const char *const mounts[] = { "/dev", "/proc", "/sys", "/run", NULL };
	KB_CLEANUP_FD int old = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (old < 0)
		return err_errno(errno);
	TRY(go_to(target));
	move_mounts("", target, mounts);
	TRY(enter_here());
	if (is_initramfs(old))
		os_root_empty(old);
	return KB_OK;
}

enum kb_err os_change_root(const char *target)
{
	static const char *const mounts[] = { "/dev", "/proc", "/sys", "/run", "/usr", NULL };
	enum kb_err err;

	/* systemd in an initramfs shares them, and such a mount cannot be moved. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return KB_EMOUNT;
	TRY(go_to(target));
	move_mounts("", target, mounts);
	err = enter_here();
	if (err == KB_OK)
		return KB_OK;
	move_mounts(target, "", mounts);
	return chdir("/") < 0 ? err_errno(errno) : err;
}
