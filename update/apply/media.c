/* SPDX-License-Identifier: Apache-2.0 */
#include "update/apply/media.h"
#include "lib/os.h"
#include "lib/util.h"
#include "update/bundle/reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <strings.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum kb_err media_private(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		return KB_EPERM;
	return os_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static bool holds_bundle(int fd)
{
	uint8_t raw[READER_HEADER_LEN];

	return pread(fd, raw, sizeof(raw), 0) == (ssize_t)sizeof(raw) && reader_header_is(raw);
}

static enum kb_err open_device(struct media *m, const char *dev)
{
	m->dev = open(dev, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (m->dev >= 0)
		return KB_OK;
	return errno == ENOMEDIUM || errno == ENXIO || errno == ENOENT ? KB_ENODEV
								       : err_errno(errno);
}

/* ext4 on a device that is write-protected cannot replay its journal. */
static const char *second_try(const char *fstype)
{
	return strcmp(fstype, "ext4") == 0 ? "noload" : NULL;
}

static enum kb_err mount_one(const char *dev, const char *fstype, unsigned long flags)
{
	enum kb_err err = os_mount(dev, MEDIA_MOUNT, fstype, flags, NULL);

	if (err != KB_OK && second_try(fstype) != NULL)
		err = os_mount(dev, MEDIA_MOUNT, fstype, flags, second_try(fstype));
	return err;
}

static enum kb_err mount_any(struct media *m, const char *dev, const char *const *fstypes,
			     unsigned long flags)
{
	if (fstypes[0] == NULL)
		return KB_EMOUNT;
	TRY(os_mkdir("/run/keelboot", 0755));
	TRY(os_mkdir(MEDIA_MOUNT, 0700));
	for (unsigned i = 0; fstypes[i] != NULL; i++) {
		if (mount_one(dev, fstypes[i], flags) == KB_OK) {
			m->mounted = true;
			return KB_OK;
		}
	}
	return KB_EMOUNT;
}

bool media_part(const char **path, char name[MEDIA_NAME_MAX + 1])
{
	size_t len;

	*path += strspn(*path, "/");
	len = strcspn(*path, "/");
	if (len > MEDIA_NAME_MAX) /* there is no such file; nor is there one without a name */
		len = 0;
	memcpy(name, *path, len);
	name[len] = '\0';
	*path += len;
	return len > 0;
}

enum kb_err media_enter(int *dir, const char *name)
{
	int fd = openat(*dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP ? KB_EINVAL : err_errno(errno);
	util_close(dir);
	*dir = fd;
	return KB_OK;
}

static enum kb_err open_folder(struct media *m, const char *folder)
{
	KB_CLEANUP_FD int at = open(MEDIA_MOUNT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[MEDIA_NAME_MAX + 1];

	if (at < 0)
		return err_errno(errno);
	while (media_part(&folder, name)) {
		enum kb_err err = media_enter(&at, name);

		if (err != KB_OK)
			return err == KB_EINVAL ? KB_ENOENT : err;
	}
	m->folder = util_take(&at);
	return KB_OK;
}

enum kb_err media_open(struct media *m, const char *dev, bool stranger, const char *const *fstypes,
		       const char *folder)
{
	enum kb_err err;

	m->raw = m->mounted = false;
	m->dev = m->folder = -1;
	m->pos = m->len = 0;
	TRY(open_device(m, dev));
	if (stranger && holds_bundle(m->dev)) {
		m->raw = true;
		return KB_OK;
	}
	util_close(&m->dev);
	err = mount_any(m, dev, fstypes, stranger ? MEDIA_FLAGS_STRANGERS : MEDIA_FLAGS);
	if (err == KB_OK)
		err = open_folder(m, folder);
	if (err != KB_OK)
		media_close(m);
	return err;
}

/* By the system call: the C library's readdir() allocates. */
enum kb_err media_next(struct media *m, char name[MEDIA_NAME_MAX + 1])
{
	for (;;) {
		const struct dirent64 *d = (const void *)(m->entries + m->pos);

		if (m->pos >= m->len) {
			ssize_t n =
				syscall(SYS_getdents64, m->folder, m->entries, sizeof(m->entries));

			if (n <= 0)
				return n == 0 ? KB_ENOENT : KB_EIO;
			m->len = (size_t)n;
			m->pos = 0;
			continue;
		}
		m->pos += d->d_reclen;
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		memccpy(name, d->d_name, '\0', MEDIA_NAME_MAX);
		name[MEDIA_NAME_MAX] = '\0';
		return KB_OK;
	}
}

enum kb_err media_file(const struct media *m, const char *name, int *fd)
{
	KB_CLEANUP_FD int f = -1;
	struct stat st;

	if (m->raw) {
		*fd = fcntl(m->dev, F_DUPFD_CLOEXEC, 0);
		return *fd >= 0 ? KB_OK : err_errno(errno);
	}
	/* Before it is opened, which is all that some devices and pipes wait for; and again, for
	 * what the file system says the second time. */
	if (fstatat(m->folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(errno);
	if (!S_ISREG(st.st_mode))
		return KB_EINVAL;
	f = openat(m->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (f < 0)
		return errno == ELOOP ? KB_EINVAL : err_errno(errno);
	if (fstat(f, &st) < 0)
		return err_errno(errno);
	if (!S_ISREG(st.st_mode))
		return KB_EINVAL;
	*fd = util_take(&f);
	return KB_OK;
}

bool media_is_bundle(const char *name)
{
	size_t len = strlen(name), suffix = strlen(MEDIA_SUFFIX);

	return name[0] != '.' && len > suffix && strcasecmp(name + len - suffix, MEDIA_SUFFIX) == 0;
}

void media_close(struct media *m)
{
	util_close(&m->folder);
	util_close(&m->dev);
	if (m->mounted && os_umount(MEDIA_MOUNT) == KB_OK)
		m->mounted = false;
	/* The folder stays: another one of us, with mounts of its own, may be about to use it. */
}
