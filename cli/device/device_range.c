/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device/device_range.h"

static struct device_range *range_of(struct bdev *b)
{
	return (struct device_range *)b;
}

/* bdev.c has checked the range against our size, so that off cannot overflow. */

static enum kb_err range_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	return bdev_read(range_of(b)->below, range_of(b)->off + off, buf, len);
}

static enum kb_err range_write(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	return bdev_write(range_of(b)->below, range_of(b)->off + off, buf, len);
}

static enum kb_err range_flush(struct bdev *b)
{
	return bdev_flush(range_of(b)->below);
}

static enum kb_err range_discard(struct bdev *b, uint64_t off, uint64_t len)
{
	return bdev_discard(range_of(b)->below, range_of(b)->off + off, len);
}

static enum kb_err range_zero(struct bdev *b, uint64_t off, uint64_t len)
{
	return bdev_zero(range_of(b)->below, range_of(b)->off + off, len);
}

static enum kb_err range_drop_cache(struct bdev *b, uint64_t off, uint64_t len)
{
	return bdev_drop_cache(range_of(b)->below, range_of(b)->off + off, len);
}

static const struct bdev_ops range_ops = {
	.read = range_read,
	.write = range_write,
	.flush = range_flush,
	.discard = range_discard,
	.zero = range_zero,
	.drop_cache = range_drop_cache,
};

enum kb_err device_range_init(struct device_range *r, struct bdev *below, uint64_t off,
			      uint64_t size)
{
	uint64_t end;

	if (off % BDEV_ALIGN != 0 || size % BDEV_ALIGN != 0 || size == 0)
		return KB_EINVAL;
	if (__builtin_add_overflow(off, size, &end) || end > below->size)
		return KB_EINVAL;
	*r = (struct device_range){
		.bdev = { .ops = &range_ops, .size = size, .sector = below->sector },
		.below = below,
		.off = off
	};
	return KB_OK;
}
