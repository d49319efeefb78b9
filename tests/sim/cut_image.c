/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/cut_image.h"

#include "lib/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Memory that lives as long as the image. */
struct cut_chunk {
	struct cut_chunk *next;
	uint8_t data[];
};

static void *keep(struct cut_image *im, size_t len)
{
	struct cut_chunk *c = cut_content_must(calloc(1, sizeof(*c) + len));

	c->next = im->chunks;
	im->chunks = c;
	return c->data;
}

static struct cut_place *add_place(struct cut_image *im, unsigned disk, uint64_t off, uint64_t len)
{
	im->place = cut_content_room(im->place, im->n, &im->room, sizeof(*im->place));
	im->place[im->n] = (struct cut_place){ .disk = disk, .off = off, .len = len, .n = 1 };
	return &im->place[im->n++];
}

/* ---------------------------------------------------------------- from the disk's versions */

static bool is_value(const uint8_t *value, const uint8_t *data, uint64_t len)
{
	return value != NULL ? memcmp(value, data, len) == 0 : bytes_all(data, len, 0);
}

/* One more value of a place, unless it has it already. `durable` is value 0. A sector that cannot
 * be read now has no value that is the same. */
static void add_value(struct cut_image *im, struct cut_place *p, const uint8_t *durable,
		      const uint8_t *data)
{
	const uint8_t *v = data != NULL ? data : cut_content_zeroes();
	bool bad = cut_content_is_bad(&im->disk[p->disk]->durable, p->off / CUT_SECTOR);

	if (!bad && is_value(durable, v, p->len))
		return;
	for (unsigned i = 1; i < p->n; i++)
		if (is_value(p->value[i], v, p->len))
			return;
	/* A power of two has room no longer. */
	if ((p->n & (p->n - 1)) == 0) {
		const uint8_t **more = keep(im, 2 * p->n * sizeof(*more));

		for (unsigned i = 1; i < p->n; i++)
			more[i] = p->value[i];
		p->value = more;
	}
	p->value[p->n++] = data;
}

static bool is_trimmed(const struct cut_disk *d, uint64_t off)
{
	for (uint32_t i = 0; i < d->ntrims; i++)
		if (off >= d->trim[i].off && off < d->trim[i].off + d->trim[i].len)
			return true;
	return false;
}

