/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/bdev_sim.h"

#include <string.h>

static struct bdev_sim *self(struct bdev *b)
{
	return (struct bdev_sim *)(void *)b;
}

static bool is_dead(const struct bdev_sim *d, uint64_t off, uint64_t len, bool write)
{
	for (unsigned i = 0; i < 2; i++)
		if ((write ? d->dead[i].writes : d->dead[i].reads) && off < d->dead[i].to &&
		    off + len > d->dead[i].from)
			return true;
	return false;
}

/* Counts an operation that changes something. *lands: its effect happens, whatever is returned. */
static enum kb_err begin_op(struct bdev_sim *d, bool *lands)
{
	*lands = false;
	if (d->off)
		return KB_EIO;
	d->ops++;
	if (d->ops == d->cut_at) {
		d->off = true;
		*lands = true;
		return KB_EIO;
	}
	if (d->fail_at != 0 && (d->ops == d->fail_at || (d->fail_stays && d->ops > d->fail_at))) {
		*lands = d->fail_lands;
		return KB_EIO;
	}
	*lands = true;
	return KB_OK;
}

static enum kb_err sim_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	struct bdev_sim *d = self(b);

	if (d->off || is_dead(d, off, len, false))
		return KB_EIO;
	d->reads++;
	return bdev_read(&d->disk.bdev, off, buf, len);
}

static enum kb_err sim_write(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	struct bdev_sim *d = self(b);
	bool lands;
	enum kb_err err = begin_op(d, &lands);

	if (is_dead(d, off, len, true))
		return KB_EIO;
	d->writes++;
	d->disk.flip_at = d->ops == d->flip_at ? d->disk.done + 1 : 0;
	if (lands)
		TRY(cut_disk_write(&d->disk, off, buf, len));
	return err;
}

static enum kb_err sim_flush(struct bdev *b)
{
	struct bdev_sim *d = self(b);
	bool lands;
	enum kb_err err = begin_op(d, &lands);

	d->flushes++;
	if (err == KB_OK && !d->ignore_flush)
		TRY(cut_disk_flush(&d->disk));
	return err;
}

static enum kb_err sim_discard(struct bdev *b, uint64_t off, uint64_t len)
{
	struct bdev_sim *d = self(b);
	bool lands;
	enum kb_err err = begin_op(d, &lands);

	if (lands)
		TRY(cut_disk_discard(&d->disk, off, len));
	return err;
}

static const struct bdev_ops sim_ops = {
	.read = sim_read,
	.write = sim_write,
	.flush = sim_flush,
	.discard = sim_discard,
};

void bdev_sim_init(struct bdev_sim *d, uint64_t size)
{
	memset(d, 0, sizeof(*d));
	d->bdev = (struct bdev){ .ops = &sim_ops, .size = size, .sector = CUT_SECTOR };
	cut_power_init(&d->power);
	cut_disk_init(&d->disk, &d->power, size);
	d->disk.discarded = CUT_DISCARD_GARBAGE;
}

void bdev_sim_free(struct bdev_sim *d)
{
	cut_disk_free(&d->disk);
	memset(d, 0, sizeof(*d));
}

/* What is durable becomes that, and nothing is to happen any more. */
static void start(struct bdev_sim *d, const struct cut_content *from)
{
	cut_disk_start(&d->disk, from);
	d->ops = d->reads = d->writes = d->flushes = 0;
	d->cut_at = d->fail_at = d->flip_at = 0;
	d->off = d->fail_lands = d->fail_stays = d->ignore_flush = false;
	memset(d->dead, 0, sizeof(d->dead));
}

void bdev_sim_copy(struct bdev_sim *dst, const struct bdev_sim *src)
{
	start(dst, &src->disk.durable);
}

void bdev_sim_cut(struct bdev_sim *d, uint64_t seed)
{
	struct cut_disk *const disks[] = { &d->disk };
	struct cut_content left;
	struct cut_image im;

	cut_content_init(&left, BDEV_ALIGN, 0);
	cut_image_take(&im, disks, 1);
	cut_image_choose(&im,
			 seed == 0   ? CUT_IMAGE_NONE
			 : seed == 1 ? CUT_IMAGE_ALL
				     : CUT_IMAGE_RANDOM,
			 seed);
	im.garbage = CUT_GARBAGE_NONE;
	if (seed > 1 && seed % 4 == 0 && im.n > 0) {
		im.garbage_at = (unsigned)(seed / 4 % im.n);
		im.garbage = im.place[im.garbage_at].trim ? CUT_GARBAGE_NONE : CUT_GARBAGE_DATA;
	}
	cut_image_put(&im, 0, &left);
	cut_image_free(&im);
	start(d, &left);
	cut_content_free(&left);
}

void bdev_sim_scribble(struct bdev_sim *d, uint64_t off, uint64_t len, uint64_t seed)
{
	uint8_t data[CUT_SECTOR];

	for (uint64_t at = off; at < off + len; at += CUT_SECTOR) {
		for (unsigned i = 0; i < CUT_SECTOR; i++)
			data[i] = (uint8_t)cut_image_random(&seed);
		cut_content_put(&d->disk.durable, at / CUT_SECTOR, data);
	}
}
