/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stage/stage_files.h"

#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os_file.h"
#include "lib/util.h"
#include "selector/store.h"
#include "update/apply/media.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

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
	if (os_file_sync(dir) == KB_OK)
		return KB_OK;
	log_err("%s: cannot be flushed to the disk: %s", path, strerror(errno));
	return KB_EIO;
}

static const char no_folder[] =
	"not a folder (links are not followed); remove it, or set [source.data] stage= in system.conf, in the initramfs too";

/*
 * Makes one folder in `above`, whose entry must be durable too, also when the folder is there
 * already: whoever made it may have been killed before that.
 */
static enum kb_err make_one(int above, const char *name, const char *path)
{
	enum kb_err err = os_file_mkdir(above, name, 0755);

	if (err == KB_OK)
		return sync_dir(above, path);
	log_err("%s: cannot be made: %s%s", path, strerror(errno), stage_files_hint(errno));
	return err;
}

/* Opens the folder; make: makes what is missing, and tells errors. path: how far it came. */
static enum kb_err walk_to_folder(const struct conf *c, bool make, int *dir, char path[PATH_MAX])
{
	KB_CLEANUP_FD int at = -1;
	size_t len = (size_t)snprintf(path, PATH_MAX, "%s", c->data_mount);
	const char *rest = c->data_stage;
	char name[OS_FILE_NAME_MAX + 1];
	enum kb_err err = KB_OK;

	if (os_file_folder(c->data_mount, &at) != KB_OK) {
		if (make)
			log_err("%s: no such folder; mount the data partition there, or set [source.data] mount= in system.conf",
				path);
		return KB_ENOENT;
	}
	while (util_path_part(&rest, name, sizeof(name))) {
		len += (size_t)snprintf(path + len, PATH_MAX - len, "/%s", name);
		if (make)
			TRY(make_one(at, name, path));
		err = os_file_enter(&at, name);
		if (err != KB_OK && make)
			log_err("%s: %s", path, err == KB_EINVAL ? no_folder : err_text(err));
		TRY(err);
	}
	*dir = util_take(&at);
	return KB_OK;
}

/* On a file of its own: a lock on the folder could be held by everybody who may read it. */
static enum kb_err take_lock(int dir, const char *path, unsigned wait_ms, int *lock)
{
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err = os_file_private(dir, ".lock", &fd);

	if (err != KB_OK) {
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
	KB_CLEANUP_FD int dir = -1;
	char folder[PATH_MAX];

	TRY(walk_to_folder(c, false, &dir, folder));
	return os_file_open(dir, stage_files_name(path), fd);
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

void stage_files_clean(int dir, const struct conf *c, const uint8_t *keep, int spare)
{
	struct os_file_names list = { .dir = -1 };
	char name[OS_FILE_NAME_MAX + 1], kept[32] = "";

	if (os_file_reopen(dir, &list.dir) != KB_OK)
		return;
	if (keep != NULL)
		file_name(keep, kept);
	while (os_file_next(&list, name) == KB_OK) {
		if (!is_stage_name(name) || strcmp(name, kept) == 0 || os_file_is(spare, dir, name))
			continue;
		if (os_file_unlink(dir, name) != KB_OK)
			log_warn("%s/%s/%s: cannot be removed: %s; it only takes up space",
				 c->data_mount, c->data_stage, name, strerror(errno));
	}
	util_close(&list.dir);
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
	err = os_file_unlink(dir, name);
	if (err != KB_OK && err != KB_ENOENT)
		log_warn("%s/%s: cannot be removed: %s; it only takes up space", path, name,
			 strerror(errno));
}

enum kb_err stage_files_rename(int dir, const char *part, const char *path)
{
	if (os_file_rename(dir, stage_files_name(part), stage_files_name(path)) == KB_OK)
		return sync_dir(dir, path);
	log_err("%s: cannot be made: %s", path, strerror(errno));
	return KB_EIO;
}
