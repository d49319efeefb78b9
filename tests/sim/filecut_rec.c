/* SPDX-License-Identifier: Apache-2.0 */
/* What the command does to files and to the state partition, on its way through lib/os_file.h and
 * lib/bdev.h: in front of the real ends. */
#include "tests/sim/filecut.h"

#include "lib/bdev.h"
#include "lib/os.h"
#include "tests/sim/host_files.h"
#include "update/apply/media.h"

#include <ftw.h>

#define CELL_BYTE 100u /* of a cell that comes or goes wrong */
#define SECTOR	  512u

static struct filecut_rec *rec; /* NULL: nothing is recorded */
static struct filecut_rec_plan plan;
static const char *data_dir;
static struct filecut_rec_op *op;     /* of the call that runs; NULL: none that is recorded */
static enum filecut_fault_kind wrong; /* with the read that runs */
static struct stat state_file;
static enum filecut_rec_kind failing; /* the first that did */

/* ---------------------------------------------------------------- what is whose */

static const char *below(const char *path)
{
	size_t n = strlen(data_dir);

	if (strncmp(path, data_dir, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return NULL;
	return path + n + (path[n] == '/');
}

static bool is_state_file(int fd)
{
	struct stat st;

	return rec != NULL && fstat(fd, &st) == 0 && st.st_ino == state_file.st_ino &&
	       st.st_dev == state_file.st_dev;
}

static bool is_state(enum filecut_rec_kind kind)
{
	return kind == FILECUT_REC_CELL || kind == FILECUT_REC_FLUSH;
}

/* ---------------------------------------------------------------- what goes wrong */

static enum filecut_fault_kind take_turn(enum filecut_turn turn)
{
	const struct filecut_fault *f = &plan.fault;
	unsigned n = ++rec->turns[turn];

	if (f->kind == FILECUT_FAULT_NONE || f->turn != turn)
		return FILECUT_FAULT_NONE;
	return n == plan.at || (f->ever != FILECUT_FAULT_ONCE && n > plan.at) ? f->kind
									      : FILECUT_FAULT_NONE;
}

/* A change takes its turn. Whether it is to fail before it has any effect. */
static bool fails(enum filecut_rec_kind kind)
{
	enum filecut_fault_kind k = take_turn(FILECUT_TURN_CHANGE);

	if (k == FILECUT_FAULT_KILLS)
		_exit(137);
	if (k != FILECUT_FAULT_FAILS)
		return false;
	if (rec->turns[FILECUT_TURN_CHANGE] == plan.at)
		failing = kind;
	return plan.fault.ever == FILECUT_FAULT_MEDIUM ? is_state(kind) == is_state(failing)
						       : kind == failing;
}

/* What arrives. A wrong bit is in the middle; of the state one in the text of each cell. */
static void damage(enum filecut_fault_kind k, uint8_t *buf, size_t len, bool state)
{
	for (size_t at = state ? CELL_BYTE : len / 2; k == FILECUT_FAULT_WRONG && at < len;
	     at += state ? STORE_CELL : len)
		buf[at] ^= 0x10;
	if (k == FILECUT_FAULT_ZEROES || k == FILECUT_FAULT_LOST)
		memset(buf, 0, len);
}

/* ---------------------------------------------------------------- the record */

static struct filecut_rec_op *begin_op(enum filecut_rec_kind kind, const char *path)
{
	struct filecut_rec_op *o = &rec->op[rec->nops];

	if (rec->nops + 1 == FILECUT_REC_OPS) {
		rec->odd = "too many operations";
		_exit(99);
	}
	*o = (struct filecut_rec_op){ .kind = kind };
	snprintf(o->path, sizeof(o->path), "%s", path);
	if (kind == FILECUT_REC_OPEN || !fails(kind))
		return o;
	o->failed = plan.fault.error;
	rec->nops++;
	errno = plan.fault.error;
	return NULL;
}

static int end_op(struct filecut_rec_op *o, int errnum)
{
	bool lands = plan.fault.kind == FILECUT_FAULT_LANDS && is_state(o->kind) &&
		     rec->turns[FILECUT_TURN_CHANGE] >= plan.at;

	o->failed = errnum;
	rec->nops++;
	return lands ? plan.fault.error : errnum;
}

static const void *keep(struct filecut_rec_op *o, enum filecut_fault_kind k, const void *buf,
			size_t len, uint64_t off)
{
	uint8_t *to = rec->data + rec->used;

	if (rec->used + len > FILECUT_REC_DATA) {
		rec->odd = "too much is written";
		_exit(99);
	}
	memcpy(to, buf, len);
	damage(k, to, len, is_state(o->kind));
	o->off = off;
	o->len = len;
	o->data = rec->used;
	rec->used += len;
	return to;
}

/* ---------------------------------------------------------------- files */

/* Calls that change something. */
static const enum filecut_rec_kind changes[HOST_FILES_OPS] = {
	[HOST_FILES_MKDIR] = FILECUT_REC_MKDIR,	   [HOST_FILES_RENAME] = FILECUT_REC_RENAME,
	[HOST_FILES_UNLINK] = FILECUT_REC_UNLINK,  [HOST_FILES_CREATE] = FILECUT_REC_CREATE,
	[HOST_FILES_PRIVATE] = FILECUT_REC_CREATE, [HOST_FILES_WRITE] = FILECUT_REC_WRITE,
	[HOST_FILES_SWAP] = FILECUT_REC_SWAP,	   [HOST_FILES_CUT] = FILECUT_REC_CUT,
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
	return plan.room == 0 || used + len <= plan.room;
}

/* ---------------------------------------------------------------- before it happens */

/* Of a bundle that is given to a verb, or of one in the stage folder. */
static enum filecut_fault_kind take_bundle_turn(const struct host_files_call *c,
						enum filecut_turn turn)
{
	return strstr(subject(c), ".keel") != NULL ? take_turn(turn) : FILECUT_FAULT_NONE;
}

/* The errno that it fails with, or 0. */
static int begin_write(struct host_files_call *c)
{
	enum filecut_fault_kind k = take_bundle_turn(c, FILECUT_TURN_WRITE);

	if (k == FILECUT_FAULT_FAILS)
		return end_op(op, EIO);
	if (plan.block > 0 && c->len > plan.block)
		c->len = plan.block;
	if (k == FILECUT_FAULT_SHORT && c->len > 1)
		c->len /= 2;
	c->from = keep(op, k, c->from, c->len, (uint64_t)lseek(c->fd, 0, SEEK_CUR));
	return 0;
}

static int begin_read(struct host_files_call *c)
{
	wrong = take_bundle_turn(c, FILECUT_TURN_READ);
	c->left_out = wrong == FILECUT_FAULT_LOST;
	return wrong == FILECUT_FAULT_FAILS ? EIO : 0;
}

static int begin_change(struct host_files_call *c, const char *path)
{
	op = begin_op(changes[c->op], path);
	if (op == NULL)
		return errno;
	/* The kernel would refuse it. */
	if (c->op == HOST_FILES_MKDIR && is_there(c))
		op->failed = EEXIST;
	if (c->op == HOST_FILES_CUT)
		op->off = c->len;
	if (c->op == HOST_FILES_RENAME || c->op == HOST_FILES_SWAP)
		snprintf(op->to, sizeof(op->to), "%s", below(c->to));
	if (c->op == HOST_FILES_WRITE)
		return begin_write(c);
	if (c->op == HOST_FILES_RESERVE && !fits(c->len))
		return end_op(op, ENOSPC);
	return 0;
}

static int before(struct host_files_call *c)
{
	const char *path = below(subject(c));

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
		damage(wrong, c->into, c->got, false);
	if (op == NULL && errnum == 0 && opens && below(c->path) != NULL)
		op = begin_op(FILECUT_REC_OPEN, below(c->path));
	if (op != NULL)
		end_op(op, op->failed != 0 ? op->failed : errnum);
	return errnum;
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

/* ---------------------------------------------------------------- the state partition */

/* lib/bdev_file.o once more, with other names: see the Makefile. */
__typeof__(bdev_file_open) real_bdev_file_open;
__typeof__(bdev_file_from_fd) real_bdev_file_from_fd;

static const struct bdev_ops *real;

static enum kb_err state_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	enum filecut_fault_kind k = take_turn(FILECUT_TURN_STATE_READ);

	if (k == FILECUT_FAULT_FAILS)
		return KB_EIO;
	TRY(real->read(b, off, buf, len));
	damage(k, buf, len, true);
	return KB_OK;
}

/* As much of it as goes in one piece: *len. */
static enum kb_err write_piece(struct bdev *b, uint64_t off, const void *buf, size_t *len)
{
	struct filecut_rec_op *o = begin_op(FILECUT_REC_CELL, "");
	enum filecut_fault_kind k;
	enum kb_err err;

	if (o == NULL)
		return err_errno(errno);
	k = take_turn(FILECUT_TURN_STATE_WRITE);
	if (k == FILECUT_FAULT_LOST) {
		end_op(o, EIO);
		return KB_OK;
	}
	if (k == FILECUT_FAULT_SHORT && *len > SECTOR)
		*len /= 2;
	err = real->write(b, off, keep(o, k, buf, *len, off), *len);
	return err_errno(end_op(o, err == KB_OK ? 0 : errno));
}

static enum kb_err state_write(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	for (size_t done = 0, n; done < len; done += n) {
		n = len - done;
		TRY(write_piece(b, off + done, (const uint8_t *)buf + done, &n));
	}
	return KB_OK;
}

/* The machine that runs this loses no power: nothing has to wait for its disk. */
static enum kb_err state_flush(struct bdev *b)
{
	struct filecut_rec_op *o = begin_op(FILECUT_REC_FLUSH, "");
	bool lost;

	(void)b;
	if (o == NULL)
		return KB_EIO;
	lost = take_turn(FILECUT_TURN_STATE_FLUSH) == FILECUT_FAULT_LOST;
	return end_op(o, lost ? EIO : 0) == 0 || lost ? KB_OK : KB_EIO;
}

static void stand_in_front(struct bdev_file *f)
{
	static struct bdev_ops ops;

	if (!is_state_file(f->fd))
		return;
	real = f->bdev.ops;
	ops = *real;
	ops.read = state_read;
	ops.write = state_write;
	ops.flush = state_flush;
	f->bdev.ops = &ops;
}

enum kb_err bdev_file_open(struct bdev_file *b, const char *path, unsigned flags)
{
	TRY(real_bdev_file_open(b, path, flags & ~(unsigned)BDEV_FILE_DIRECT));
	if (is_state_file(b->fd) && flags & BDEV_FILE_WRITE && !(flags & BDEV_FILE_DIRECT))
		rec->odd = "the state is opened without O_DSYNC";
	stand_in_front(b);
	return KB_OK;
}

enum kb_err bdev_file_from_fd(struct bdev_file *b, int fd)
{
	TRY(real_bdev_file_from_fd(b, fd));
	stand_in_front(b);
	return KB_OK;
}

void filecut_rec_begin(struct filecut_rec *r, const struct filecut_rec_plan *p, const char *data,
		       const char *state)
{
	static const struct host_files files = { place, before, after };

	r->nops = 0;
	r->used = 0;
	memset(r->turns, 0, sizeof(r->turns));
	r->odd = stat(state, &state_file) == 0 ? NULL : "no state partition";
	plan = *p;
	data_dir = data;
	rec = r;
	host_files_use(&files);
}
