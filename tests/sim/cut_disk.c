/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/cut_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cut_blob {
	struct cut_blob *next;
	uint8_t data[];
};

static struct cut_disk *self(struct bdev *b)
{
	return (struct cut_disk *)(void *)b;
}

void cut_power_init(struct cut_power *p)
{
	*p = (struct cut_power){ .ops = 0 };
}

/* ---------------------------------------------------------------- what is pending */

/* The slot of the hash table that holds a sector, or where it would be. */
static uint32_t *find(const struct cut_disk *d, uint64_t sector)
{
	uint32_t at = (uint32_t)(sector * 0x9e3779b97f4a7c15u >> 40) & (d->index_size - 1);

	while (d->index[at] != 0 && d->version[d->index[at] - 1].sector != sector)
		at = (at + 1) & (d->index_size - 1);
	return &d->index[at];
}

static void grow_index(struct cut_disk *d)
{
	free(d->index);
	d->index_size = d->index_size == 0 ? 1024 : 2 * d->index_size;
	d->index = cut_content_must(calloc(d->index_size, sizeof(*d->index)));
	for (uint32_t i = 0; i < d->nversions; i++)
		*find(d, d->version[i].sector) = i + 1;
}

const struct cut_version *cut_disk_newest(const struct cut_disk *d, uint64_t sector)
{
	uint32_t at = d->nversions == 0 ? 0 : *find(d, sector);

	return at == 0 ? NULL : &d->version[at - 1];
}

static void add_version(struct cut_disk *d, uint64_t sector, const uint8_t *data, uint32_t op)
{
	uint32_t *slot;

	d->version = cut_content_room(d->version, d->nversions, &d->room, sizeof(*d->version));
	if (2 * (d->nversions + 1) > d->index_size)
		grow_index(d);
	slot = find(d, sector);
	d->version[d->nversions++] = (struct cut_version){
		.sector = sector,
		.older = *slot,
		.op = op,
		.data = data,
	};
	*slot = d->nversions;
}

static void add_trim(struct cut_disk *d, uint64_t off, uint64_t len)
{
	d->trim = cut_content_room(d->trim, d->ntrims, &d->trims_room, sizeof(*d->trim));
	d->trim[d->ntrims++] = (struct cut_trim){ .off = off, .len = len, .op = d->op };
}

static void drop_pending(struct cut_disk *d)
{
	while (d->blobs != NULL) {
		struct cut_blob *next = d->blobs->next;

		free(d->blobs);
		d->blobs = next;
	}
	if (d->nversions > 0)
		memset(d->index, 0, d->index_size * sizeof(*d->index));
	d->nversions = d->ntrims = d->op = 0;
}

/* ---------------------------------------------------------------- operations */

/* True if the effect of an operation is to happen. *err is what is returned. */
static bool begin(struct cut_disk *d, enum kb_err *err)
{
	*err = KB_EIO;
	if (d->power->off)
		return false;
	d->power->ops++;
	d->op++;
	if (d->fail_at != 0 &&
	    (d->power->ops == d->fail_at || (d->fail_stays && d->power->ops > d->fail_at)))
		return d->fail_lands;
	*err = KB_OK;
	return true;
}

static bool is_dead(const struct cut_disk *d, uint64_t off, uint64_t len, bool write)
{
	for (unsigned i = 0; i < 2; i++)
		if ((write ? d->dead[i].writes : d->dead[i].reads) && off < d->dead[i].to &&
		    off + len > d->dead[i].from)
			return true;
	return false;
}

/* An operation that power survives is told of; one that it does not, has been issued all the same.
 */
static enum kb_err end(struct cut_disk *d, enum kb_err err, enum cut_op_kind kind, uint64_t off,
		       uint64_t len, const void *data)
{
	const struct cut_op op = { .kind = kind, .disk = d, .off = off, .len = len, .data = data };

	if (d->power->watch != NULL)
		d->power->watch(d->power->ctx, &op);
	if (d->power->cut_at != 0 && d->power->ops == d->power->cut_at)
		d->power->off = true;
	return d->power->off ? KB_EIO : err;
}

