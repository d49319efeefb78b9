/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz_bdev.h"

#include <string.h>

#define SIZE (16u << 20)

static uint8_t *find(struct fuzz_bdev *d, uint64_t off)
{
	for (unsigned i = 0; i < d->ncells; i++)
		if (d->off[i] == off)
			return d->cell[i];
	return NULL;
}

uint8_t *fuzz_bdev_cell(struct fuzz_bdev *d, uint64_t off)
{
	uint8_t *cell = find(d, off);

	if (cell != NULL || d->ncells == FUZZ_BDEV_CELLS)
		return cell;
	d->off[d->ncells] = off;
	cell = d->cell[d->ncells++];
	memset(cell, d->blank, BDEV_ALIGN);
	return cell;
}

static bool is_bad(struct fuzz_bdev *d)
{
	if (d->bad_read != 1) {
		d->bad_read -= d->bad_read > 1;
		return false;
	}
	d->bad_read = d->bad == FUZZ_BDEV_GONE;
	return true;
}

static enum kb_err mem_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	struct fuzz_bdev *d = (struct fuzz_bdev *)b;
	bool bad = is_bad(d);

	if (off < d->dead_to && off + len > d->dead_from)
		return KB_EIO;
	if (bad && (d->bad == FUZZ_BDEV_FAIL || d->bad == FUZZ_BDEV_GONE))
		return KB_EIO;
	memset(buf, d->blank, len);
	for (unsigned i = 0; i < d->ncells; i++)
		if (d->off[i] >= off && d->off[i] < off + len)
			memcpy((uint8_t *)buf + (d->off[i] - off), d->cell[i], BDEV_ALIGN);
	if (bad && d->bad == FUZZ_BDEV_FLIP)
		((uint8_t *)buf)[d->bad_at % len] ^= 1;
	if (bad && d->bad == FUZZ_BDEV_EMPTY)
		memset(buf, 0, len);
	return KB_OK;
}

static enum kb_err mem_write(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	struct fuzz_bdev *d = (struct fuzz_bdev *)b;

	d->writes++;
	if (off < d->stuck_to && off + len > d->stuck_from)
		return KB_EIO;
	for (size_t at = 0; at < len; at += BDEV_ALIGN) {
		uint8_t *cell = fuzz_bdev_cell(d, off + at);

		if (cell == NULL)
			return KB_EIO;
		memcpy(cell, (const uint8_t *)buf + at, BDEV_ALIGN);
	}
	return KB_OK;
}

static enum kb_err mem_flush(struct bdev *b)
{
	(void)b;
	return KB_OK;
}

static const struct bdev_ops ops = { .read = mem_read, .write = mem_write, .flush = mem_flush };

void fuzz_bdev_init(struct fuzz_bdev *d, uint8_t blank)
{
	d->bdev = (struct bdev){ .ops = &ops, .size = SIZE, .sector = 4096 };
	d->blank = blank;
	d->ncells = 0;
	d->dead_from = d->dead_to = 0;
	d->stuck_from = d->stuck_to = 0;
	d->writes = d->bad_read = 0;
}