static int by_age(const void *a, const void *b)
{
	return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

/* Versions of the sectors of a place, oldest first, as indices; they are linked from the newest on.
 */
static unsigned versions_of(const struct cut_disk *d, uint64_t first, uint32_t **list)
{
	static uint32_t *found;
	static unsigned room;
	unsigned n = 0;

	for (uint64_t sector = first; sector < first + d->unit; sector++) {
		const struct cut_version *v = cut_disk_newest(d, sector);

		for (; v != NULL; v = v->older == 0 ? NULL : &d->version[v->older - 1]) {
			found = cut_content_room(found, n, &room, sizeof(*found));
			found[n++] = (uint32_t)(v - d->version);
		}
	}
	if (n > 1)
		qsort(found, n, sizeof(*found), by_age);
	*list = found;
	return n;
}

/* A sector; with physical sectors of 4 KiB one of those, and each operation makes one version of
 * the whole of it. */
static void take_place(struct cut_image *im, unsigned disk, uint64_t first)
{
	const struct cut_disk *d = im->disk[disk];
	uint64_t off = first * CUT_SECTOR, len = d->unit * CUT_SECTOR;
	struct cut_place *p = add_place(im, disk, off, len);
	uint8_t durable[BDEV_ALIGN], *now = durable;
	uint32_t *list;
	unsigned n = versions_of(d, first, &list);

	p->clean = d->atomic;
	cut_content_read(&d->durable, off, durable, len);
	for (unsigned i = 0; i < n; i++) {
		const struct cut_version *v = &d->version[list[i]];

		if (i == 0 || v->op != d->version[list[i - 1]].op)
			now = memcpy(keep(im, len), now, len);
		memcpy(now + (v->sector - first) * CUT_SECTOR,
		       v->data != NULL ? v->data : cut_content_zeroes(), CUT_SECTOR);
		if (i + 1 == n || v->op != d->version[list[i + 1]].op)
			add_value(im, p, durable, now);
	}
	if (is_trimmed(d, off)) {
		add_value(im, p, durable, NULL);
		add_value(im, p, durable, cut_content_garbage() + off % BDEV_ALIGN);
	}
}

/* True if version i is the first of its place. */
static bool is_first(const struct cut_disk *d, uint32_t i)
{
	uint32_t *list;

	versions_of(d, d->version[i].sector / d->unit * d->unit, &list);
	return list[0] == i;
}

static void take_disk(struct cut_image *im, unsigned disk)
{
	const struct cut_disk *d = im->disk[disk];

	for (uint32_t i = 0; i < d->ntrims; i++) {
		struct cut_place *p = add_place(im, disk, d->trim[i].off, d->trim[i].len);

		p->trim = p->clean = true;
		p->n = 3;
	}
	for (uint32_t i = 0; i < d->nversions; i++)
		if (is_first(d, i))
			take_place(im, disk, d->version[i].sector / d->unit * d->unit);
}

void cut_image_take(struct cut_image *im, struct cut_disk *const *disks, unsigned ndisks)
{
	*im = (struct cut_image){ .ndisks = ndisks };
	for (unsigned i = 0; i < ndisks; i++)
		im->disk[i] = disks[i];
	for (unsigned i = 0; i < ndisks; i++)
		take_disk(im, i);
	im->pick = cut_content_must(calloc(im->n + 1, sizeof(*im->pick)));
}

void cut_image_free(struct cut_image *im)
{
	while (im->chunks != NULL) {
		struct cut_chunk *next = im->chunks->next;

		free(im->chunks);
		im->chunks = next;
	}
	free(im->place);
	free(im->pick);
	*im = (struct cut_image){ .n = 0 };
}

/* ---------------------------------------------------------------- choosing */

uint64_t cut_image_count(const struct cut_image *im)
{
	uint64_t all = 1, with = 0; /* with garbage in one of the places so far */

	for (unsigned i = 0; i < im->n; i++) {
		uint64_t n = im->place[i].n, garbage = im->place[i].clean ? 0 : 2;
		uint64_t more;

		if (__builtin_mul_overflow(with, n, &with) ||
		    __builtin_mul_overflow(all, garbage, &more) ||
		    __builtin_add_overflow(with, more, &with) ||
		    __builtin_mul_overflow(all, n, &all))
			return UINT64_MAX;
	}
	return __builtin_add_overflow(all, with, &all) ? UINT64_MAX : all;
}

uint64_t cut_image_random(uint64_t *seed)
{
	return cut_content_mix(*seed += 0x9e3779b97f4a7c15u);
}

static void choose_random(struct cut_image *im, uint64_t seed)
{
	for (unsigned i = 0; i < im->n; i++)
		im->pick[i] = (unsigned)(cut_image_random(&seed) % im->place[i].n);
	if (cut_image_random(&seed) % 4 != 0)
		return;
	im->garbage_at = (unsigned)(cut_image_random(&seed) % im->n);
	im->garbage = cut_image_random(&seed) % 2 == 0 ? CUT_GARBAGE_DATA : CUT_GARBAGE_BAD;
}

void cut_image_choose(struct cut_image *im, enum cut_image_sort sort, uint64_t which)
{
	bool none = sort == CUT_IMAGE_NONE || sort == CUT_IMAGE_ONE_LANDED;
	unsigned at;

	memset(im->pick, 0, im->n * sizeof(*im->pick));
	im->garbage = CUT_GARBAGE_NONE;
	im->garbage_at = 0;
	if (im->n == 0)
		return;
	at = (unsigned)(which % im->n);
	for (unsigned i = 0; i < im->n && !none; i++)
		im->pick[i] = im->place[i].n - 1;
	if (sort == CUT_IMAGE_ONE_MISSING)
		im->pick[at] = 0;
	else if (sort == CUT_IMAGE_ONE_LANDED)
		im->pick[at] = im->place[at].n - 1;
	else if (sort == CUT_IMAGE_ONE_GARBAGE || sort == CUT_IMAGE_ONE_BAD) {
		im->garbage_at = at;
		im->garbage = sort == CUT_IMAGE_ONE_BAD ? CUT_GARBAGE_BAD : CUT_GARBAGE_DATA;
	} else if (sort == CUT_IMAGE_RANDOM) {
		choose_random(im, which);
	}
	if (im->place[im->garbage_at].clean)
		im->garbage = CUT_GARBAGE_NONE;
}

/* ---------------------------------------------------------------- the image itself */

static void put_garbage(struct cut_content *out, const struct cut_place *p, bool bad)
{
	cut_content_write(out, p->off, cut_content_garbage() + p->off % BDEV_ALIGN, p->len);
	for (uint64_t at = 0; at < p->len && bad; at += CUT_SECTOR)
		cut_content_set_bad(out, (p->off + at) / CUT_SECTOR);
}

/* Of what a discarded range would take along. */
static void put_durable(struct cut_content *out, const struct cut_disk *d,
			const struct cut_place *p)
{
	uint8_t data[BDEV_ALIGN];

	cut_content_read(&d->durable, p->off, data, p->len);
	cut_content_write(out, p->off, data, p->len);
}

void cut_image_put(const struct cut_image *im, unsigned disk, struct cut_content *out)
{
	cut_content_copy(out, &im->disk[disk]->durable);
	for (unsigned i = 0; i < im->n; i++) {
		const struct cut_place *p = &im->place[i];

		if (p->disk != disk)
			continue;
		if (im->garbage != CUT_GARBAGE_NONE && i == im->garbage_at)
			put_garbage(out, p, im->garbage == CUT_GARBAGE_BAD);
		else if (p->trim && im->pick[i] > 0)
			cut_content_fill(out, p->off, p->len, im->pick[i] == 2);
		else if (im->pick[i] > 0)
			cut_content_write(out, p->off, p->value[im->pick[i]], p->len);
		else if (!p->trim && is_trimmed(im->disk[disk], p->off))
			put_durable(out, im->disk[disk], p);
	}
}
