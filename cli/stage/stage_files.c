/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stage/stage_files.h"

#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/util.h"
#include "selector/store.h"
#include "update/apply/media.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *stage_files_hint(int error)
{
	if (error == EROFS)
		return "; mount it read-write";
	if (error == ENOSPC || error == EDQUOT)
		return "; free some on that file system, or run `keelboot unstage`";
	return err_errno(error) == KB_EPERM ? "; run as root" : "";
}

static void file_name(const uint8_t release[STATE_ID_LEN], char out[32])
{
	bytes_hex(out, release, 8);
	snprintf(out + 16, 16, ".keel");
}

enum kb_err stage_files_path(const struct conf *c, const uint8_t release[STATE_ID_LEN], char *path,
			     size_t size)
{
	char name[32];
	int n;

	file_name(release, name);
	n = snprintf(path, size, "%s/%s/%s", c->data_mount, c->data_stage, name);
	return n > 0 && (size_t)n < size ? KB_OK : KB_ENOSPC;
}

const char *stage_files_name(const char *path)
{
	return strrchr(path, '/') + 1;
}

static enum kb_err sync_dir(int dir, const char *path)
{
	if (fsync(dir) == 0)
		return KB_OK;
	log_err("%s: cannot be flushed to the disk: %s", path, strerror(errno));
	return KB_EIO;
}

static const char no_folder[] =
	"not a folder (links are not followed); remove it, or set [source.data] stage= in system.conf, in the initramfs too";

/*
 * Makes one folder in `above`, whose entry has to be durable too, also when the folder is there
 * already: whoever made it may have been killed before that.
 */
static enum kb_err make_one(int above, const char *name, const char *path)
{
	enum kb_err err;

	if (mkdirat(above, name, 0755) == 0 || errno == EEXIST)
		return sync_dir(above, path);
	err = err_errno(errno);
	log_err("%s: cannot be made: %s%s", path, strerror(errno), stage_files_hint(errno));
	return err;
}

/* Opens the folder; make: makes what is missing, and tells errors. path: how far it came. */
static enum kb_err walk_to_folder(const struct conf *c, bool make, int *dir, char path[PATH_MAX])
{
	KB_CLEANUP_FD int at = open(c->data_mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t len = (size_t)snprintf(path, PATH_MAX, "%s", c->data_mount);
	const char *rest = c->data_stage;
	char name[MEDIA_NAME_MAX + 1];
	enum kb_err err = KB_OK;

	if (at < 0) {
		if (make)
			log_err("%s: no such folder; mount the data partition there, or set [source.data] mount= in system.conf",
				path);
		return KB_ENOENT;
	}
	while (media_part(&rest, name)) {
		len += (size_t)snprintf(path + len, PATH_MAX - len, "/%s", name);
		if (make)
			TRY(make_one(at, name, path));
		err = media_enter(&at, name);
		if (err != KB_OK && make)
			log_err("%s: %s", path, err == KB_EINVAL ? no_folder : err_text(err));
		TRY(err);
	}
	*dir = util_take(&at);
	return KB_OK;
}

#define LOCK_FLAGS (O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

/* A file that only its owner opens: a lock on the folder could be held by everybody who may read
 * it. */
static int open_lock(int dir)
{
	int fd = openat(dir, ".lock", LOCK_FLAGS);

	if (fd < 0 && errno == ENOENT)
		fd = openat(dir, ".lock", LOCK_FLAGS | O_CREAT | O_EXCL, 0600);
	if (fd < 0 && errno == EEXIST) /* another one was quicker */
		fd = openat(dir, ".lock", LOCK_FLAGS);
	return fd;
}

static enum kb_err take_lock(int dir, const char *path, unsigned wait_ms, int *lock)
{
	KB_CLEANUP_FD int fd = open_lock(dir);
	enum kb_err err;

	if (fd < 0) {
		err = err_errno(errno);
		log_err("%s/.lock: cannot be made: %s%s", path, strerror(errno),
			stage_files_hint(errno));
		return err;
	}
	err = store_lock(fd, wait_ms);
	if (err == KB_EBUSY)
		log_err("%s: another `keelboot stage` is running; try again when it has ended",
			path);
	else if (err != KB_OK)
		log_err("%s/.lock: cannot be locked: %s", path, err_text(err));
	else
		*lock = util_take(&fd);
	return err;
}

enum kb_err stage_files_open_locked(const struct conf *c, unsigned wait_ms, int *dir, int *lock)
{
	KB_CLEANUP_FD int opened = -1;
	char path[PATH_MAX];

	TRY(walk_to_folder(c, true, &opened, path));
	TRY(take_lock(opened, path, wait_ms, lock));
	*dir = util_take(&opened);
	return KB_OK;
}

enum kb_err stage_files_open(const struct conf *c, const char *path, int *fd)
{
	struct media m = { .folder = -1 };
	char folder[PATH_MAX];
	enum kb_err err;

	TRY(walk_to_folder(c, false, &m.folder, folder));
	err = media_file(&m, stage_files_name(path), fd);
	util_close(&m.folder);
	return err;
}

enum kb_err stage_files_sync(const struct conf *c)
{
	KB_CLEANUP_FD int dir = -1;
	char path[PATH_MAX];

	TRY(walk_to_folder(c, false, &dir, path));
	return sync_dir(dir, path);
}

bool stage_files_exists(const struct conf *c, const char *path)
{
	KB_CLEANUP_FD int fd = -1;

	return stage_files_open(c, path, &fd) == KB_OK;
}

static bool is_stage_name(const char *name)
{
	size_t len = strlen(name);

	return (len > 5 && strcmp(name + len - 5, ".keel") == 0) ||
	       (len > 10 && strcmp(name + len - 10, ".keel.part") == 0);
}

static bool is_same(int dir, const char *name, int fd)
{
	struct stat a, b;

	return fd >= 0 && fstat(fd, &a) == 0 && fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

void stage_files_clean(int dir, const struct conf *c, const uint8_t *keep, int spare)
{
	/* Of its own, since it has a place of its own in the list. */
	int list = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = list >= 0 ? fdopendir(list) : NULL;
	struct dirent *entry;
	char kept[32] = "";

	if (d == NULL) {
		util_close(&list);
		return;
	}
	if (keep != NULL)
		file_name(keep, kept);
	while ((entry = readdir(d)) != NULL) {
		if (!is_stage_name(entry->d_name) || strcmp(entry->d_name, kept) == 0 ||
		    is_same(dir, entry->d_name, spare))
			continue;
		if (unlinkat(dir, entry->d_name, 0) < 0)
			log_warn("%s/%s/%s: cannot be removed: %s; it only takes up space",
				 c->data_mount, c->data_stage, entry->d_name, strerror(errno));
	}
	closedir(d);
}

void stage_files_remove(const struct conf *c, const uint8_t release[STATE_ID_LEN])
{
	KB_CLEANUP_FD int dir = -1;
	char path[PATH_MAX], name[32];
	enum kb_err err = walk_to_folder(c, false, &dir, path);

	if (err == KB_ENOENT)
		return;
	if (err != KB_OK) {
		log_warn("%s: %s", path, err == KB_EINVAL ? no_folder : err_text(err));
		return;
	}
	file_name(release, name);
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		log_warn("%s/%s: cannot be removed: %s; it only takes up space", path, name,
			 strerror(errno));
}

enum kb_err stage_files_rename(int dir, const char *part, const char *path)
{
	if (renameat(dir, stage_files_name(part), dir, stage_files_name(path)) == 0)
		return sync_dir(dir, path);
	log_err("%s: cannot be made: %s", path, strerror(errno));
	return KB_EIO;
}
