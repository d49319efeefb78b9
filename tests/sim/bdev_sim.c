/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/bdev_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct bdev_sim *self(struct bdev *b)
{
	return (struct bdev_sim *)b;
}

static void *must(void *p)
{
	if (p == NULL) {
		fputs("bdev_sim: out of memory\n", stderr);
		exit(1);
	}
	return p;
}

/* splitmix64: small, and good enough to choose. */
static uint64_t next_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint8_t *durable_sector(struct bdev_sim *d, uint64_t sector)
{
	uint64_t at = sector * BDEV_SIM_SECTOR;
	uint8_t **page = &d->page[at / BDEV_ALIGN];

	if (*page == NULL) {
		*page = must(malloc(BDEV_ALIGN));
		memset(*page, d->blank, BDEV_ALIGN);
	}
	return *page + at % BDEV_ALIGN;
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

static void add_pending(struct bdev_sim *d, uint64_t off, const uint8_t *buf, size_t len)
{
	for (size_t at = 0; at < len; at += BDEV_SIM_SECTOR) {
		if (d->npending == d->room) {
			d->room = d->room == 0 ? 64 : 2 * d->room;
			d->pending = must(realloc(d->pending, d->room * sizeof(*d->pending)));
		}
		d->pending[d->npending].sector = (off + at) / BDEV_SIM_SECTOR;
		memcpy(d->pending[d->npending].data, buf + at, BDEV_SIM_SECTOR);
		d->npending++;
	}
}

static enum kb_err sim_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	struct bdev_sim *d = self(b);
	uint8_t *p = buf;

	if (d->off || is_dead(d, off, len, false))
		return KB_EIO;
	d->reads++;
	for (size_t at = 0; at < len; at += BDEV_ALIGN) {
		const uint8_t *page = d->page[(off + at) / BDEV_ALIGN];

		if (page != NULL)
			memcpy(p + at, page, BDEV_ALIGN);
		else
			memset(p + at, d->blank, BDEV_ALIGN);
	}
	for (size_t i = 0; i < d->npending; i++) {
		uint64_t at = d->pending[i].sector * BDEV_SIM_SECTOR;

		if (at >= off && at < off + len)
			memcpy(p + (at - off), d->pending[i].data, BDEV_SIM_SECTOR);
	}
	return KB_OK;
}

static enum kb_err sim_write(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	struct bdev_sim *d = self(b);
	bool lands;
	enum kb_err e = begin_op(d, &lands);

	if (is_dead(d, off, len, true))
		return KB_EIO;
	d->writes++;
	if (lands)
		add_pending(d, off, buf, len);
	if (lands && d->ops == d->flip_at)
		d->pending[d->npending - 1].data[7] ^= 0x10;
	return e;
}

static void make_durable(struct bdev_sim *d)
{
	for (size_t i = 0; i < d->npending; i++)
		memcpy(durable_sector(d, d->pending[i].sector), d->pending[i].data,
		       BDEV_SIM_SECTOR);
	d->npending = 0;
}

static enum kb_err sim_flush(struct bdev *b)
{
	struct bdev_sim *d = self(b);
	bool lands;
	enum kb_err e = begin_op(d, &lands);

	d->flushes++;
	if (e == KB_OK && !d->ignore_flush)
		make_durable(d);
	return e;
}

/* What was discarded reads as anything. */
static enum kb_err sim_discard(struct bdev *b, uint64_t off, uint64_t len)
{
	struct bdev_sim *d = self(b);
	bool lands;
	enum kb_err e = begin_op(d, &lands);
	uint64_t seed = off ^ d->ops;

	for (uint64_t at = 0; lands && at < len; at += BDEV_SIM_SECTOR) {
		uint8_t data[BDEV_SIM_SECTOR];

		for (unsigned i = 0; i < sizeof(data); i++)
			data[i] = (uint8_t)next_random(&seed);
		add_pending(d, off + at, data, sizeof(data));
	}
	return e;
}

