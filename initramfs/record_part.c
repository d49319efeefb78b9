/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/record_part.h"

#include "lib/log.h"
#include "lib/os.h"

#include <inttypes.h>

static struct record_part *part_of(struct bdev *b)
{
	return (struct record_part *)b; /* bdev is its first member */
}

static void after_call(struct record_part *p, uint64_t begun_ms)
{
	uint64_t took = os_now_ms() - begun_ms;

	if (took < RECORD_PART_SLOW_MS)
		return;
	if (!p->said)
		log_warn("state: %s is slow: one call took %" PRIu64
			 " s; it may be about to fail: replace it",
			 p->dev, took / 1000);
	p->said = true;
	if (p->idle != NULL)
		p->idle(p->ctx);
}

static enum kb_err watched_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	struct record_part *p = part_of(b);
	uint64_t begun = os_now_ms();
	enum kb_err err = bdev_read(&p->file.bdev, off, buf, len);

	after_call(p, begun);
	return err;
}

static enum kb_err watched_write(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	struct record_part *p = part_of(b);
	uint64_t begun = os_now_ms();
	enum kb_err err = bdev_write(&p->file.bdev, off, buf, len);

	after_call(p, begun);
	return err;
}

static enum kb_err watched_flush(struct bdev *b)
{
	struct record_part *p = part_of(b);
	uint64_t begun = os_now_ms();
	enum kb_err err = bdev_flush(&p->file.bdev);

	after_call(p, begun);
	return err;
}

static enum kb_err pass_drop_cache(struct bdev *b, uint64_t off, uint64_t len)
{
	return bdev_drop_cache(&part_of(b)->file.bdev, off, len);
}

static const struct bdev_ops watched = {
	.read = watched_read,
	.write = watched_write,
	.flush = watched_flush,
	.drop_cache = pass_drop_cache,
};

enum kb_err record_part_open(struct record_part *p, const char *dev, unsigned flags)
{
	TRY(bdev_file_open(&p->file, dev, flags));
	p->dev = dev;
	p->said = false;
	p->bdev = p->file.bdev;
	p->bdev.ops = &watched;
	return KB_OK;
}

void record_part_close(struct record_part *p)
{
	bdev_file_close(&p->file);
}