enum kb_err cut_disk_write(struct cut_disk *d, uint64_t off, const void *buf, uint64_t len)
{
	struct cut_blob *b;
	enum kb_err err;

	if (!begin(d, &err))
		return err;
	if (is_dead(d, off, len, true))
		return KB_EIO;
	d->writes++;
	b = cut_content_must(malloc(sizeof(*b) + len));
	memcpy(b->data, buf, len);
	b->next = d->blobs;
	d->blobs = b;
	if (d->power->ops == d->flip_at)
		b->data[len / 2] ^= 0x10;
	for (uint64_t at = 0; at < len; at += CUT_SECTOR)
		add_version(d, (off + at) / CUT_SECTOR, b->data + at, d->op);
	return end(d, err, CUT_WRITE, off, len, b->data);
}

enum kb_err cut_disk_zero(struct cut_disk *d, uint64_t off, uint64_t len)
{
	enum kb_err err;

	if (!begin(d, &err))
		return err;
	if (is_dead(d, off, len, true))
		return KB_EIO;
	d->writes++;
	for (uint64_t at = 0; at < len; at += CUT_SECTOR)
		add_version(d, (off + at) / CUT_SECTOR, NULL, d->op);
	return end(d, err, CUT_ZERO, off, len, NULL);
}

enum kb_err cut_disk_discard(struct cut_disk *d, uint64_t off, uint64_t len)
{
	enum kb_err err;

	if (!begin(d, &err))
		return err;
	add_trim(d, off, len);
	return end(d, err, CUT_DISCARD, off, len, NULL);
}

static void make_durable(struct cut_disk *d)
{
	uint32_t t = 0;

	for (uint32_t i = 0; i <= d->nversions; i++) {
		while (t < d->ntrims && (i == d->nversions || d->trim[t].op < d->version[i].op)) {
			if (d->discarded != CUT_DISCARD_OLD)
				cut_content_fill(&d->durable, d->trim[t].off, d->trim[t].len,
						 d->discarded == CUT_DISCARD_GARBAGE);
			t++;
		}
		if (i < d->nversions)
			cut_content_put(&d->durable, d->version[i].sector, d->version[i].data);
	}
	drop_pending(d);
}

static bool is_trimmed(const struct cut_disk *d, uint64_t off, uint64_t len)
{
	for (uint32_t i = 0; i < d->ntrims; i++)
		if (d->trim[i].off < off + len && off < d->trim[i].off + d->trim[i].len)
			return true;
	return false;
}

/* What lies elsewhere stays pending, in the order in which it was written. */
static void make_range_durable(struct cut_disk *d, uint64_t off, uint64_t len)
{
	uint32_t n = d->nversions;

	if (n > 0)
		memset(d->index, 0, d->index_size * sizeof(*d->index));
	d->nversions = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct cut_version v = d->version[i];
		uint64_t at = v.sector * CUT_SECTOR;

		if (at >= off && at - off < len)
			cut_content_put(&d->durable, v.sector, v.data);
		else
			add_version(d, v.sector, v.data, v.op);
	}
	if (d->nversions == 0 && d->ntrims == 0)
		drop_pending(d);
}

enum kb_err cut_disk_flush_range(struct cut_disk *d, uint64_t off, uint64_t len)
{
	enum kb_err err;

	if (d->power->before_flush != NULL)
		d->power->before_flush(d->power->ctx);
	if (!begin(d, &err))
		return err;
	d->flushes++;
	/* The power that goes during a flush leaves what is pending to chance. */
	if (!d->ignore_flush && err == KB_OK &&
	    (d->power->cut_at == 0 || d->power->ops != d->power->cut_at)) {
		if (len == d->bdev.size || is_trimmed(d, off, len))
			make_durable(d);
		else
			make_range_durable(d, off, len);
	}
	return end(d, err, CUT_FLUSH, off, len, NULL);
}

enum kb_err cut_disk_flush(struct cut_disk *d)
{
	return cut_disk_flush_range(d, 0, d->bdev.size);
}

/* ---------------------------------------------------------------- as a bdev */