static const struct bdev_ops sim_ops = {
	.read = sim_read,
	.write = sim_write,
	.flush = sim_flush,
	.discard = sim_discard,
};

void bdev_sim_init(struct bdev_sim *d, uint64_t size)
{
	*d = (struct bdev_sim){
		.bdev = { .ops = &sim_ops, .size = size, .sector = BDEV_SIM_SECTOR },
	};
	d->page = must(calloc((size_t)(size / BDEV_ALIGN), sizeof(*d->page)));
}

static void drop_content(struct bdev_sim *d)
{
	for (uint64_t i = 0; i < d->bdev.size / BDEV_ALIGN; i++) {
		free(d->page[i]);
		d->page[i] = NULL;
	}
	d->npending = 0;
}

void bdev_sim_free(struct bdev_sim *d)
{
	drop_content(d);
	free(d->page);
	free(d->pending);
	*d = (struct bdev_sim){ 0 };
}

void bdev_sim_copy(struct bdev_sim *dst, const struct bdev_sim *src)
{
	struct bdev_sim old = *dst;

	drop_content(dst);
	*dst = (struct bdev_sim){
		.bdev = src->bdev,
		.page = old.page,
		.blank = src->blank,
		.pending = old.pending,
		.room = old.room,
	};
	for (uint64_t i = 0; i < src->bdev.size / BDEV_ALIGN; i++)
		if (src->page[i] != NULL) {
			dst->page[i] = must(malloc(BDEV_ALIGN));
			memcpy(dst->page[i], src->page[i], BDEV_ALIGN);
		}
}

/* True if a version after i is of the same sector. */
static bool is_overtaken(const struct bdev_sim *d, size_t i)
{
	for (size_t j = i + 1; j < d->npending; j++)
		if (d->pending[j].sector == d->pending[i].sector)
			return true;
	return false;
}

/*
 * Each sector becomes its durable value or one of its versions, all equally likely: the i-th of n
 * versions wins with 1 / (its number + 1), which is what choosing among those so far comes to.
 */
static void land_some(struct bdev_sim *d, uint64_t seed)
{
	uint64_t torn =
		seed % 4 == 0 && d->npending > 0 ? next_random(&seed) % d->npending : UINT64_MAX;

	for (size_t i = 0; i < d->npending; i++) {
		uint8_t *to = durable_sector(d, d->pending[i].sector);
		uint64_t before = 1;

		for (size_t j = 0; j < i; j++)
			before += d->pending[j].sector == d->pending[i].sector;
		if (next_random(&seed) % (before + 1) == 0)
			memcpy(to, d->pending[i].data, BDEV_SIM_SECTOR);
		if (i == torn) {
			uint64_t at = next_random(&seed) % BDEV_SIM_SECTOR;

			for (uint64_t k = at; k < BDEV_SIM_SECTOR; k++)
				to[k] = (uint8_t)next_random(&seed);
		}
	}
}

void bdev_sim_cut(struct bdev_sim *d, uint64_t seed)
{
	if (seed == 1) {
		for (size_t i = 0; i < d->npending; i++)
			if (!is_overtaken(d, i))
				memcpy(durable_sector(d, d->pending[i].sector), d->pending[i].data,
				       BDEV_SIM_SECTOR);
	} else if (seed != 0) {
		land_some(d, seed);
	}
	d->npending = 0;
	d->ops = d->reads = d->writes = d->flushes = 0;
	d->cut_at = d->fail_at = d->flip_at = 0;
	d->off = d->fail_lands = d->fail_stays = d->ignore_flush = false;
	memset(d->dead, 0, sizeof(d->dead));
}

void bdev_sim_scribble(struct bdev_sim *d, uint64_t off, uint64_t len, uint64_t seed)
{
	for (uint64_t at = 0; at < len; at += BDEV_SIM_SECTOR) {
		uint8_t *to = durable_sector(d, (off + at) / BDEV_SIM_SECTOR);

		for (unsigned i = 0; i < BDEV_SIM_SECTOR; i++)
			to[i] = (uint8_t)next_random(&seed);
	}
}
