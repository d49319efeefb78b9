/* SPDX-License-Identifier: Apache-2.0 */
/* What the command does to the state partition, on its way through lib/bdev.h: in front of the real
 * end. */
#include "tests/sim/filecut_rec.h"

#include "lib/bdev.h"

#include <errno.h>
#include <string.h>

#define SECTOR 512u

/* lib/bdev_file.o once more, with other names: see the Makefile. */
__typeof__(bdev_file_open) real_bdev_file_open;
__typeof__(bdev_file_from_fd) real_bdev_file_from_fd;

static const struct bdev_ops *real;

static enum kb_err state_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	enum filecut_fault_kind k = filecut_rec_turn(FILECUT_TURN_STATE_READ);

	if (k == FILECUT_FAULT_FAILS)
		return KB_EIO;
	TRY(real->read(b, off, buf, len));
	filecut_rec_damage(k, buf, len, true);
	return KB_OK;
}

/* As much of it as goes in one piece: *len. */
static enum kb_err write_piece(struct bdev *b, uint64_t off, const void *buf, size_t *len)
{
	struct filecut_rec_op *op = filecut_rec_op(FILECUT_REC_CELL, "");
	enum filecut_fault_kind k;
	enum kb_err err;

	if (op == NULL)
		return err_errno(errno);
	k = filecut_rec_turn(FILECUT_TURN_STATE_WRITE);
	if (k == FILECUT_FAULT_LOST) {
		filecut_rec_done(op, EIO);
		return KB_OK;
	}
	if (k == FILECUT_FAULT_SHORT && *len > SECTOR)
		*len /= 2;
	err = real->write(b, off, filecut_rec_keep(op, k, buf, *len, off), *len);
	return err_errno(filecut_rec_done(op, err == KB_OK ? 0 : errno));
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
	struct filecut_rec_op *op = filecut_rec_op(FILECUT_REC_FLUSH, "");
	bool lost;

	(void)b;
	if (op == NULL)
		return KB_EIO;
	lost = filecut_rec_turn(FILECUT_TURN_STATE_FLUSH) == FILECUT_FAULT_LOST;
	return filecut_rec_done(op, lost ? EIO : 0) == 0 || lost ? KB_OK : KB_EIO;
}

static void stand_in_front(struct bdev_file *f)
{
	static struct bdev_ops ops;

	if (!filecut_rec_is_state(f->fd))
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
	if (filecut_rec_is_state(b->fd) && flags & BDEV_FILE_WRITE && !(flags & BDEV_FILE_DIRECT))
		filecut_rec_odd("the state is opened without O_DSYNC");
	stand_in_front(b);
	return KB_OK;
}

enum kb_err bdev_file_from_fd(struct bdev_file *b, int fd)
{
	TRY(real_bdev_file_from_fd(b, fd));
	stand_in_front(b);
	return KB_OK;
}
