/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/bdev_sim.h"

void bdev_sim_init(struct cut_disk *d, uint64_t size)
{
	cut_disk_init(d, NULL, size);
	d->discarded = CUT_DISCARD_GARBAGE;
}

static void start(struct cut_disk *d, const struct cut_content *from)
{
	cut_disk_start(d, from);
	cut_power_init(&d->own);
}

void bdev_sim_copy(struct cut_disk *dst, const struct cut_disk *src)
{
	start(dst, &src->durable);
}

void bdev_sim_cut(struct cut_disk *d, uint64_t seed)
{
	struct cut_disk *const disks[] = { d };
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

void bdev_sim_scribble(struct cut_disk *d, uint64_t off, uint64_t len, uint64_t seed)
{
	uint8_t data[CUT_SECTOR];

	for (uint64_t at = off; at < off + len; at += CUT_SECTOR) {
		for (unsigned i = 0; i < CUT_SECTOR; i++)
			data[i] = (uint8_t)cut_image_random(&seed);
		cut_content_put(&d->durable, at / CUT_SECTOR, data);
	}
}
