/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/ioerr.h"

#define PAGE	    BDEV_ALIGN
#define USED	    1	 /* a page that was ever written; all others are zero */
#define DIRTY	    2	 /* one that is not flushed */
#define WRONG_BYTE  100	 /* of each page that comes or goes wrong */
#define ERASED	    0xff /* flash that holds nothing */
#define GARBAGE	    0xdb
#define GARBAGE_GAP (64u << 10) /* a page of garbage in each such piece of what was discarded */

/* ---------------------------------------------------------------- pages */

/* Copies those that are so. Others are not touched: they would become real. */
static void copy_pages(const struct ioerr_disk *d, uint8_t *to, const uint8_t *from, uint64_t off,
		       uint64_t len, uint8_t which)
{
	for (uint64_t at = off; at < off + len; at += PAGE)
		if (d->page[at / PAGE] & which)
			memcpy(to + at, from + at, PAGE);
}

static void sync_pages(struct ioerr_disk *d, uint8_t *to, const uint8_t *from, uint64_t off,
		       uint64_t len)
{
	copy_pages(d, to, from, off, len, DIRTY);
	for (uint64_t i = off / PAGE; i < (off + len) / PAGE; i++)
		d->page[i] &= USED;
}

static void drop_cache(struct ioerr_disk *d, uint64_t off, uint64_t len)
{
	copy_pages(d, d->cache, d->now, off, len, USED);
}

/* data NULL: zeroes. */
static void fill(uint8_t *to, const uint8_t *data, uint64_t len)
{
	if (data != NULL)
		memcpy(to, data, len);
	else
		memset(to, 0, len);
}

static void store(struct ioerr_disk *d, uint64_t off, const uint8_t *data, uint64_t len)
{
	fill(d->now + off, data, len);
	memset(d->page + off / PAGE, USED | DIRTY, len / PAGE);
	drop_cache(d, off, len);
}

/* What the medium loses. */
static void store_in_cache(struct ioerr_disk *d, uint64_t off, const uint8_t *data, uint64_t len)
{
	fill(d->cache + off, data, len);
	for (uint64_t at = off; at < off + len; at += PAGE)
		d->page[at / PAGE] |= USED;
}

/* The first half of the pages; of one page, half of it. */
static void store_half(struct ioerr_disk *d, uint64_t off, const uint8_t *data, uint64_t len)
{
	uint8_t page[PAGE];

	if (len > PAGE || data == NULL) {
		store(d, off, data, len / 2 / PAGE * PAGE);
		return;
	}
	memcpy(page, data, PAGE / 2);
	memcpy(page + PAGE / 2, d->now + off + PAGE / 2, PAGE / 2);
	store(d, off, page, PAGE);
}

static void load(const struct ioerr_disk_end *e, uint64_t off, uint8_t *buf, uint64_t len)
{
	memset(buf, 0, len);
	for (uint64_t at = 0; at < len; at += PAGE)
		if (e->disk->page[(off + at) / PAGE] & USED)
			memcpy(buf + at, e->from + off + at, PAGE);
}

static void spoil(uint8_t *data, uint64_t len)
{
	for (uint64_t at = 0; at < len; at += PAGE)
		data[at + WRONG_BYTE] ^= 0x10;
}

/* ---------------------------------------------------------------- operations */

static struct ioerr_disk_end *self(struct bdev *b)
{
	return (struct ioerr_disk_end *)(void *)b;
}

/* Once all that happens has happened. */
static enum kb_err answer(enum ioerr_fault_kind k)
{
	static const bool fails[IOERR_FAULT_KINDS] = {
		[IOERR_FAULT_FAILS] = true, [IOERR_FAULT_LANDS] = true, [IOERR_FAULT_SHORT] = true,
		[IOERR_FAULT_EVER] = true,  [IOERR_FAULT_DROPS] = true,
	};

	if (k == IOERR_FAULT_DIES_LATE)
		ioerr_fault_die();
	return fails[k] ? KB_EIO : KB_OK;
}

static bool is_refused(enum ioerr_fault_kind k)
{
	return k == IOERR_FAULT_FAILS || k == IOERR_FAULT_EVER;
}

static enum kb_err disk_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	struct ioerr_disk_end *e = self(b);
	enum ioerr_fault_kind k = IOERR_FAULT_NONE;

	if (e != &e->disk->durably)
		k = ioerr_fault_turn(e->target, IOERR_FAULT_READ);
	if (!is_refused(k))
		load(e, off, buf, k == IOERR_FAULT_SHORT ? len / 2 / PAGE * PAGE : len);
	if (k == IOERR_FAULT_WRONG)
		spoil(buf, len);
	if (k == IOERR_FAULT_ZEROES || k == IOERR_FAULT_ONES)
		memset(buf, k == IOERR_FAULT_ZEROES ? 0 : ERASED, len);
	return answer(k);
}

