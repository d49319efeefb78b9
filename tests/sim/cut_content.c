/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/cut_content.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAF_PAGES 256u
#define PAGE_SECTS (BDEV_ALIGN / CUT_SECTOR)
#define LANES	   8u /* side by side, so that none waits for another's product */

struct cut_leaf {
	unsigned refs;
	struct cut_page *page[LEAF_PAGES];
};

static struct cut_page *garbage_page, *zero_page;

void *cut_content_must(void *p)
{
	if (p == NULL) {
		fputs("out of memory\n", stderr);
		exit(1);
	}
	return p;
}

void *cut_content_room(void *p, size_t n, uint32_t *room, size_t size)
{
	if (n < *room)
		return p;
	*room = *room == 0 ? 64 : 2 * *room;
	return cut_content_must(realloc(p, *room * size));
}

uint64_t cut_content_mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* A page that nothing ever changes, since a reference of it is kept here. */
static struct cut_page *constant_page(bool garbage)
{
	struct cut_page **p = garbage ? &garbage_page : &zero_page;

	if (*p == NULL) {
		*p = cut_content_must(calloc(1, sizeof(**p)));
		(*p)->refs = 1;
		for (unsigned i = 0; garbage && i < BDEV_ALIGN; i++)
			(*p)->data[i] = (uint8_t)(cut_content_mix(i / 8 + 0x6a5) >> i % 8 * 8);
	}
	return *p;
}

const uint8_t *cut_content_garbage(void)
{
	return constant_page(true)->data;
}

const uint8_t *cut_content_zeroes(void)
{
	return constant_page(false)->data;
}

void cut_content_init(struct cut_content *c, uint64_t size, uint8_t blank)
{
	uint64_t leaf_size = (uint64_t)LEAF_PAGES * BDEV_ALIGN;

	*c = (struct cut_content){ .size = size, .blank = blank };
	c->nleaves = (unsigned)((size + leaf_size - 1) / leaf_size);
	c->leaf = cut_content_must(calloc(c->nleaves + 1, sizeof(struct cut_leaf *)));
}

static void put_page(struct cut_page *p)
{
	if (p != NULL && --p->refs == 0)
		free(p);
}

static void put_leaf(struct cut_leaf *l)
{
	if (l == NULL || --l->refs > 0)
		return;
	for (unsigned i = 0; i < LEAF_PAGES; i++)
		put_page(l->page[i]);
	free(l);
}

void cut_content_free(struct cut_content *c)
{
	for (unsigned i = 0; i < c->nleaves; i++)
		put_leaf(c->leaf[i]);
	free(c->leaf);
	*c = (struct cut_content){ .size = 0 };
}

void cut_content_copy(struct cut_content *dst, const struct cut_content *src)
{
	struct cut_content old = *dst;

	*dst = *src;
	dst->leaf = cut_content_must(calloc(src->nleaves + 1, sizeof(struct cut_leaf *)));
	for (unsigned i = 0; i < src->nleaves; i++) {
		dst->leaf[i] = src->leaf[i];
		if (dst->leaf[i] != NULL)
			dst->leaf[i]->refs++;
	}
	cut_content_free(&old);
}

/* The leaf of a page, this content's own. */
static struct cut_leaf *own_leaf(struct cut_content *c, uint64_t page)
{
	struct cut_leaf **at = &c->leaf[page / LEAF_PAGES], *l = *at;

	if (l != NULL && l->refs == 1)
		return l;
	*at = cut_content_must(calloc(1, sizeof(**at)));
	(*at)->refs = 1;
	for (unsigned i = 0; l != NULL && i < LEAF_PAGES; i++) {
		(*at)->page[i] = l->page[i];
		if (l->page[i] != NULL)
			l->page[i]->refs++;
	}
	put_leaf(l);
	return *at;
}

static uint8_t *own_page(struct cut_content *c, uint64_t page)
{
	struct cut_page **at = &own_leaf(c, page)->page[page % LEAF_PAGES], *p = *at;

	if (p != NULL && p->refs == 1) {
		p->key = 0;
		return p->data;
	}
	*at = cut_content_must(malloc(sizeof(**at)));
	(*at)->refs = 1;
	(*at)->key = 0;
	if (p != NULL)
		memcpy((*at)->data, p->data, BDEV_ALIGN);
	else
		memset((*at)->data, c->blank, BDEV_ALIGN);
	put_page(p);
	return (*at)->data;
}

void cut_content_share(struct cut_content *c, uint64_t page, struct cut_page *p)
{
	struct cut_page **at = &own_leaf(c, page)->page[page % LEAF_PAGES];

	put_page(*at);
	p->refs++;
	*at = p;
}

static struct cut_page *page_of(const struct cut_content *c, uint64_t page)
{
	const struct cut_leaf *l = c->leaf[page / LEAF_PAGES];

	return l == NULL ? NULL : l->page[page % LEAF_PAGES];
}

const uint8_t *cut_content_page(const struct cut_content *c, uint64_t page)
{
	const struct cut_page *p = page_of(c, page);

	return p == NULL ? NULL : p->data;
}

void cut_content_get(const struct cut_content *c, uint64_t sector, uint8_t data[CUT_SECTOR])
{
	const uint8_t *p = cut_content_page(c, sector / PAGE_SECTS);

	if (p != NULL)
		memcpy(data, p + sector % PAGE_SECTS * CUT_SECTOR, CUT_SECTOR);
	else
		memset(data, c->blank, CUT_SECTOR);
}

