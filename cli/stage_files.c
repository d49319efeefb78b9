/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stage_files.h"

#include "cli/stage.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/util.h"
#include "selector/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Path of the folder. KB_ENOSPC. */
static enum kb_err stage_dir(const struct conf *c, char *path, size_t size)
{
	int n = snprintf(path, size, "%s/%s", c->data_mount, c->data_stage);

	return n > 0 && (size_t)n < size ? KB_OK : KB_ENOSPC;
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

static enum kb_err sync_dir(const char *path)
{
	KB_CLEANUP_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && fsync(fd) == 0)
		return KB_OK;
	log_err("%s: cannot be made durable: %s", path, strerror(errno));
	return KB_EIO;
}

/*
 * Makes one folder; `above` is the one that it is in, whose entry has to be durable too, also when
 * the folder is there already: whoever made it may have been killed before that.
 */
static enum kb_err make_one(const char *path, const char *above)
{
	enum kb_err e;

	if (mkdir(path, 0755) == 0 || errno == EEXIST)
		return sync_dir(above);
	e = err_errno(errno);
	log_err("%s: cannot be made: %s%s", path, strerror(errno), stage_hint(errno));
	return e;
}

enum kb_err stage_files_make(const struct conf *c)
{
	char path[PATH_MAX], above[PATH_MAX];
	size_t base = strlen(c->data_mount);
	struct stat st;

	if (stat(c->data_mount, &st) < 0 || !S_ISDIR(st.st_mode)) {
		log_err("%s: no such folder; mount the data partition there, or set [source.data] "
			"mount= in system.conf",
			c->data_mount);
		return KB_ENOENT;
	}
	TRY(stage_dir(c, path, sizeof(path)));
	snprintf(above, sizeof(above), "%s", c->data_mount);
	for (char *p = path + base + 1;; p++) {
		char end = *p;

		if (end != '/' && end != '\0')
			continue;
		*p = '\0';
		TRY(make_one(path, above));
		snprintf(above, sizeof(above), "%s", path);
		if (end == '\0')
			return KB_OK;
		*p = end;
	}
}

enum kb_err stage_files_lock(const struct conf *c, unsigned wait_ms, int *fd)
{
	char path[PATH_MAX];
	KB_CLEANUP_FD int opened = -1;
	enum kb_err e;

	TRY(stage_dir(c, path, sizeof(path)));
	opened = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (opened < 0) {
		log_err("%s: %s", path, strerror(errno));
		return err_errno(errno);
	}
	e = store_lock(opened, wait_ms);
	if (e == KB_EBUSY)
		log_err("%s: another `keelboot stage` is under way; try again when it has ended",
			path);
	else if (e != KB_OK)
		log_err("%s: cannot be locked: %s", path, err_text(e));
	TRY(e);
	*fd = util_take(&opened);
	return KB_OK;
}

static bool is_ours(const char *name)
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

void stage_files_clean(const struct conf *c, const uint8_t *keep, int spare)
{
	char path[PATH_MAX], kept[32] = "";
	struct dirent *entry;
	DIR *dir;

	if (stage_dir(c, path, sizeof(path)) != KB_OK || (dir = opendir(path)) == NULL)
		return;
	if (keep != NULL)
		file_name(keep, kept);
	while ((entry = readdir(dir)) != NULL) {
		if (!is_ours(entry->d_name) || strcmp(entry->d_name, kept) == 0 ||
		    is_same(dirfd(dir), entry->d_name, spare))
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) < 0)
			log_warn("%s/%s: cannot be removed: %s; it only takes room", path,
				 entry->d_name, strerror(errno));
	}
	closedir(dir);
}

void stage_files_remove(const struct conf *c, const uint8_t release[STATE_ID_LEN])
{
	char path[PATH_MAX];

	if (stage_files_path(c, release, path, sizeof(path)) != KB_OK)
		return;
	if (unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR)
		log_warn("%s: cannot be removed: %s; it only takes room", path, strerror(errno));
}

enum kb_err stage_files_sync(const struct conf *c)
{
	char path[PATH_MAX];

	TRY(stage_dir(c, path, sizeof(path)));
	return sync_dir(path);
}
