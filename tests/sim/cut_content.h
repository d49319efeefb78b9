/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a simulated disk durably holds: pages that copies share until one of them writes, so that
 * millions of images fit; and a hash of all of it that is kept up to date sector by sector.
 */
#pragma once

#include "lib/bdev.h"

#define CUT_SECTOR  512u
#define CUT_BAD_MAX 32u

struct cut_page {
	unsigned refs;
	uint64_t key; /* cut_content_key() of the data; 0: not known */
	uint8_t data[BDEV_ALIGN];
};

struct cut_leaf;

struct cut_content {
	uint64_t size; /* bytes */
	uint8_t blank; /* value of bytes never written */
	uint64_t hash; /* of what every sector holds; 0: all blank */
	unsigned nleaves;
	struct cut_leaf **leaf;
	unsigned nbad; /* sectors that cannot be read until they are written */
	uint64_t bad[CUT_BAD_MAX];
};

/* size is a multiple of BDEV_ALIGN. All of these end the process when there is no memory. */
void cut_content_init(struct cut_content *c, uint64_t size, uint8_t blank);
void cut_content_free(struct cut_content *c);
/* dst is initialised, of any size, and becomes a copy of src that shares its pages. */
void cut_content_copy(struct cut_content *dst, const struct cut_content *src);

/* Copies out what a sector holds, whether or not it can be read. */
void cut_content_get(const struct cut_content *c, uint64_t sector, uint8_t data[CUT_SECTOR]);
/* The same of len bytes at off, and the reverse; both are multiples of CUT_SECTOR. */
void cut_content_read(const struct cut_content *c, uint64_t off, void *buf, uint64_t len);
void cut_content_write(struct cut_content *c, uint64_t off, const void *buf, uint64_t len);
/* A page of BDEV_ALIGN bytes; NULL: blank. Borrowed until the next change. */
const uint8_t *cut_content_page(const struct cut_content *c, uint64_t page);
/* Makes p the page, without a copy; its owner keeps a reference. The hash is the caller's to set.
 */
void cut_content_share(struct cut_content *c, uint64_t page, struct cut_page *p);
/* data NULL: zeroes. Heals the sector. */
void cut_content_put(struct cut_content *c, uint64_t sector, const uint8_t *data);
/* Fills whole pages with one value of garbage, or with zeroes, at no cost in memory. */
void cut_content_fill(struct cut_content *c, uint64_t off, uint64_t len, bool garbage);
void cut_content_set_bad(struct cut_content *c, uint64_t sector);
bool cut_content_is_bad(const struct cut_content *c, uint64_t sector);

/* p. Ends the process when it is NULL, for want of memory. */
void *cut_content_must(void *p);
/* p, an array of n, with room for one more of that size; begins with NULL and no room. */
void *cut_content_room(void *p, size_t n, uint32_t *room, size_t size);
/* A number that depends on each bit of this one. */
uint64_t cut_content_mix(uint64_t z);
/* Sectors of a page that cannot be read, as bits. */
unsigned cut_content_bad_of(const struct cut_content *c, uint64_t page);

/* A hash of bytes, wherever they stand; len is a multiple of 64. Never 0. */
uint64_t cut_content_key(const uint8_t *data, size_t len);
/* That of a page, which is kept beside it. A page that is blank, with what is not zero, has a
 * number of its own. */
uint64_t cut_content_page_key(const struct cut_content *c, uint64_t page);

/* The bytes that stand for garbage: the same ones each time, and like nothing that is written. */
const uint8_t *cut_content_garbage(void);
const uint8_t *cut_content_zeroes(void); /* a page */