static const struct cut_trim *trim_over(const struct cut_disk *d, uint64_t off)
{
	for (uint32_t i = d->ntrims; i > 0; i--)
		if (off >= d->trim[i - 1].off && off < d->trim[i - 1].off + d->trim[i - 1].len)
			return &d->trim[i - 1];
	return NULL;
}

/* Reads one sector as it is now. */
static enum kb_err read_sector(const struct cut_disk *d, uint64_t sector, uint8_t *out)
{
	const struct cut_version *v = cut_disk_newest(d, sector);
	const struct cut_trim *t =
		d->discarded != CUT_DISCARD_OLD ? trim_over(d, sector * CUT_SECTOR) : NULL;

	if (t != NULL && (v == NULL || v->op < t->op)) {
		const uint8_t *page = d->discarded == CUT_DISCARD_ZEROES ? cut_content_zeroes()
									 : cut_content_garbage();

		memcpy(out, page + sector % 8 * CUT_SECTOR, CUT_SECTOR);
		return KB_OK;
	}
	if (v == NULL) {
		cut_content_get(&d->durable, sector, out);
		return cut_content_is_bad(&d->durable, sector) ? KB_EIO : KB_OK;
	}
	memcpy(out, v->data != NULL ? v->data : cut_content_zeroes(), CUT_SECTOR);
	return KB_OK;
}

static enum kb_err disk_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	struct cut_disk *d = self(b);
	uint8_t *p = buf;

	if (d->power->off || is_dead(d, off, len, false))
		return KB_EIO;
	d->reads++;
	if (d->nversions == 0 && d->ntrims == 0 && d->durable.nbad == 0) {
		for (size_t at = 0; at < len; at += BDEV_ALIGN) {
			const uint8_t *page =
				cut_content_page(&d->durable, (off + at) / BDEV_ALIGN);

			if (page != NULL)
				memcpy(p + at, page, BDEV_ALIGN);
			else
				memset(p + at, d->durable.blank, BDEV_ALIGN);
		}
		return KB_OK;
	}
	for (size_t at = 0; at < len; at += CUT_SECTOR)
		TRY(read_sector(d, (off + at) / CUT_SECTOR, p + at));
	return KB_OK;
}

static enum kb_err disk_write(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	return cut_disk_write(self(b), off, buf, len);
}

static enum kb_err disk_zero(struct bdev *b, uint64_t off, uint64_t len)
{
	return cut_disk_zero(self(b), off, len);
}

static enum kb_err disk_flush(struct bdev *b)
{
	return cut_disk_flush(self(b));
}

static enum kb_err disk_flush_range(struct bdev *b, uint64_t off, uint64_t len)
{
	return cut_disk_flush_range(self(b), off, len);
}

static enum kb_err disk_discard(struct bdev *b, uint64_t off, uint64_t len)
{
	return cut_disk_discard(self(b), off, len);
}

static const struct bdev_ops disk_ops = {
	.read = disk_read,
	.write = disk_write,
	.flush = disk_flush,
	.flush_range = disk_flush_range,
	.discard = disk_discard,
	.zero = disk_zero,
};

void cut_disk_init(struct cut_disk *d, struct cut_power *p, uint64_t size)
{
	*d = (struct cut_disk){
		.bdev = { .ops = &disk_ops, .size = size, .sector = CUT_SECTOR },
		.power = p != NULL ? p : &d->own,
		.unit = 1,
	};
	cut_content_init(&d->durable, size, 0);
}

void cut_disk_free(struct cut_disk *d)
{
	drop_pending(d);
	free(d->version);
	free(d->trim);
	free(d->index);
	cut_content_free(&d->durable);
	*d = (struct cut_disk){ .unit = 0 };
}

void cut_disk_start(struct cut_disk *d, const struct cut_content *src)
{
	drop_pending(d);
	if (src != &d->durable)
		cut_content_copy(&d->durable, src);
	d->reads = d->writes = d->flushes = 0;
	d->fail_at = d->flip_at = 0;
	d->fail_lands = d->fail_stays = d->ignore_flush = false;
	memset(d->dead, 0, sizeof(d->dead));
}
