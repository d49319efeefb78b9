/* SPDX-License-Identifier: Apache-2.0 */
/* What the command does to files, on its way through lib/os_file.h. */
#include "tests/sim/filecut_rec.h"
#include "tests/sim/host_files.h"

#include "lib/os.h"
#include "update/apply/media.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *data_dir;
static const struct filecut_rec_plan *plan;
static struct filecut_rec_op *op;     /* the one that runs; NULL: none that is recorded */
static enum filecut_fault_kind wrong; /* with the read that runs */

/* Calls that change something. */
static const enum filecut_rec_kind changes[HOST_FILES_OPS] = {
	[HOST_FILES_MKDIR] = FILECUT_REC_MKDIR,	   [HOST_FILES_RENAME] = FILECUT_REC_RENAME,
	[HOST_FILES_UNLINK] = FILECUT_REC_UNLINK,  [HOST_FILES_CREATE] = FILECUT_REC_CREATE,
	[HOST_FILES_PRIVATE] = FILECUT_REC_CREATE, [HOST_FILES_WRITE] = FILECUT_REC_WRITE,
	[HOST_FILES_RESERVE] = FILECUT_REC_ALLOC,  [HOST_FILES_SYNC] = FILECUT_REC_FSYNC,
};

static const char *place(const char *path)
{
	return strcmp(path, MEDIA_MOUNT) == 0 ? data_dir : NULL;
}

/* Where what a call is about lies, until the next call. */
static const char *subject(const struct host_files_call *c)
{
	static char path[HOST_FILES_PATH];

	if (c->path[0] != '\0')
		return c->path;
	host_files_path(c->fd, path);
	return path;
}

static bool is_there(const struct host_files_call *c)
{
	struct stat st;

	return lstat(c->path, &st) == 0;
}

static size_t used;

static int add_size(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)path;
	(void)at;
	used += type == FTW_F ? (size_t)st->st_size : 0;
	return 0;
}

/* Whether so many bytes more fit into the stage folder. */
static bool fits(size_t len)
{
	char path[HOST_FILES_PATH];

	used = 0;
	snprintf(path, sizeof(path), "%s/keelboot/stage", data_dir);
	nftw(path, add_size, 8, FTW_PHYS);
	return plan->room == 0 || used + len <= plan->room;
}

/* ---------------------------------------------------------------- before it happens */

/* The errno that it fails with, or 0. */
static int begin_write(struct host_files_call *c)
{
	enum filecut_fault_kind k = filecut_rec_turn(FILECUT_TURN_WRITE);

	if (k == FILECUT_FAULT_FAILS)
		return filecut_rec_done(op, EIO);
	if (plan->block > 0 && c->len > plan->block)
		c->len = plan->block;
	if (k == FILECUT_FAULT_SHORT && c->len > 1)
		c->len /= 2;
	c->from = filecut_rec_keep(op, k, c->from, c->len, (uint64_t)lseek(c->fd, 0, SEEK_CUR));
	return 0;
}

/* Of a bundle that is given to a verb, or of one in the stage folder. */
static int begin_read(struct host_files_call *c)
{
	wrong = strstr(subject(c), ".keel") != NULL ? filecut_rec_turn(FILECUT_TURN_READ)
						    : FILECUT_FAULT_NONE;
	c->left_out = wrong == FILECUT_FAULT_LOST;
	return wrong == FILECUT_FAULT_FAILS ? EIO : 0;
}

static int begin_change(struct host_files_call *c, const char *path)
{
	op = filecut_rec_op(changes[c->op], path);
	if (op == NULL)
		return errno;
	/* The kernel would refuse it. */
	if (c->op == HOST_FILES_MKDIR && is_there(c))
		op->failed = EEXIST;
	if (c->op == HOST_FILES_RENAME)
		snprintf(op->to, sizeof(op->to), "%s", filecut_rec_below(c->to));
	if (c->op == HOST_FILES_WRITE)
		return begin_write(c);
	if (c->op == HOST_FILES_RESERVE && !fits(c->len))
		return filecut_rec_done(op, ENOSPC);
	return 0;
}

static int before(struct host_files_call *c)
{
	const char *path = filecut_rec_below(subject(c));

	op = NULL;
	/* The machine that runs this loses no power: nothing has to wait for its disk. */
	c->left_out = c->op == HOST_FILES_SYNC;
	if (c->op == HOST_FILES_READ)
		return begin_read(c);
	if (path == NULL || changes[c->op] == FILECUT_REC_OPEN ||
	    (c->op == HOST_FILES_PRIVATE && is_there(c)))
		return 0;
	return begin_change(c, path);
}

/* ---------------------------------------------------------------- behind it */

static int after(struct host_files_call *c, int errnum)
{
	bool opens = c->op == HOST_FILES_OPEN || c->op == HOST_FILES_OPEN_PATH ||
		     c->op == HOST_FILES_PRIVATE;

	if (c->op == HOST_FILES_READ)
		filecut_rec_damage(wrong, c->into, c->got, false);
	if (op == NULL && errnum == 0 && opens && filecut_rec_below(c->path) != NULL)
		op = filecut_rec_op(FILECUT_REC_OPEN, filecut_rec_below(c->path));
	if (op != NULL)
		filecut_rec_done(op, op->failed != 0 ? op->failed : errnum);
	return errnum;
}

void filecut_files_begin(const char *data, const struct filecut_rec_plan *p)
{
	static const struct host_files files = { place, before, after };

	data_dir = data;
	plan = p;
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