uint64_t cut_content_key(const uint8_t *data, size_t len)
{
	uint64_t h[LANES], word, all = len;

	for (unsigned k = 0; k < LANES; k++)
		h[k] = k;
	for (size_t i = 0; i < len; i += LANES * sizeof(word)) {
		for (unsigned k = 0; k < LANES; k++) {
			memcpy(&word, data + i + k * sizeof(word), sizeof(word));
			h[k] = (h[k] ^ word) * 0xff51afd7ed558ccdu;
			h[k] ^= h[k] >> 29;
		}
	}
	for (unsigned k = 0; k < LANES; k++)
		all = cut_content_mix(all + h[k]);
	return all | 1;
}

uint64_t cut_content_page_key(const struct cut_content *c, uint64_t page)
{
	struct cut_page *p = page_of(c, page);

	if (p == NULL && c->blank != 0)
		return c->blank;
	if (p == NULL)
		p = constant_page(false);
	if (p->key == 0)
		p->key = cut_content_key(p->data, BDEV_ALIGN);
	return p->key;
}

static bool is_blank(const struct cut_content *c, const uint8_t *data)
{
	return data[0] == c->blank && memcmp(data, data + 1, CUT_SECTOR - 1) == 0;
}

/* The hash of a sector with that key. */
static uint64_t placed(uint64_t key, uint64_t sector)
{
	return cut_content_mix(key + sector * 0x9e3779b97f4a7c15u);
}

/* What a sector adds to the hash of the content; 0 for a blank one. */
static uint64_t sector_hash(const struct cut_content *c, uint64_t sector, const uint8_t *data)
{
	return is_blank(c, data) ? 0 : placed(cut_content_key(data, CUT_SECTOR), sector);
}

/* In addition, when it cannot be read. */
static uint64_t bad_hash(uint64_t sector)
{
	return cut_content_mix(sector + 0x5bad5bad5badu);
}

bool cut_content_is_bad(const struct cut_content *c, uint64_t sector)
{
	for (unsigned i = 0; i < c->nbad; i++)
		if (c->bad[i] == sector)
			return true;
	return false;
}

unsigned cut_content_bad_of(const struct cut_content *c, uint64_t page)
{
	unsigned bad = 0;

	for (unsigned i = 0; i < c->nbad; i++)
		if (c->bad[i] / PAGE_SECTS == page)
			bad |= 1u << c->bad[i] % PAGE_SECTS;
	return bad;
}

void cut_content_set_bad(struct cut_content *c, uint64_t sector)
{
	if (cut_content_is_bad(c, sector) || c->nbad == CUT_BAD_MAX)
		return;
	c->bad[c->nbad++] = sector;
	c->hash += bad_hash(sector);
}

static void heal(struct cut_content *c, uint64_t sector)
{
	for (unsigned i = 0; i < c->nbad; i++) {
		if (c->bad[i] != sector)
			continue;
		c->bad[i] = c->bad[--c->nbad];
		c->hash -= bad_hash(sector);
		return;
	}
}

void cut_content_put(struct cut_content *c, uint64_t sector, const uint8_t *data)
{
	const uint8_t *new = data != NULL ? data : constant_page(false)->data;
	uint8_t old[CUT_SECTOR];

	if (c->nbad > 0)
		heal(c, sector);
	cut_content_get(c, sector, old);
	if (memcmp(old, new, CUT_SECTOR) == 0)
		return;
	c->hash += sector_hash(c, sector, new) - sector_hash(c, sector, old);
	memcpy(own_page(c, sector / PAGE_SECTS) + sector % PAGE_SECTS * CUT_SECTOR, new,
	       CUT_SECTOR);
}

void cut_content_read(const struct cut_content *c, uint64_t off, void *buf, uint64_t len)
{
	for (uint64_t at = 0; at < len; at += CUT_SECTOR)
		cut_content_get(c, (off + at) / CUT_SECTOR, (uint8_t *)buf + at);
}

void cut_content_write(struct cut_content *c, uint64_t off, const void *buf, uint64_t len)
{
	for (uint64_t at = 0; at < len; at += CUT_SECTOR)
		cut_content_put(c, (off + at) / CUT_SECTOR,
				buf != NULL ? (const uint8_t *)buf + at : NULL);
}

static uint64_t page_hash(const struct cut_content *c, uint64_t page, const uint8_t *data)
{
	uint64_t sum = 0;

	for (unsigned i = 0; data != NULL && i < PAGE_SECTS; i++)
		sum += sector_hash(c, page * PAGE_SECTS + i, data + i * CUT_SECTOR);
	return sum;
}

void cut_content_fill(struct cut_content *c, uint64_t off, uint64_t len, bool garbage)
{
	struct cut_page *with = constant_page(garbage);
	uint64_t key[PAGE_SECTS]; /* 0: blank */

	for (unsigned i = 0; i < PAGE_SECTS; i++) {
		const uint8_t *data = with->data + i * CUT_SECTOR;

		key[i] = is_blank(c, data) ? 0 : cut_content_key(data, CUT_SECTOR);
	}
	for (uint64_t page = off / BDEV_ALIGN; page < (off + len) / BDEV_ALIGN; page++) {
		struct cut_page **at = &own_leaf(c, page)->page[page % LEAF_PAGES];

		for (unsigned i = 0; c->nbad > 0 && i < PAGE_SECTS; i++)
			heal(c, page * PAGE_SECTS + i);
		for (unsigned i = 0; i < PAGE_SECTS; i++)
			c->hash += key[i] != 0 ? placed(key[i], page * PAGE_SECTS + i) : 0;
		c->hash -= page_hash(c, page, *at != NULL ? (*at)->data : NULL);
		put_page(*at);
		with->refs++;
		*at = with;
	}
}
