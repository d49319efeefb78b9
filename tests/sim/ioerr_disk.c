/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/ioerr_disk.h"

#include "tests/sim/report.h"

#include <string.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE	    BDEV_ALIGN
#define WRONG_BYTE  100	 /* of each page that comes or goes wrong */
#define ERASED	    0xff /* flash that holds nothing */
#define GARBAGE	    0xdb
#define GARBAGE_GAP (64u << 10) /* a page of garbage in each such piece of what was discarded */

static struct ioerr_disk_end *self(struct bdev *b)
{
	return (struct ioerr_disk_end *)(void *)b;
}

static void store(struct ioerr_disk *d, uint64_t off, const uint8_t *data, uint64_t len)
{
	if (data != NULL)
		memmove(d->now + off, data, len);
	else
		memset(d->now + off, 0, len);
	memset(d->dirty + off / PAGE, 1, len / PAGE);
	memset(d->used + off / PAGE, 1, len / PAGE);
}

/* Pages that were never written are not touched: they would become real. */
static void load(const struct ioerr_disk *d, const uint8_t *from, uint64_t off, uint8_t *buf,
		 uint64_t len)
{
	for (uint64_t at = 0; at < len; at += PAGE) {
		if (d->used[(off + at) / PAGE])
			memcpy(buf + at, from + off + at, PAGE);
		else
			memset(buf + at, 0, PAGE);
	}
}

static void sync_pages(struct ioerr_disk *d, uint8_t *to, const uint8_t *from)
{
	for (uint64_t i = 0; i < d->size / PAGE; i++) {
		if (d->dirty[i])
			memcpy(to + i * PAGE, from + i * PAGE, PAGE);
		d->dirty[i] = 0;
	}
}

/* ---------------------------------------------------------------- the page cache */

static void forget(struct ioerr_disk *d, uint64_t off, uint64_t len)
{
	memset(d->is_lost + off / PAGE, 0, len / PAGE);
}

static void remember(struct ioerr_disk *d, uint64_t off, const uint8_t *data, uint64_t len)
{
	memset(d->is_lost + off / PAGE, 1, len / PAGE);
	if (data != NULL)
		memcpy(d->lost + off, data, len);
	else
		memset(d->lost + off, 0, len);
}

static void overlay(const struct ioerr_disk *d, uint64_t off, uint8_t *buf, uint64_t len)
{
	for (uint64_t at = 0; at < len; at += PAGE) {
		if (d->is_lost[(off + at) / PAGE])
			memcpy(buf + at, d->lost + off + at, PAGE);
	}
}

/* ---------------------------------------------------------------- operations */

static enum kb_err disk_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	struct ioerr_disk_end *e = self(b);
	enum ioerr_fault_kind k = ioerr_fault_turn(e->target, IOERR_FAULT_READ);

	if (k == IOERR_FAULT_SHORT)
		load(e->disk, e->disk->now, off, buf, len / 2 / PAGE * PAGE);
	if (k == IOERR_FAULT_SHORT || k == IOERR_FAULT_FAILS || k == IOERR_FAULT_EVER)
		return KB_EIO;
	load(e->disk, e->disk->now, off, buf, len);
	if (e->cached)
		overlay(e->disk, off, buf, len);
	for (size_t at = 0; at < len && k == IOERR_FAULT_WRONG; at += PAGE)
		((uint8_t *)buf)[at + WRONG_BYTE] ^= 0x10;
	if (k == IOERR_FAULT_ZEROES || k == IOERR_FAULT_ONES)
		memset(buf, k == IOERR_FAULT_ZEROES ? 0 : ERASED, len);
	if (k == IOERR_FAULT_DIES_LATE)
		ioerr_fault_die();
	return KB_OK;
}

/* data NULL: zeroes. */
static enum kb_err put(struct bdev *b, uint64_t off, const uint8_t *data, uint64_t len)
{
	struct ioerr_disk_end *e = self(b);
	struct ioerr_disk *d = e->disk;
	enum ioerr_fault_kind k = ioerr_fault_turn(e->target, IOERR_FAULT_WRITE);

	ioerr_fault_written(e->target, data != NULL ? "write" : "zero", off, len);
	if (k == IOERR_FAULT_FAILS || k == IOERR_FAULT_EVER)
		return KB_EIO;
	if (k == IOERR_FAULT_LOST) {
		remember(d, off, data, len);
		return KB_OK;
	}
	if (k == IOERR_FAULT_SHORT) {
		store(d, off, data, len / 2 / PAGE * PAGE);
		if (len == PAGE && data != NULL) {
			store(d, off, d->now + off, PAGE);
			memcpy(d->now + off, data, PAGE / 2);
		}
		return KB_EIO;
	}
	forget(d, off, len);
	store(d, off, data, len);
	for (uint64_t at = 0; at < len && k == IOERR_FAULT_WRONG; at += PAGE)
		d->now[off + at + WRONG_BYTE] ^= 0x10;
	if (k == IOERR_FAULT_DIES_LATE)
		ioerr_fault_die();
	return k == IOERR_FAULT_LANDS ? KB_EIO : KB_OK;
}

