/* SPDX-License-Identifier: Apache-2.0 */
/* What the command does to files, on its way through lib/os_file.h. */
#include "tests/sim/filecut_rec.h"
#include "tests/sim/host_files.h"

#include "lib/os.h"
#include "update/apply/media.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *data_dir;
static struct filecut_rec_op *op;     /* the one that runs; NULL: none that is recorded */
static enum filecut_fault_kind wrong; /* with the read that runs */
static int failed;		      /* errno of one that the kernel would refuse; 0 */

static const char *place(const char *path)
{
	return strcmp(path, MEDIA_MOUNT) == 0 ? data_dir : NULL;
}

/* ---------------------------------------------------------------- what is whose */

static bool is_data_fd(int fd)
{
	char path[HOST_FILES_PATH];

	host_files_path(fd, path);
	return filecut_rec_is_data(path);
}

/* One that is given to a verb, or one in the stage folder. */
static bool is_bundle_fd(int fd)
{
	char path[HOST_FILES_PATH];

	host_files_path(fd, path);
	return strstr(path, ".keel") != NULL;
}

static uint64_t ino_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static uint64_t ino_at(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_ino : 0;
}

/* The folder that path is in, and path's last part. */
static uint64_t split(const char *path, char name[FILECUT_REC_NAME])
{
	const char *slash = strrchr(path, '/');
	char dir[HOST_FILES_PATH];

	snprintf(name, FILECUT_REC_NAME, "%s", slash + 1);
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	return ino_at(dir);
}

/* Bytes in the stage folder. */
static size_t used(void)
{
	char path[HOST_FILES_PATH];
	struct dirent *e;
	size_t sum = 0;
	struct stat st;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/keelboot/stage", data_dir);
	dir = opendir(path);
	while (dir != NULL && (e = readdir(dir)) != NULL)
		if (fstatat(dirfd(dir), e->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
			sum += (size_t)st.st_size;
	if (dir != NULL)
		closedir(dir);
	return sum;
}

/* ---------------------------------------------------------------- before it happens */

/* Begins an operation on a name; the errno that it fails with, or 0. */
static int begin_name(enum filecut_rec_kind kind, const struct host_files_call *c)
{
	op = filecut_rec_op(kind);
	if (op == NULL)
		return errno;
	op->dir = split(c->path, op->name);
	if (kind == FILECUT_REC_RENAME)
		split(c->to, op->name2);
	return 0;
}

static int begin_fd(enum filecut_rec_kind kind, const struct host_files_call *c)
{
	op = filecut_rec_op(kind);
	if (op == NULL)
		return errno;
	op->ino = ino_of(c->fd);
	return 0;
}

static int begin_write(struct host_files_call *c)
{
	const struct filecut_rec_plan *plan = filecut_rec_plan();
	enum filecut_fault_kind k;
	int errnum = begin_fd(FILECUT_REC_WRITE, c);

	if (errnum != 0)
		return errnum;
	k = filecut_rec_turn(FILECUT_FAULT_WRITE);
	if (k == FILECUT_FAULT_FAILS)
		return filecut_rec_done(op, EIO);
	if (plan->block > 0 && c->len > plan->block)
		c->len = plan->block;
	if (k == FILECUT_FAULT_SHORT && c->len > 1)
		c->len /= 2;
	c->from = filecut_rec_damaged(k, c->from, c->len, false);
	filecut_rec_keep(op, c->from, c->len, (uint64_t)lseek(c->fd, 0, SEEK_CUR));
	return 0;
}

static int begin_read(struct host_files_call *c)
{
	wrong = is_bundle_fd(c->fd) ? filecut_rec_turn(FILECUT_FAULT_READ) : FILECUT_FAULT_NONE;
	c->left_out = wrong == FILECUT_FAULT_LOST;
	return wrong == FILECUT_FAULT_FAILS ? EIO : 0;
}

static int begin_reserve(const struct host_files_call *c)
{
	size_t room = filecut_rec_plan()->room;
	int errnum = begin_fd(FILECUT_REC_ALLOC, c);

	if (errnum != 0 || room == 0 || used() + c->len <= room)
		return errnum;
	return filecut_rec_done(op, ENOSPC);
}

/* The machine that runs this loses no power: nothing has to wait for its disk. */
static int begin_sync(struct host_files_call *c)
{
	c->left_out = true;
	return is_data_fd(c->fd) ? begin_fd(FILECUT_REC_FSYNC, c) : 0;
}

static int begin_mkdir(const struct host_files_call *c)
{
	if (ino_at(c->path) != 0)
		failed = EEXIST;
	return begin_name(FILECUT_REC_MKDIR, c);
}

static int before_name(const struct host_files_call *c)
{
	if (!filecut_rec_is_data(c->path))
		return 0;
	if (c->op == HOST_FILES_MKDIR)
		return begin_mkdir(c);
	if (c->op == HOST_FILES_RENAME)
		return begin_name(FILECUT_REC_RENAME, c);
	if (c->op == HOST_FILES_UNLINK)
		return begin_name(FILECUT_REC_UNLINK, c);
	if (c->op == HOST_FILES_CREATE || (c->op == HOST_FILES_PRIVATE && ino_at(c->path) == 0))
		return begin_name(FILECUT_REC_CREATE, c);
	return 0;
}

static int before(struct host_files_call *c)
{
	op = NULL;
	failed = 0;
	if (!filecut_rec_is_on())
		return 0;
	if (c->path[0] != '\0')
		return before_name(c);
	switch ((int)c->op) {
	case HOST_FILES_READ:
		return begin_read(c);
	case HOST_FILES_WRITE:
		return is_data_fd(c->fd) ? begin_write(c) : 0;
	case HOST_FILES_RESERVE:
		return is_data_fd(c->fd) ? begin_reserve(c) : 0;
	case HOST_FILES_SYNC:
		return begin_sync(c);
	default:
		return 0;
	}
}

/* ---------------------------------------------------------------- behind it */

/* An existing file is opened: what is in it may matter now. */
static bool is_open(const struct host_files_call *c)
{
	return (c->op == HOST_FILES_OPEN || c->op == HOST_FILES_OPEN_PATH ||
		c->op == HOST_FILES_PRIVATE) &&
	       filecut_rec_is_data(c->path);
}

static int after(struct host_files_call *c, int errnum)
{
	if (c->op == HOST_FILES_READ)
		filecut_rec_damage(wrong, c->into, c->got, false);
	if (op == NULL && errnum == 0 && filecut_rec_is_on() && is_open(c))
		op = filecut_rec_op(FILECUT_REC_OPEN);
	if (op == NULL)
		return errnum;
	if (op->kind == FILECUT_REC_CREATE || op->kind == FILECUT_REC_OPEN)
		op->ino = ino_of(c->fd);
	if (op->kind == FILECUT_REC_MKDIR && failed == 0)
		op->ino = ino_at(c->path);
	filecut_rec_done(op, failed != 0 ? failed : errnum);
	return errnum;
}

void filecut_files_begin(const char *data)
{
	static const struct host_files files = { place, before, after };

	data_dir = data;
	host_files_use(&files);
}

/* ---------------------------------------------------------------- the boot's mount */

enum kb_err os_mount(const char *source, const char *target, const char *fstype,
		     unsigned long flags, const char *options)
{
	(void)source;
	(void)target;
	(void)fstype;
	(void)flags;
	(void)options;
	return KB_OK;
}

enum kb_err os_umount(const char *target)
{
	(void)target;
	return KB_OK;
}

enum kb_err os_mkdir(const char *path, unsigned mode)
{
	(void)path;
	(void)mode;
	return KB_OK;
}