/* data NULL: zeroes. */
static enum kb_err put(struct bdev *b, uint64_t off, const uint8_t *data, uint64_t len)
{
	struct ioerr_disk_end *e = self(b);
	enum ioerr_fault_kind k = ioerr_fault_turn(e->target, IOERR_FAULT_WRITE);

	ioerr_fault_written(e->target, data != NULL ? "write" : "zero", off, len);
	if (k == IOERR_FAULT_LOST)
		store_in_cache(e->disk, off, data, len);
	else if (k == IOERR_FAULT_SHORT)
		store_half(e->disk, off, data, len);
	else if (!is_refused(k))
		store(e->disk, off, data, len);
	if (k == IOERR_FAULT_WRONG) {
		spoil(e->disk->now + off, len);
		drop_cache(e->disk, off, len);
	}
	return answer(k);
}

static enum kb_err disk_write(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	return put(b, off, buf, len);
}

static enum kb_err disk_zero(struct bdev *b, uint64_t off, uint64_t len)
{
	return put(b, off, NULL, len);
}

static enum kb_err disk_flush_range(struct bdev *b, uint64_t off, uint64_t len)
{
	struct ioerr_disk *d = self(b)->disk;
	enum ioerr_fault_kind k = ioerr_fault_turn(self(b)->target, IOERR_FAULT_FLUSH);

	if (k == IOERR_FAULT_DROPS) {
		sync_pages(d, d->now, d->durable, off, len);
		drop_cache(d, off, len);
	} else if (!is_refused(k) && k != IOERR_FAULT_LOST) {
		sync_pages(d, d->durable, d->now, off, len);
	}
	return answer(k);
}

static enum kb_err disk_flush(struct bdev *b)
{
	return disk_flush_range(b, 0, b->size);
}

/* What was discarded reads as anything. */
static enum kb_err disk_discard(struct bdev *b, uint64_t off, uint64_t len)
{
	struct ioerr_disk_end *e = self(b);
	enum ioerr_fault_kind k = ioerr_fault_turn(e->target, IOERR_FAULT_DISCARD);
	uint8_t page[PAGE];

	ioerr_fault_written(e->target, "discard", off, len);
	memset(page, GARBAGE, sizeof(page));
	for (uint64_t at = 0; at < len && !is_refused(k) && k != IOERR_FAULT_LOST;
	     at += GARBAGE_GAP)
		store(e->disk, off + at, page, PAGE);
	return answer(k);
}

static enum kb_err disk_drop_cache(struct bdev *b, uint64_t off, uint64_t len)
{
	struct ioerr_disk *d = self(b)->disk;

	if (b == &d->cached.bdev)
		drop_cache(d, off, len);
	return KB_OK;
}

/* ---------------------------------------------------------------- from outside */

static struct ioerr_disk_end make_end(struct ioerr_disk *d, const uint8_t *from,
				      enum ioerr_fault_target t)
{
	static const struct bdev_ops ops = {
		.read = disk_read,
		.write = disk_write,
		.zero = disk_zero,
		.flush = disk_flush,
		.flush_range = disk_flush_range,
		.discard = disk_discard,
		.drop_cache = disk_drop_cache,
	};

	return (struct ioerr_disk_end){
		{ .ops = &ops, .size = d->size, .sector = 512 }, d, from, t
	};
}

void ioerr_disk_init(struct ioerr_disk *d, uint64_t size, enum ioerr_fault_target cached,
		     enum ioerr_fault_target direct)
{
	*d = (struct ioerr_disk){ .size = size, .fd = memfd_create("disk", 0) };
	if (d->fd < 0 || ftruncate(d->fd, (off_t)size) < 0)
		abort();
	d->now = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, d->fd, 0);
	if (d->now == MAP_FAILED)
		abort();
	d->cache = report_share(size);
	d->durable = report_share(size);
	d->page = report_share(size / PAGE);
	d->cached = make_end(d, d->cache, cached);
	d->direct = make_end(d, d->now, direct);
	d->durably = make_end(d, d->durable, cached);
}

void ioerr_disk_free(struct ioerr_disk *d)
{
	close(d->fd);
	munmap(d->now, (size_t)d->size);
	munmap(d->cache, (size_t)d->size);
	munmap(d->durable, (size_t)d->size);
	munmap(d->page, (size_t)(d->size / PAGE));
}

void ioerr_disk_put(struct ioerr_disk *d, uint64_t off, const void *data, size_t len)
{
	store(d, off, data, len);
	sync_pages(d, d->durable, d->now, 0, d->size);
}

void ioerr_disk_restart(struct ioerr_disk *d, bool keep)
{
	if (keep)
		sync_pages(d, d->durable, d->now, 0, d->size);
	else
		sync_pages(d, d->now, d->durable, 0, d->size);
	drop_cache(d, 0, d->size);
}
