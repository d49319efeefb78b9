/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/ioerr_files.h"

#include "tests/sim/host_files.h"
#include "tests/sim/ioerr_content.h"
#include "tests/sim/ioerr_world.h"

#include <errno.h>
#include <string.h>

/* ---------------------------------------------------------------- files on media */

static enum ioerr_fault_kind kind; /* what goes wrong with the read that runs */

static int before(struct host_files_call *c)
{
	int errnum;

	if (ioerr_world_process == IOERR_FAULT_INIT || ioerr_world_process == IOERR_FAULT_TARGETS)
		return 0;
	errnum = ioerr_fault_call(ioerr_world_process, host_files_name(c->op));
	if (errnum != 0 || c->op != HOST_FILES_READ)
		return errnum;
	kind = ioerr_fault_turn(ioerr_world_medium(), IOERR_FAULT_READ);
	return kind == IOERR_FAULT_FAILS || kind == IOERR_FAULT_EVER ? EIO : 0;
}

static int after(struct host_files_call *c, int errnum)
{
	uint8_t *p = c->into;

	if (c->op != HOST_FILES_READ)
		return errnum;
	if (kind == IOERR_FAULT_SHORT) /* which the seam has only where a file ends */
		c->got /= 2;
	if (kind == IOERR_FAULT_WRONG && c->got > 0)
		p[c->got / 2] ^= 0x10;
	if (kind == IOERR_FAULT_ZEROES)
		memset(p, 0, c->got);
	if (kind == IOERR_FAULT_DIES_LATE)
		ioerr_fault_die();
	kind = IOERR_FAULT_NONE;
	return errnum;
}

void ioerr_files_begin(void)
{
	static const struct host_files files = { ioerr_world_path, before, after };

	host_files_use(&files);
}

/* ---------------------------------------------------------------- the raw stage partition */

static enum kb_err raw_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	(void)b;
	(void)off;
	if (len != BDEV_ALIGN)
		return KB_EINVAL;
	ioerr_content_raw_first(buf, false);
	return KB_OK;
}

/* Nothing but its first block is written. */
static enum kb_err raw_write(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	enum ioerr_fault_kind k = ioerr_fault_turn(IOERR_FAULT_RAW, IOERR_FAULT_WRITE);
	uint8_t block[BDEV_ALIGN];

	(void)b;
	if (off != 0 || len != BDEV_ALIGN)
		return KB_EINVAL;
	if (k == IOERR_FAULT_FAILS || k == IOERR_FAULT_EVER)
		return KB_EIO;
	if (k == IOERR_FAULT_LOST)
		return KB_OK;
	ioerr_content_raw_first(block, false);
	memcpy(block, buf, k == IOERR_FAULT_SHORT ? len / 2 : len);
	if (k == IOERR_FAULT_WRONG)
		block[len / 2] ^= 0x10;
	ioerr_content_raw_first(block, true);
	if (k == IOERR_FAULT_DIES_LATE)
		ioerr_fault_die();
	return k == IOERR_FAULT_LANDS || k == IOERR_FAULT_SHORT ? KB_EIO : KB_OK;
}

static enum kb_err raw_flush(struct bdev *b)
{
	enum ioerr_fault_kind k = ioerr_fault_turn(IOERR_FAULT_RAW, IOERR_FAULT_FLUSH);

	(void)b;
	if (k == IOERR_FAULT_DROPS)
		ioerr_world_media_cut();
	if (k == IOERR_FAULT_FAILS || k == IOERR_FAULT_EVER || k == IOERR_FAULT_DROPS)
		return KB_EIO;
	if (k != IOERR_FAULT_LOST)
		ioerr_world_media_flush();
	if (k == IOERR_FAULT_DIES_LATE)
		ioerr_fault_die();
	return k == IOERR_FAULT_LANDS ? KB_EIO : KB_OK;
}

struct bdev *ioerr_files_raw(void)
{
	static const struct bdev_ops ops = { .read = raw_read,
					     .write = raw_write,
					     .flush = raw_flush };
	static struct bdev raw = { .ops = &ops, .size = 8u << 20, .sector = 512 };

	return &raw;
}
