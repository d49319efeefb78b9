/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bdev.h"

bool bdev_id_is_one(const struct bdev_id *id, const struct bdev_id *other)
{
	return id->kind != BDEV_ID_NONE && id->kind == other->kind && id->dev == other->dev &&
	       id->ino == other->ino;
}

static enum kb_err check_range_in(uint64_t size, uint64_t off, uint64_t len)
{
	uint64_t end;

	if (__builtin_add_overflow(off, len, &end) || end > size)
		return KB_EINVAL;
	if (off % BDEV_ALIGN != 0 || len % BDEV_ALIGN != 0)
		return KB_EINVAL;
	return KB_OK;
}

static enum kb_err check_range(const struct bdev *b, uint64_t off, uint64_t len)
{
	return check_range_in(b->size, off, len);
}

enum kb_err bdev_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	TRY(check_range_in(b->tail > 0 ? b->size + BDEV_ALIGN : b->size, off, len));
	return b->ops->read(b, off, buf, len);
}

enum kb_err bdev_write(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	TRY(check_range(b, off, len));
	return b->ops->write(b, off, buf, len);
}

enum kb_err bdev_flush(struct bdev *b)
{
	return b->ops->flush(b);
}

enum kb_err bdev_flush_range(struct bdev *b, uint64_t off, uint64_t len)
{
	TRY(check_range(b, off, len));
	return b->ops->flush_range == NULL ? b->ops->flush(b) : b->ops->flush_range(b, off, len);
}

enum kb_err bdev_discard(struct bdev *b, uint64_t off, uint64_t len)
{
	TRY(check_range(b, off, len));
	return b->ops->discard == NULL ? KB_OK : b->ops->discard(b, off, len);
}

enum kb_err bdev_zero(struct bdev *b, uint64_t off, uint64_t len)
{
	/* Not const: that would take its size of each program. */
	static uint8_t zeroes[16 * BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));

	TRY(check_range(b, off, len));
	if (b->ops->zero != NULL)
		return b->ops->zero(b, off, len);
	while (len > 0) {
		size_t n = len < sizeof(zeroes) ? (size_t)len : sizeof(zeroes);

		TRY(b->ops->write(b, off, zeroes, n));
		off += n;
		len -= n;
	}
	return KB_OK;
}

enum kb_err bdev_drop_cache(struct bdev *b, uint64_t off, uint64_t len)
{
	TRY(check_range(b, off, len));
	return b->ops->drop_cache == NULL ? KB_OK : b->ops->drop_cache(b, off, len);
}

bool bdev_is_zero(struct bdev *b, uint64_t off, uint64_t len)
{
	return b->ops->is_zero != NULL && check_range(b, off, len) == KB_OK &&
	       b->ops->is_zero(b, off, len);
}

void bdev_prefetch(struct bdev *b, uint64_t off, uint64_t len)
{
	if (b->ops->prefetch == NULL || off >= b->size)
		return;
	b->ops->prefetch(b, off, len < b->size - off ? len : b->size - off);
}

void bdev_write_out(struct bdev *b, uint64_t off, uint64_t len)
{
	if (b->ops->write_out != NULL && check_range(b, off, len) == KB_OK)
		b->ops->write_out(b, off, len);
}
