/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device that fails where a test says so, behind a page cache: reads see what was written to it
 * until the cache is dropped, and only then what the medium holds; and only what was flushed can be
 * dropped. It wraps any other device.
 */
#pragma once

#include "lib/bdev.h"

#include <string.h>

#define FAULTY_PAGES 1024u /* that the cache has room for */
#define FAULTY_OPS   256u

/* From the n-th operation of a kind on (from 1), so many of them. */
struct faulty_when {
	unsigned n, many;
};

struct faulty {
	struct bdev bdev; /* first: a struct bdev * is one of these */
	struct bdev *below;
	/* what is to happen */
	struct faulty_when fail_read, fail_write, fail_flush, fail_drop;
	enum kb_err write_err;	       /* what a write says then; KB_OK: KB_EIO */
	enum kb_err read_err;	       /* the same of a read */
	struct faulty_when flip_read;  /* comes back with one bit changed, into the cache too */
	struct faulty_when blank_read; /* comes back as zeroes, into the cache too */
	size_t blank_skip;	       /* but for so many bytes, that are right */
	struct faulty_when lose_write; /* says KB_OK, and only the cache has it */
	struct faulty_when flip_write; /* says KB_OK, and its first sector lands with another bit */
	/* what happened */
	unsigned reads, writes, flushes, drops;
	char op[FAULTY_OPS + 1]; /* in order: 'w', 'f' */
	unsigned nops;
	/* the cache */
	bool cached;
	struct {
		uint64_t off;
		bool dirty;
		uint8_t data[BDEV_ALIGN];
	} page[FAULTY_PAGES];
	unsigned npages;
};

static inline bool faulty_now(struct faulty_when when, unsigned n)
{
	return when.n != 0 && n >= when.n && n - when.n < when.many;
}

static inline void faulty_note(struct faulty *f, char op)
{
	if (f->nops < FAULTY_OPS)
		f->op[f->nops++] = op;
}

static inline void faulty_forget(struct faulty *f, uint64_t off, uint64_t len, bool dirty_too)
{
	for (unsigned i = 0; i < f->npages; i++)
		if (f->page[i].off >= off && f->page[i].off < off + len &&
		    (dirty_too || !f->page[i].dirty))
			f->page[i--] = f->page[--f->npages];
}

/* The page at `at` of what was read from, or written to, off. */
static inline void faulty_keep(struct faulty *f, uint64_t off, const uint8_t *p, size_t at,
			       bool dirty)
{
	if (!f->cached || f->npages == FAULTY_PAGES)
		return;
	f->page[f->npages].off = off + at;
	f->page[f->npages].dirty = dirty;
	memcpy(f->page[f->npages++].data, p + at, BDEV_ALIGN);
}

static inline enum kb_err faulty_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	struct faulty *f = (struct faulty *)b;
	uint8_t *p = buf;

	if (faulty_now(f->fail_read, ++f->reads))
		return f->read_err != KB_OK ? f->read_err : KB_EIO;
	TRY(bdev_read(f->below, off, buf, len));
	for (unsigned i = 0; i < f->npages; i++)
		if (f->page[i].off >= off && f->page[i].off < off + len)
			memcpy(p + (f->page[i].off - off), f->page[i].data, BDEV_ALIGN);
	if (faulty_now(f->blank_read, f->reads)) {
		size_t skip = f->blank_skip < len ? f->blank_skip : 0;

		memset(p + skip, 0, len - skip);
		faulty_forget(f, off + skip, len - skip, true);
		for (size_t at = skip; at < len; at += BDEV_ALIGN)
			faulty_keep(f, off, p, at, false);
	}
	if (faulty_now(f->flip_read, f->reads)) {
		p[len / 2] ^= 1;
		faulty_forget(f, off + len / 2 / BDEV_ALIGN * BDEV_ALIGN, BDEV_ALIGN, true);
		faulty_keep(f, off, p, len / 2 / BDEV_ALIGN * BDEV_ALIGN, false);
	}
	return KB_OK;
}

static inline enum kb_err faulty_flip(struct faulty *f, uint64_t off, const uint8_t *p)
{
	static uint8_t page[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));

	memcpy(page, p, sizeof(page));
	page[100] ^= 0x10;
	return bdev_write(f->below, off, page, sizeof(page));
}

static inline enum kb_err faulty_write(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	struct faulty *f = (struct faulty *)b;
	const uint8_t *p = buf;

	faulty_note(f, 'w');
	if (faulty_now(f->fail_write, ++f->writes))
		return f->write_err != KB_OK ? f->write_err : KB_EIO;
	faulty_forget(f, off, len, true);
	for (size_t at = 0; at < len; at += BDEV_ALIGN)
		faulty_keep(f, off, p, at, true);
	if (faulty_now(f->lose_write, f->writes))
		return KB_OK;
	TRY(bdev_write(f->below, off, buf, len));
	return faulty_now(f->flip_write, f->writes) ? faulty_flip(f, off, p) : KB_OK;
}

static inline enum kb_err faulty_flush_range(struct bdev *b, uint64_t off, uint64_t len)
{
	struct faulty *f = (struct faulty *)b;

	faulty_note(f, 'f');
	if (faulty_now(f->fail_flush, ++f->flushes))
		return KB_EIO;
	for (unsigned i = 0; i < f->npages; i++)
		if (f->page[i].off >= off && f->page[i].off - off < len)
			f->page[i].dirty = false;
	return bdev_flush_range(f->below, off, len);
}

static inline enum kb_err faulty_flush(struct bdev *b)
{
	return faulty_flush_range(b, 0, b->size);
}

static inline enum kb_err faulty_drop(struct bdev *b, uint64_t off, uint64_t len)
{
	struct faulty *f = (struct faulty *)b;

	if (faulty_now(f->fail_drop, ++f->drops))
		return KB_EIO;
	faulty_forget(f, off, len, false);
	return KB_OK;
}

static inline void faulty_init(struct faulty *f, struct bdev *below)
{
	static const struct bdev_ops ops = {
		.read = faulty_read,
		.write = faulty_write,
		.flush = faulty_flush,
		.flush_range = faulty_flush_range,
		.drop_cache = faulty_drop,
	};

	memset(f, 0, sizeof(*f));
	f->bdev = *below;
	f->bdev.ops = &ops;
	f->below = below;
	f->cached = true;
}