static enum kb_err disk_write(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	return put(b, off, buf, len);
}

static enum kb_err disk_zero(struct bdev *b, uint64_t off, uint64_t len)
{
	return put(b, off, NULL, len);
}

static enum kb_err disk_flush(struct bdev *b)
{
	struct ioerr_disk_end *e = self(b);
	enum ioerr_fault_kind k = ioerr_fault_turn(e->target, IOERR_FAULT_FLUSH);

	if (k == IOERR_FAULT_DROPS)
		sync_pages(e->disk, e->disk->now, e->disk->durable);
	if (k == IOERR_FAULT_DROPS || k == IOERR_FAULT_FAILS || k == IOERR_FAULT_EVER)
		return KB_EIO;
	if (k == IOERR_FAULT_LOST)
		return KB_OK;
	sync_pages(e->disk, e->disk->durable, e->disk->now);
	if (k == IOERR_FAULT_DIES_LATE)
		ioerr_fault_die();
	return k == IOERR_FAULT_LANDS ? KB_EIO : KB_OK;
}

/* What was discarded reads as anything. */
static enum kb_err disk_discard(struct bdev *b, uint64_t off, uint64_t len)
{
	struct ioerr_disk_end *e = self(b);
	enum ioerr_fault_kind k = ioerr_fault_turn(e->target, IOERR_FAULT_DISCARD);
	uint8_t page[PAGE];

	ioerr_fault_written(e->target, "discard", off, len);
	if (k == IOERR_FAULT_FAILS || k == IOERR_FAULT_EVER)
		return KB_EIO;
	memset(page, GARBAGE, sizeof(page));
	for (uint64_t at = 0; at < len && k != IOERR_FAULT_LOST; at += GARBAGE_GAP)
		store(e->disk, off + at, page, PAGE);
	if (k == IOERR_FAULT_DIES_LATE)
		ioerr_fault_die();
	return k == IOERR_FAULT_LANDS ? KB_EIO : KB_OK;
}

static enum kb_err disk_drop_cache(struct bdev *b, uint64_t off, uint64_t len)
{
	if (self(b)->cached)
		forget(self(b)->disk, off, len);
	return KB_OK;
}

static const struct bdev_ops ops = {
	.read = disk_read,
	.write = disk_write,
	.zero = disk_zero,
	.flush = disk_flush,
	.discard = disk_discard,
	.drop_cache = disk_drop_cache,
};

/* ---------------------------------------------------------------- from outside */

static void make_end(struct ioerr_disk *d, struct ioerr_disk_end *e, enum ioerr_fault_target t,
		     bool cached)
{
	*e = (struct ioerr_disk_end){
		.bdev = { .ops = &ops, .size = d->size, .sector = 512 },
		.disk = d,
		.target = t,
		.cached = cached,
	};
}

void ioerr_disk_init(struct ioerr_disk *d, uint64_t size, enum ioerr_fault_target cached,
		     enum ioerr_fault_target direct)
{
	*d = (struct ioerr_disk){ .size = size };
	d->fd = memfd_create("disk", 0);
	if (d->fd < 0 || ftruncate(d->fd, (off_t)size) < 0)
		abort();
	d->now = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, d->fd, 0);
	if (d->now == MAP_FAILED)
		abort();
	d->durable = report_share(size);
	d->dirty = report_share(size / PAGE);
	d->used = report_share(size / PAGE);
	d->is_lost = report_share(size / PAGE);
	d->lost = report_share(size);
	make_end(d, &d->cached, cached, true);
	make_end(d, &d->direct, direct, false);
}

void ioerr_disk_free(struct ioerr_disk *d)
{
	close(d->fd);
	munmap(d->now, (size_t)d->size);
	munmap(d->durable, (size_t)d->size);
	munmap(d->dirty, (size_t)(d->size / PAGE));
	munmap(d->used, (size_t)(d->size / PAGE));
	munmap(d->is_lost, (size_t)(d->size / PAGE));
	munmap(d->lost, (size_t)d->size);
}

void ioerr_disk_put(struct ioerr_disk *d, uint64_t off, const void *data, size_t len)
{
	memcpy(d->now + off, data, len);
	memcpy(d->durable + off, data, len);
	memset(d->used + off / PAGE, 1, len / PAGE);
}

void ioerr_disk_restart(struct ioerr_disk *d, bool keep)
{
	forget(d, 0, d->size);
	if (keep)
		sync_pages(d, d->durable, d->now);
	else
		sync_pages(d, d->now, d->durable);
}

static enum kb_err look_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	load(self(b)->disk, self(b)->disk->durable, off, buf, len);
	return KB_OK;
}

void ioerr_disk_look(struct ioerr_disk *d, struct ioerr_disk_end *e)
{
	static const struct bdev_ops look = { .read = look_read };

	make_end(d, e, d->cached.target, false);
	e->bdev.ops = &look;
}
